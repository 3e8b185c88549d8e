"""Who is in the corpus: for each value of the public schema its noisy count and the texts that have it.

The counts are those that the ledger paid for, read again from the evidence. A value whose count is within its
noise may be anything from absent to common: noise hides the rare, and the report shows where.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import RpsgError
from rpsg.methods.budget import safe_size
from rpsg.stages import resolution
from rpsg.stages.cards import is_coarse, shapes
from rpsg.stages.keyphrases import labels_found
from rpsg.stages.levels import thinned
from rpsg.stages.resolution import poor_fit_line
from rpsg.stages.sketch import poor_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Attribute, Pack
    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Evidence
    from rpsg.records import Candidate

CONFIDENT = resolution.CONFIDENT


@dataclass(frozen=True, slots=True)
class Noisy:
    """A noisy count; ``sigma`` is the standard deviation of its noise."""

    count: int
    sigma: float

    @property
    def is_seen(self) -> bool:
        """Whether the count stands out of its noise."""
        return resolution.is_seen(self.count, self.sigma)


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its noisy count in the private data, None where none was made, and its released texts."""

    name: str
    noisy: Noisy | None
    texts: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """One attribute, by its values or, where those were counted so, by groups of them.

    ``measured``: texts were looked at; otherwise the card each was written from counts.
    """

    attribute: str
    values: tuple[Value, ...]
    measured: bool
    edges: tuple[int, ...] = ()

    @property
    def texts(self) -> int:
        return sum(value.texts for value in self.values)

    @property
    def counted(self) -> float | None:
        """The sum of the noisy counts above zero, at least one; None where nothing was counted."""
        counts = [value.noisy.count for value in self.values if value.noisy is not None]
        return resolution.counted(counts) if counts else None

    @property
    def unseen(self) -> list[Value]:
        """The values that the noise hides."""
        return [value for value in self.values if value.noisy is not None and not value.noisy.is_seen]

    @property
    def moved(self) -> tuple[float, float] | None:
        """How far the noisy shares are from an even spread (total variation), and how far noise alone goes.

        The mean of |N(0, sigma)| is sigma * sqrt(2 / pi); half the sum of it over all values, over the count.
        """
        total, even = self.counted, 1 / len(self.values)
        noisy = [value.noisy for value in self.values if value.noisy is not None]
        if total is None or len(noisy) < len(self.values):
            return None
        distance = 0.5 * math.fsum(abs(max(n.count, 0) / total - even) for n in noisy)
        alone = 0.5 * math.sqrt(2 / math.pi) * math.fsum(n.sigma for n in noisy) / total
        return min(distance, 1.0), min(alone, 1.0)


@dataclass(frozen=True, slots=True)
class _Counts:
    """The noisy counts of an attribute, by its values or by groups of them."""

    counts: list[Noisy]
    by_group: bool


def coverage(
    plan: Plan,
    pack: Pack,
    ledger: Mapping[str, Any],
    evidence: Mapping[str, Evidence],
    texts: Sequence[Candidate],
) -> tuple[Coverage, ...]:
    """Each counted attribute of the pack; ``evidence`` is by stage, ``texts`` are those released."""
    pack = pack.with_label(_labels(plan, evidence))
    counts = _counts(plan, pack, ledger, evidence)
    return tuple(_covered(a, counts.get(a.name), texts) for a in pack.attributes if a.counted)


def people(evidence: Mapping[str, Evidence], ledger: Mapping[str, Any]) -> Noisy | None:
    """The noisy number of people (or rows), when it was asked for."""
    found = evidence.get("size")
    return None if found is None or not found.values else Noisy(found.values[0], _sigma(ledger, "size"))


def without_topic(plan: Plan, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> str:
    """What the sketch says of texts that fit no topic, in a sentence; empty where there is no sketch."""
    found, counted = evidence.get("sketch"), people(evidence, ledger)
    number = plan.privacy.n_public if counted is None else counted.count
    if found is None or found.values is None or number is None:
        return ""
    labels = max(1, len(_labels(plan, evidence)))
    noisy = np.array(found.values, np.int64).reshape(labels, -1)
    return poor_fit_line(*poor_share(noisy, number, _sigma(ledger, "sketch")))


def _labels(plan: Plan, evidence: Mapping[str, Evidence]) -> tuple[str, ...]:
    """As the method found them: declared, or those that stood above the threshold."""
    if plan.data.label is None or plan.data.labels or "labels" not in evidence:
        return plan.data.label_values
    return labels_found(evidence["labels"].items or ())


def _sigma(ledger: Mapping[str, Any], stage: str) -> float:
    return float(next(m["sigma"] for m in ledger["mechanisms"] if m["stage"] == stage))


def _counts(
    plan: Plan, pack: Pack, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]
) -> dict[str, _Counts]:
    """The noisy count of each value or group by attribute; none where cards were not counted."""
    if "cards" not in evidence:
        return {}
    sigma, vector = _sigma(ledger, "cards"), evidence["cards"].values or ()
    try:
        pack = thinned(pack, _number(plan, ledger, evidence), sigma)
    except RpsgError:
        return {}
    sizes = shapes(pack)
    if sum(map(math.prod, sizes)) != len(vector):
        return {}
    found: dict[str, _Counts] = {}
    start = 0
    for marginal, (group, size) in enumerate(zip(pack.marginals, sizes, strict=True)):
        cells = vector[start : start + math.prod(size)]
        start += len(cells)
        for place, name in enumerate(group):
            summed = _summed(cells, size, place, sigma)
            if name not in found or summed[0].sigma < found[name].counts[0].sigma:
                found[name] = _Counts(summed, is_coarse(pack, marginal, name))
    return found


def _number(plan: Plan, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> int:
    if plan.privacy.n_public is not None:
        return plan.privacy.n_public
    counted = people(evidence, ledger)
    return 0 if counted is None else safe_size(float(counted.count), counted.sigma)


def _summed(cells: Sequence[int], size: Sequence[int], place: int, sigma: float) -> list[Noisy]:
    """The counts of one attribute of a marginal: sums over the others, whose noise adds up in square."""
    step, wide = math.prod(size[place + 1 :]), size[place]
    totals = [0] * wide
    for index, cell in enumerate(cells):
        totals[index // step % wide] += cell
    return [Noisy(total, sigma * math.sqrt(len(cells) / wide)) for total in totals]


def _covered(attribute: Attribute, counted: _Counts | None, texts: Sequence[Candidate]) -> Coverage:
    by_group = counted is not None and counted.by_group
    names, headings = (tuple(attribute.groups), attribute.headings) if by_group else (attribute.values, {})
    said = (resolution.value_of(attribute, text.text, text.card.values) for text in texts)
    have = Counter(headings.get(value, value) if value is not None else None for value in said)
    values = [
        Value(name, None if counted is None else counted.counts[i], have[name])
        for i, name in enumerate(names)
    ]
    return Coverage(attribute.name, tuple(values), resolution.is_measured(attribute), attribute.edges)
