"""Two methods side by side, in words: in which metrics one is better, whether by more than chance, and how
many tokens each takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.seeds import is_apart
from rpsg.report.scores import metric_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rpsg.compare.tables import CompareRow

    #: How far a value is from the best: smaller is better.
    Loss = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Lead:
    """A metric in which one of two methods is better; ``beyond_chance`` is None if seeds are too few."""

    metric: str
    beyond_chance: bool | None


@dataclass(frozen=True, slots=True)
class Duel:
    """Two methods in one table: the metrics in which each is better, those in which both are equal, and the
    tokens of both (None where they were not counted).
    """

    first: str
    second: str
    better: tuple[Lead, ...]
    worse: tuple[Lead, ...]
    equal: tuple[str, ...]
    tokens: tuple[float | None, float | None]

    @property
    def compared(self) -> int:
        return len(self.better) + len(self.worse) + len(self.equal)

    def in_words(self, name: Callable[[str], str]) -> str:
        """A sentence: the metrics in which each is better, and the ratio of their tokens.

        ``name`` gives the name of a method with a note, for its first mention.
        """
        better = _leads(self.better) if self.better else "in no metric"
        equal = f" They are equal in {_and(map(metric_name, self.equal))}." if self.equal else ""
        return (
            f"{name(self.first)} is better than {name(self.second)} {better}; {self.second} is better "
            f"{_leads(self.worse)}.{equal}{self._cost()}"
        )

    def _cost(self) -> str:
        one, other = self.tokens
        if not one and not other:
            return ""
        if not one or not other:
            return f" The tokens of {self.second if one else self.first} are not counted."
        more, less, ratio = self.first, self.second, one / other
        if ratio < 1:
            more, less, ratio = less, more, 1 / ratio
        if ratio < _SAME:
            return " They take about the same number of tokens."
        return f" {more} takes {ratio:,.{0 if ratio >= _ROUND else 1}f} times as many tokens as {less}."


#: Numbers of tokens with a smaller ratio than this are about the same; a ratio of ten or more is shown
#: without decimals.
_SAME, _ROUND = 1.05, 10


def duel(first: CompareRow, second: CompareRow, losses: Mapping[str, Loss]) -> Duel:
    """Two methods in each of the metrics for which both have a value; ``losses`` are by metric."""
    better, worse, equal = list[Lead](), list[Lead](), list[str]()
    for metric, loss in losses.items():
        one, other = first.metric(metric), second.metric(metric)
        if one is None or other is None:
            continue
        gap = loss(one.mean) - loss(other.mean)
        lead = Lead(metric, is_apart(losses_of(first, metric, loss), losses_of(second, metric, loss)))
        if gap:
            (better if gap < 0 else worse).append(lead)
        else:
            equal.append(metric)
    tokens = tuple(None if row.tokens is None else row.tokens.mean for row in (first, second))
    return Duel(
        first.method, second.method, tuple(better), tuple(worse), tuple(equal), (tokens[0], tokens[1])
    )


def losses_of(row: CompareRow, metric: str, loss: Loss) -> dict[int, float]:
    """How far each seed's value of a metric is from the best."""
    return {seed: loss(value) for seed, value in row.by_seed(metric).items()}


def _leads(leads: Sequence[Lead]) -> str:
    """Metrics, first those in which the lead is more than chance."""
    sure = [metric_name(lead.metric) for lead in leads if lead.beyond_chance is True]
    unsure = [metric_name(lead.metric) for lead in leads if lead.beyond_chance is False]
    unknown = [metric_name(lead.metric) for lead in leads if lead.beyond_chance is None]
    parts = [f"in {_and(sure)} by more than chance"] if sure else []
    parts += [f"in {_and(unsure)} by what may be chance"] if unsure else []
    parts += [f"in {_and(unknown)}"] if unknown else []
    return ", and ".join(parts) or "in none"


def _and(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last
