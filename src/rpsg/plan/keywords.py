"""Settings as keywords of the Python functions: the names of the options, with underscores.

``rpsg run --n-public 300`` is ``n_public=300``; ``epsilon=2`` is the same setting in both. A setting that has
no option is given with its section, as in ``paper={"nll_percentile": 0}``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from rpsg.arguments import is_text
from rpsg.errors import UsageError
from rpsg.plan.layers import flat, merge
from rpsg.plan.plan import Plan
from rpsg.plan.setting import described

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Table = Mapping[str, Any]
    PathLike = os.PathLike[str]

Function = TypeVar("Function", bound="Callable[..., Any]")


class Keywords(TypedDict, total=False):
    """Every setting that has an option, and every section of the plan but ``data``. None: not set."""

    account: str | None
    text: str | None
    label: str | None
    labels: Sequence[str] | None
    user: str | None
    columns: Sequence[str] | Table | None
    format: str | None
    encoding: str | None
    language: str | None
    unusable: str | None
    unlisted: str | None
    passage_words: int | None
    audit_holdout: float | None
    audit_canaries: int | None
    canary_texts: str | PathLike | None
    canary_encoding: str | None
    about: str | None
    domain: str | PathLike | None
    size: int | None
    epsilon: float | None
    delta: float | None
    adjacency: str | None
    max_records_per_user: int | None
    n_public: int | None
    lifetime_epsilon: float | None
    method: str | Table | None
    select: str | None
    diversity: float | None
    rounds: int | None
    oversample: float | None
    writer: str | PathLike | None
    embedder: str | None
    sentiment: str | None
    slots: int | None
    threads: int | None
    base_url: str | None
    plain_http: bool | None
    extra_header: Sequence[str] | None
    extra_body: str | None
    engine: str | Table | None
    ray_address: str | None
    workers: int | None
    max_tokens: int | None
    max_requests: int | None
    max_cost: float | None
    max_seconds: float | None
    prices: str | PathLike | None
    seed: int | None
    vault: str | Table | None
    corpus: Table | None
    privacy: Table | None
    models: Table | None
    server: Table | None
    limits: Table | None
    paper: Table | None
    split: Table | None
    dpsgd: Table | None
    augpe: Table | None
    rupta: Table | None
    prediction: Table | None
    generation: Table | None


@cache
def keys() -> Mapping[str, str]:
    """The key in the plan of each keyword that has an option: ``n_public`` is ``privacy.n_public``."""
    return {
        found.option.removeprefix("--").replace("-", "_"): found.key
        for found in described(Plan)
        if found.option
    }


def layer_of(given: Mapping[str, Any], function: str) -> dict[str, Any]:
    """The keywords of a call of ``function`` as settings by section.

    Raises:
        UsageError: there is no such keyword (the error suggests a similar one), a setting is given twice, or
            a section is not a dictionary.
    """
    single: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if (
            name in Plan.model_fields
            and name != "data"
            and (isinstance(value, Mapping) or name not in keys())
        ):
            sections[name] = _section(name, value)
        elif name in keys():
            section, _, key = keys()[name].rpartition(".")
            plain = os.fspath(value) if isinstance(value, os.PathLike) else value
            single = merge(single, {section: {key: plain}})
        else:
            raise _unknown(name, function)
    if twice := flat(single).keys() & flat(sections).keys():
        name = next(name for name, key in keys().items() if key == min(twice))
        raise UsageError(
            f"{name} is given twice: as a keyword, and in its section.", hint="Leave one of them out."
        )
    return merge(sections, single)


def _section(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{name} is a section of the plan, and takes a dictionary of its settings.",
            hint=f"Its settings are {', '.join(_names_in(name))}.",
        )
    return value


def _names_in(section: str) -> tuple[str, ...]:
    return tuple(getattr(Plan.model_fields[section].annotation, "model_fields", ()))


def _unknown(name: str, function: str) -> UsageError:
    """What was probably meant; a name that may be text is not repeated."""
    if is_text(name) or not name.isidentifier() or len(name) > 40:
        return UsageError(f"{function} was given a keyword that is not a name.", hint=_ALL)
    homes = [section for section in Plan.model_fields if name in _names_in(section) and section != "data"]
    near = get_close_matches(name, [*keys(), *(Plan.model_fields.keys() - {"data"})], n=1)
    hint = _ALL
    if name == "data":
        hint = f"{function} reads no data. Leave it out."
    elif homes:
        hint = f"Give it with its section: {' or '.join(f'{home}={{{name!r}: ...}}' for home in homes)}."
    elif near:
        hint = f"Did you mean {near[0]}=...?"
    return UsageError(f"{function} has no keyword {name!r}.", hint=hint)


_ALL = "The keywords are the options of `rpsg run`, with underscores: n_public for --n-public."


def shows_settings(function: Function) -> Function:
    """``function`` with every keyword in its signature, for help and for completion.

    Its ``**settings`` are typed by ``Keywords``; Python shows them as one name only.
    """
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__)
        for name, kind in Keywords.__annotations__.items()
    ]
    setattr(function, "__signature__", inspect.signature(function).replace(parameters=[*own, *more]))  # noqa: B010  # a function type has no such attribute for mypy
    return function
