"""What metrics and evaluations return: one measure, the lines of a table, and the whole report."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.display import Overview, Shown, short_number
from rpsg.errors import in_python

if TYPE_CHECKING:
    from collections.abc import Mapping


Interval = tuple[float, float]


#: The form of an evaluation as JSON.
FORMAT = "rpsg-evaluation/1"


#: The column heads for ``Line.cells``.
COLUMNS = ("metric", "value", "floor", "ceiling", "score")

INTERNAL = "internal: reads private text; do not publish with the release"


@dataclass(frozen=True, slots=True, repr=False)
class Measure(Shown):
    """The value of a metric and everything that is needed to interpret it.

    ``interval`` is meant as a 95 % confidence interval for the expected value over samples of this size. Its
    coverage is measured in docs/evaluation.md. It is None if it is not known. ``n_real`` is None for a metric
    that reads no real text: only such a measure is public. ``higher_is_better`` is None if the best value is
    that of the real texts. ``model`` names the model that was used, if any. ``details`` holds tables and
    histograms for a report.
    """

    name: str
    value: float | None
    interval: Interval | None = None
    n_synthetic: int = 0
    n_real: int | None = None
    model: str = ""
    seed: int = 0
    higher_is_better: bool | None = None
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def internal(self) -> bool:
        """Whether the value was computed from real texts: then it must not be published with a release."""
        return self.n_real is not None

    def _overview(self) -> Overview:
        interval = "" if self.interval is None else " to ".join(map(short_number, self.interval))
        facts = (("95 % interval", interval), ("model", self.model), ("not measured", in_python(self.reason)))
        return Overview(
            f"{self.name}: {'not measured' if self.value is None else short_number(self.value)}",
            first=INTERNAL.capitalize() + "." if self.internal else "",
            facts=tuple((name, value) for name, value in facts if value),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Line(Shown):
    """One metric on three corpora of the same size; ``floor`` and ``ceiling`` may be missing."""

    name: str
    corpus: Measure
    floor: Measure | None = None
    ceiling: Measure | None = None

    @property
    def score(self) -> float | None:
        """The position of the corpus between floor (0) and ceiling (1); None if one of them is missing."""
        return self.scaled(self.corpus.value)

    def scaled(self, value: float | None) -> float | None:
        """The position of ``value`` between floor (0) and ceiling (1); None if it is undefined."""
        floor, ceiling = _value(self.floor), _value(self.ceiling)
        if floor is None or ceiling is None or value is None or math.isclose(floor, ceiling, abs_tol=1e-12):
            return None
        return (value - floor) / (ceiling - floor)

    @property
    def informative(self) -> bool | None:
        """Whether the ceiling is better than the floor by more than chance; None if that is not known.

        If real texts do no better than the floor, the metric says nothing about the corpus. Chance is known
        only if both have an interval, which requires enough texts.
        """
        floor, ceiling = _value(self.floor), _value(self.ceiling)
        chance = (reach(self.floor), reach(self.ceiling))
        if floor is None or ceiling is None or chance[0] is None or chance[1] is None:
            return None
        gap = ceiling - floor
        if self.corpus.higher_is_better is None:
            gap = abs(gap)
        elif not self.corpus.higher_is_better:
            gap = -gap
        return bool(gap > math.hypot(chance[0], chance[1]))

    @property
    def internal(self) -> bool:
        """Whether a number on this line was computed from real texts (the ceiling row always is)."""
        return self.corpus.internal or _value(self.ceiling) is not None

    def to_dict(self) -> dict[str, Any]:
        """The three measures and their details, as plain JSON values."""
        found: dict[str, Any] = _plain(
            {**asdict(self), "score": self.score, "informative": self.informative, "internal": self.internal}
        )
        return found

    def cells(self) -> tuple[str, ...]:
        """The cells of the line in a table with ``COLUMNS``; ± is the longer side of an interval."""
        score = "" if self.score is None else f"{round(self.score, 2) + 0.0:.2f}"
        if self.score is not None and not self.informative:
            score = "(=)" if self.informative is False else "(?)"
        arrow = {True: " ↑", False: " ↓", None: ""}[self.corpus.higher_is_better]
        return (self.name + arrow, *map(_with_reach, (self.corpus, self.floor, self.ceiling)), score)

    def _overview(self) -> Overview:
        return Overview(
            " ".join(f"{head} {cell}," for head, cell in zip(COLUMNS, self.cells(), strict=True) if cell)[
                :-1
            ],
            first=INTERNAL.capitalize() + "." if self.internal else "",
        )

    def row(self) -> dict[str, Any]:
        """The line as plain values, for a data frame."""
        measure = self.corpus
        (low, high), floor, ceiling = (_ends(each) for each in (measure, self.floor, self.ceiling))
        return {
            "metric": self.name,
            "value": measure.value,
            "low": low,
            "high": high,
            "floor": _value(self.floor),
            "floor_low": floor[0],
            "floor_high": floor[1],
            "ceiling": _value(self.ceiling),
            "ceiling_low": ceiling[0],
            "ceiling_high": ceiling[1],
            "score": self.score,
            "informative": self.informative,
            "higher_is_better": measure.higher_is_better,
            "n_synthetic": measure.n_synthetic,
            "n_real": measure.n_real,
            "model": measure.model,
            "seed": measure.seed,
            "internal": self.internal,
            "reason": measure.reason,
        }


def _value(measure: Measure | None) -> float | None:
    return measure.value if measure is not None else None


def _with_reach(measure: Measure | None) -> str:
    """The value with its interval."""
    if measure is None:
        return ""
    chance = reach(measure)
    interval = "" if chance is None else f" ± {chance:,.0f}" if chance >= 100 else f" ± {chance:.2g}"
    return short_number(measure.value) + interval


def reach(measure: Measure | None) -> float | None:
    """The distance from the value to the farther end of its interval; None if it has no interval.

    The farther end is used, because the other end may be cut off by the limits of the metric.
    """
    if measure is None or measure.value is None or measure.interval is None:
        return None
    low, high = measure.interval
    return max(high - measure.value, measure.value - low)


def _ends(measure: Measure | None) -> tuple[float | None, float | None]:
    return (None, None) if measure is None or measure.interval is None else measure.interval


@dataclass(frozen=True, slots=True, repr=False)
class Report(Shown):
    """All lines of an evaluation, and how it was made. ``notes`` are sentences for the reader.

    ``sizes`` has the number of texts that were given of each corpus. All lines use ``n`` texts of each.
    """

    lines: tuple[Line, ...]
    n: int
    n_real: int | None
    sizes: Mapping[str, int]
    split: str
    embedder: str
    seed: int
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def internal(self) -> bool:
        """Whether real texts were given: then sizes, notes and ceilings depend on them."""
        return self.n_real is not None or any(line.internal for line in self.lines)

    def line(self, name: str) -> Line:
        """The line of a metric; KeyError when it was not measured."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def table(self) -> list[dict[str, Any]]:
        """One dictionary of plain values for each metric: ``pandas.DataFrame(report.table())``."""
        return [line.row() for line in self.lines]

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Report:
        """The report from the dictionary that ``to_dict`` returned.

        Raises:
            ValueError, KeyError, TypeError: ``found`` is not such a dictionary, or is of another version.
        """
        if found["format"] != FORMAT:
            raise ValueError("another version")
        report = cls(
            lines=tuple(
                Line(
                    str(row["name"]),
                    _measure(row["corpus"]),
                    *(row[name] and _measure(row[name]) for name in ("floor", "ceiling")),
                )
                for row in found["metrics"]
            ),
            notes=tuple(map(str, found["notes"])),
            **{
                name: found[name] for name in ("n", "n_real", "sizes", "split", "embedder", "seed", "seconds")
            },
        )
        if found["internal"] is not False and not report.internal:
            raise ValueError("it is marked as internal, but nothing in it is")
        return report

    def to_dict(self) -> dict[str, Any]:
        """Everything, details too, as plain JSON values."""
        return {
            "format": FORMAT,
            "internal": INTERNAL if self.internal else False,
            "n": self.n,
            "n_real": self.n_real,
            "sizes": dict(self.sizes),
            "split": self.split,
            "embedder": self.embedder,
            "seed": self.seed,
            "notes": list(self.notes),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "metrics": [line.to_dict() for line in self.lines],
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def _overview(self) -> Overview:
        against = f" against {self.n_real:,} real ones" if self.n_real else ""
        missing = [f"{line.name} ({line.corpus.reason})" for line in self.lines if line.corpus.value is None]
        return Overview(
            f"Evaluation of {self.n:,} texts{against}",
            first=INTERNAL.capitalize() + "." if self.internal else "",
            columns=COLUMNS,
            rows=tuple(line.cells() for line in self.lines if line.corpus.value is not None),
            notes=(
                "score: 0 is the floor (no private data), 1 the ceiling (real texts); ±: a 95 % interval.",
                *([f"Not measured: {'; '.join(missing)}."] if missing else ()),
                *self.notes,
            ),
        )


def _measure(row: Mapping[str, Any]) -> Measure:
    value, interval = row["value"], row["interval"]
    numbers = {
        "value": None if value is None else float(value),
        "interval": None if interval is None else (float(interval[0]), float(interval[1])),
    }
    return Measure(**{**row, **numbers})


def _plain(value: Any) -> Any:
    """The same value, with None for each number that JSON cannot represent."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
