"""The outcome of an evaluation: a line for each metric, with its floor, its ceiling and its score."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.evaluation.inputs import Measure

FORMAT = "rpsg-evaluation/1"
INTERNAL = "internal: reads private text; do not publish with the release"


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of three corpora of the same size; ``floor`` and ``ceiling`` may be missing."""

    name: str
    corpus: Measure
    floor: Measure | None = None
    ceiling: Measure | None = None

    @property
    def score(self) -> float | None:
        """How far from floor (0) to ceiling (1) the corpus is; None where one of the three is missing."""
        floor, ceiling, value = _value(self.floor), _value(self.ceiling), self.corpus.value
        if floor is None or ceiling is None or value is None or math.isclose(floor, ceiling, abs_tol=1e-12):
            return None
        return (value - floor) / (ceiling - floor)

    @property
    def informative(self) -> bool | None:
        """Whether the ceiling is better than the floor by more than chance; None where it is not known.

        A metric on which real texts do no better than the floor tells nothing about what lies between. What
        chance can do is only known where both have an interval, which takes enough texts.
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
        """The three measures with all they say, as JSON can hold it."""
        found: dict[str, Any] = _plain(
            {**asdict(self), "score": self.score, "informative": self.informative, "internal": self.internal}
        )
        return found

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


def reach(measure: Measure | None) -> float | None:
    """How far the interval goes from the value, on its longer side; None where there is none.

    The longer side, since an interval that ends at the end of a metric's range is short there.
    """
    if measure is None or measure.value is None or measure.interval is None:
        return None
    low, high = measure.interval
    return max(high - measure.value, measure.value - low)


def _ends(measure: Measure | None) -> tuple[float | None, float | None]:
    return (None, None) if measure is None or measure.interval is None else measure.interval


@dataclass(frozen=True, slots=True)
class Report:
    """All lines of an evaluation and how it was made. ``notes`` are sentences to read with them.

    ``sizes`` holds the number of texts of each corpus as given; all lines use ``n`` of them.
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
        """Whether real texts were given: sizes, notes and every ceiling tell of them."""
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

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON can hold it, details too."""
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
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Without numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
