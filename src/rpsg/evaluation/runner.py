"""Runs a metric, built in or third-party, for every row; a metric that fails gives a Measure with a reason.

The result of each metric is checked and converted to plain values at once. Otherwise a value that JSON cannot
represent would make the report fail after everything was computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg import registry
from rpsg.disk.json_text import is_number
from rpsg.errors import RpsgError, UsageError
from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics import BETTER
from rpsg.measures import Measure
from rpsg.privacy.private import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.inputs import Inputs, Metric
    from rpsg.measures import Interval


class MalformedError(Exception):
    """A metric returned something that a Measure may not contain. The message completes "The metric ..."."""


def find_metrics(named: Sequence[str]) -> dict[str, Metric]:
    """The metrics that were named, or all of them.

    One that cannot be loaded is replaced by a metric without a value; UsageError if it was named.
    """
    return {name: find_metric(name) for name in named} or {
        name: _found(name) for name in registry.names("metrics")
    }


def _found(name: str) -> Metric:
    try:
        return find_metric(name)
    except UsageError as error:
        said = _said(error)

    def unavailable(_: Inputs, /) -> Measure:
        raise UnavailableError(said)

    return unavailable


def find_metric(name: str) -> Metric:
    """The metric called ``name``; UsageError if there is none, or a plug-in cannot be loaded."""
    found: Metric = registry.find("metrics", name)
    if not callable(found):
        raise registry.at_fault("metrics", name, "is not a function")
    return found


def run_metric(
    name: str, metric: Metric, inputs: Mapping[str, Inputs], seconds: dict[str, float]
) -> dict[str, Measure]:
    """The metric of every row. A plug-in says with a value whether higher is better; this then holds for
    every row.
    """
    since = time.monotonic()
    found = {row: measure(name, metric, its) for row, its in inputs.items()}
    seconds[name] = time.monotonic() - since
    told = (m.higher_is_better for m in found.values() if m.value is not None)
    better = BETTER[name] if name in BETTER else next(told, None)
    return {
        row: its if its.value is not None else replace(its, higher_is_better=better)
        for row, its in found.items()
    }


def measure(name: str, metric: Metric, inputs: Inputs) -> Measure:
    """What the metric returns, or a Measure with a reason; internal if the metric read real texts."""
    inputs.has_read_real = False
    try:
        found = _checked(name, metric(inputs), inputs)
    except MalformedError as error:
        return _nothing(name, inputs, _said(registry.at_fault("metrics", name, str(error))))
    except RpsgError as error:
        return _nothing(name, inputs, _said(error))
    except Exception as error:  # noqa: BLE001  # a plug-in may raise anything; its message may quote
        fault = registry.at_fault("metrics", name, f"failed ({place_of(error)})")
        return _nothing(name, inputs, _said(fault))
    if found.value is not None and not math.isfinite(found.value):
        return replace(found, value=None, interval=None, reason="The value is not a finite number.")
    if found.n_synthetic < 2 or (found.n_real is not None and found.n_real < 2):
        return replace(found, interval=None)  # one text shows no spread
    return found


def _said(error: RpsgError) -> str:
    return f"{error.message} {error.hint}".strip()


def _nothing(name: str, inputs: Inputs, reason: str) -> Measure:
    return Measure(
        name,
        None,
        n_synthetic=len(inputs.corpus),
        n_real=inputs.n_real_read,
        seed=inputs.seed,
        reason=reason,
    )


def _checked(name: str, found: object, inputs: Inputs) -> Measure:
    """The Measure in plain values. Anything else raises MalformedError, which quotes nothing of it."""
    if not isinstance(found, Measure):
        raise MalformedError(f"gives no Measure but something of the type {type(found).__name__}")
    if found.name != name:
        raise MalformedError("answers with a name that is not its own")
    value = plain(found.value)
    if value is not None and not is_number(value):
        raise MalformedError("gives a value that is not a number")
    reason = _text(found.reason)
    return Measure(
        name=name,
        value=None if value is None else float(value),
        interval=_interval(found.interval),
        n_synthetic=_count(found.n_synthetic) or len(inputs.corpus),
        n_real=inputs.n_real_read if found.n_real is None else _count(found.n_real),
        model=_text(found.model),
        seed=_count(found.seed),
        higher_is_better=_way(found.higher_is_better),
        reason=reason or ("It gives no value, and no reason." if value is None else ""),
        details=_table(found.details),
    )


def plain(value: Any) -> Any:
    """``value`` as JSON types (and NaN), without numpy; MalformedError if that is impossible."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    for kinds, make in _PLAIN:
        if isinstance(value, kinds):
            return make(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise MalformedError(f"gives something of the type {type(value).__name__}, which JSON cannot hold")


_PLAIN: tuple[tuple[Any, type], ...] = (
    (str, str),
    (np.bool_, bool),
    (int | np.integer, int),
    (float | np.floating, float),
)


def _interval(given: object) -> Interval | None:
    """Two numbers, low and high; None if they are not finite."""
    pair = plain(given)
    if pair is None:
        return None
    if not (isinstance(pair, list) and len(pair) == 2 and all(is_number(end) for end in pair)):
        raise MalformedError("gives an interval that is not a pair of numbers")
    low, high = (float(end) for end in pair)
    if low > high:
        raise MalformedError("gives an interval that ends before it begins")
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _of_kind(kind: Any, otherwise: str, given: object) -> Any:
    """A plain value of this kind; if it is something else, MalformedError says what."""
    found = plain(given)
    if not isinstance(found, kind):
        raise MalformedError(otherwise)
    return found


_count = partial(_of_kind, int, "gives a number of texts, or a seed, that is not a whole number")
_text = partial(_of_kind, str, "gives a model or a reason that is not a text")
_way = partial(_of_kind, bool | None, "says that a higher value is better with neither true nor false")
_table = partial(_of_kind, dict, "gives details that are not a table of names and values")
