"""Coverage of the corpus: for each value of the public schema, its noisy count and its number of texts.

The counts are noisy answers from the evidence. A value whose count is within its noise may be absent or
common. So noise hides rare values, and the report shows which values it hides.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import RpsgError
from rpsg.privacy.sources import noisy_answers
from rpsg.stages import resolution
from rpsg.stages.cards import is_coarse, shapes
from rpsg.stages.keyphrases import labels_found
from rpsg.stages.levels import safe_size, thinned
from rpsg.stages.resolution import other_language_line, poor_fit_line
from rpsg.stages.sketch_target import other_language_share, poor_share
from rpsg.textstats.languages import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

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
        """Whether the count is too large to be noise alone."""
        return resolution.is_seen(self.count, self.sigma)


@dataclass(frozen=True)
class NoisyCounts:
    """For each attribute the noisy count of each value, and its noise.

    ``sigma`` is the standard deviation of one such count. An attribute counted by groups of values has the
    groups in place of its values, and ``headings`` maps each value to its group.
    """

    counts: Mapping[str, Mapping[str, float]]
    sigma: Mapping[str, float]
    headings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its noisy count in the private data (None if not counted), and its number of texts."""

    name: str
    noisy: Noisy | None
    texts: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """One attribute, by its values or by groups of values if those were counted.

    ``measured``: the value was measured on the texts; otherwise it is the one on their cards.
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
        """The sum of the positive noisy counts, at least one; None if nothing was counted."""
        counts = [value.noisy.count for value in self.values if value.noisy is not None]
        return resolution.counted(counts) if counts else None

    @property
    def unseen(self) -> list[Value]:
        """The values that the noise hides."""
        return [value for value in self.values if value.noisy is not None and not value.noisy.is_seen]

    @property
    def moved(self) -> tuple[float, float] | None:
        """Total variation between the noisy shares and uniform ones, and its expectation under noise alone.

        The expectation is half of sigma * sqrt(2 / pi), the mean of |N(0, sigma)|, summed over the values and
        divided by the sum of the counts.
        """
        total, even = self.counted, 1 / len(self.values)
        noisy = [value.noisy for value in self.values if value.noisy is not None]
        if total is None or len(noisy) < len(self.values):
            return None
        distance = 0.5 * math.fsum(abs(max(n.count, 0) / total - even) for n in noisy)
        alone = 0.5 * math.sqrt(2 / math.pi) * math.fsum(n.sigma for n in noisy) / total
        return min(distance, 1.0), min(alone, 1.0)


def coverage(pack: Pack, counts: NoisyCounts | None, texts: Sequence[Candidate]) -> tuple[Coverage, ...]:
    """Each counted attribute of the pack, with label and columns. ``texts`` are the released texts."""
    return tuple(_covered(a, counts, texts) for a in pack.attributes if a.counted)


def people(evidence: Mapping[str, Evidence], ledger: Mapping[str, Any]) -> Noisy | None:
    """The noisy number of people (or rows); None if it was not counted."""
    found = evidence.get("size")
    return None if found is None or not found.values else Noisy(found.values[0], _sigma(ledger, "size"))


def fit_of_pack(
    plan: Plan, pack: Pack, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]
) -> tuple[str, ...]:
    """Sentences about the private texts that fit no topic of the pack, and those in another language than its
    own, from the sketch. Without a sketch, or if there is nothing to say, there are none.
    """
    found = _sketch(plan, ledger, evidence)
    if found is None:
        return ()
    told = poor_fit_line(*poor_share(*found))
    if not pack.counted_language:
        return (told,)
    other = other_language_line(*other_language_share(*found), name_of(pack.language))
    return tuple(filter(None, (told, other)))


def _sketch(
    plan: Plan, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]
) -> tuple[npt.NDArray[np.int64], float, float] | None:
    """The noisy sketch with a row for each label, the number of people, and the noise; None without them."""
    found, counted = evidence.get("sketch"), people(evidence, ledger)
    number = plan.privacy.n_public if counted is None else counted.count
    if found is None or found.values is None or number is None:
        return None
    labels = max(1, len(labels_of(plan, evidence)))
    noisy = np.array(found.values, np.int64).reshape(labels, -1)
    return noisy, number, _sigma(ledger, "sketch")


def labels_of(plan: Plan, evidence: Mapping[str, Evidence]) -> tuple[str, ...]:
    """The labels that the run worked with: declared in the plan, or found in the data with noise."""
    if plan.data.label is None or plan.data.labels or "labels" not in evidence:
        return plan.data.label_values
    return labels_found(evidence["labels"].items or ())


def counted_pack(plan: Plan, pack: Pack, evidence: Mapping[str, Evidence]) -> Pack:
    """The pack with the label and the columns of the run, as it was counted."""
    return pack.with_label(labels_of(plan, evidence)).with_columns(plan.data.column_values)


def noisy_counts(
    plan: Plan, pack: Pack, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]
) -> NoisyCounts | None:
    """The noisy counts of each attribute of the pack, which includes the run's labels; None if none fit.

    An attribute in several marginals takes its counts from the one with the least noise. A marginal is summed
    over its other attributes, and so are the variances of the noise.
    """
    found = _tables(plan, pack, ledger, evidence)
    if found is None:
        return None
    pack, sigma, tables = found
    counts: dict[str, Mapping[str, float]] = {}
    noise: dict[str, float] = {}
    headings: dict[str, Mapping[str, str]] = {}
    for marginal, (group, cells) in enumerate(zip(pack.marginals, tables, strict=True)):
        for axis, name in enumerate(group):
            if axis and pack.attribute(name).has_levels and pack.attribute(group[0]).column:
                # Counted by group here, for the sake of the column; another marginal counts its values.
                continue
            attribute, by_group = pack.attribute(name), is_coarse(pack, marginal, name)
            spread = sigma * math.sqrt(cells.size / cells.shape[axis])
            if spread < noise.get(name, math.inf):
                sums = cells.sum(axis=tuple(i for i in range(cells.ndim) if i != axis))
                names = tuple(attribute.groups) if by_group else attribute.values
                counts[name] = dict(zip(names, sums.tolist(), strict=True))
                noise[name] = spread
                headings[name] = attribute.headings if by_group else {}
    return NoisyCounts(counts, noise, headings)


def _tables(
    plan: Plan, pack: Pack, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]
) -> tuple[Pack, float, list[npt.NDArray[np.int64]]] | None:
    """The pack as it was counted, the noise of a count, and one table for each marginal; None if none fit."""
    if "cards" not in evidence:
        return None
    sigma, vector = _sigma(ledger, "cards"), np.array(evidence["cards"].values or (), np.int64)
    try:
        pack = thinned(pack, _number(plan, ledger, evidence), sigma)
    except RpsgError:
        return None
    sizes = shapes(pack)
    if sum(map(math.prod, sizes)) != len(vector):
        return None
    parts = np.split(vector, np.cumsum([math.prod(size) for size in sizes])[:-1])
    return pack, sigma, [part.reshape(size) for part, size in zip(parts, sizes, strict=True)]


@dataclass(frozen=True, slots=True)
class Together:
    """Two columns that were counted together: for each pair of values, the noisy count and the texts.

    ``counted`` is the sum of the positive noisy counts, at least one.
    """

    columns: tuple[str, str]
    rows: tuple[tuple[str, str, Noisy, int], ...]

    @property
    def counted(self) -> float:
        return resolution.counted(noisy.count for _, _, noisy, _ in self.rows)


def columns_together(
    plan: Plan,
    pack: Pack,
    ledger: Mapping[str, Any],
    evidence: Mapping[str, Evidence],
    texts: Sequence[Candidate],
) -> tuple[Together, ...]:
    """Each pair of columns that one marginal has; the later column comes first.

    ``texts`` are the released texts. Empty if nothing was counted.
    """
    counted = counted_pack(plan, pack, evidence)
    found = _tables(plan, counted, ledger, evidence) if plan.data.columns else None
    if found is None:
        return ()
    pack, sigma, tables = found
    pairs = []
    for group, cells in zip(pack.marginals, tables, strict=True):
        first = pack.attribute(group[0])
        for axis, second in enumerate(map(pack.attribute, group)):
            if not axis or not (first.column and second.column):
                continue
            sums = cells.sum(axis=tuple(i for i in range(1, cells.ndim) if i != axis))
            spread = sigma * math.sqrt(cells.size / sums.size)
            have = Counter((t.card.values[first.name], t.card.values[second.name]) for t in texts)
            rows = tuple(
                (one, other, Noisy(int(sums[i, j]), spread), have[one, other])
                for i, one in enumerate(first.values)
                for j, other in enumerate(second.values)
            )
            pairs.append(Together((first.column, second.column), rows))
    return tuple(pairs)


def _sigma(ledger: Mapping[str, Any], stage: str) -> float:
    return float(next(line["sigma"] for line in noisy_answers(ledger) if line["stage"] == stage))


def _number(plan: Plan, ledger: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> int:
    if plan.privacy.n_public is not None:
        return plan.privacy.n_public
    counted = people(evidence, ledger)
    return 0 if counted is None else safe_size(float(counted.count), counted.sigma)


def _covered(attribute: Attribute, noisy: NoisyCounts | None, texts: Sequence[Candidate]) -> Coverage:
    counts = None if noisy is None else noisy.counts.get(attribute.name)
    headings = noisy.headings.get(attribute.name, {}) if noisy is not None else {}
    values = (resolution.value_of(attribute, text.text, text.card.values) for text in texts)
    have = Counter(headings.get(value, value) if value is not None else None for value in values)
    if counts is None or noisy is None:
        found = [Value(name, None, have[name]) for name in attribute.values]
    else:
        sigma = noisy.sigma[attribute.name]
        found = [Value(name, Noisy(int(count), sigma), have[name]) for name, count in counts.items()]
    return Coverage(attribute.name, tuple(found), resolution.is_measured(attribute), attribute.edges)
