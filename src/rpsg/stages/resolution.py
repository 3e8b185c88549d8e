"""What noisy counts can show: which values are significant, and how precise the results of a budget will be.

The report, the evaluation and the preview take these figures from here.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from rpsg.stages.cards import is_coarse
from rpsg.stages.levels import thinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rpsg.domains import Attribute, Pack
    from rpsg.privacy.accounting import Budget

CONFIDENT = 1.96
#: From this share on the pack does not fit the corpus, or lacks topics.
MANY = 0.25


def is_seen(count: float, sigma: float) -> bool:
    """Whether a count is significant; ``sigma`` is the standard deviation of its noise."""
    return count > CONFIDENT * sigma


def counted(noisy: Iterable[float]) -> float:
    """The sum of an attribute's noisy counts, negative ones taken as 0; at least one."""
    return max(1.0, math.fsum(max(count, 0.0) for count in noisy))


def is_measured(attribute: Attribute) -> bool:
    """Whether the value of a text is computed from the text; other values are taken from its card."""
    return attribute.kind == "words"


def value_of(attribute: Attribute, text: str, card: Mapping[str, str]) -> str | None:
    """The value of a text; None where neither the text nor its card has one."""
    if is_measured(attribute):
        return attribute.values[bisect_right(attribute.edges, len(text.split()))]
    return card.get(attribute.name)


def poor_fit_line(share: float, standard_error: float) -> str:
    """A sentence about a noisy share of texts that are near to no topic, with its 95 % margin.

    Args:
        share: the noisy share; clipped to [0, 1].
        standard_error: of its noise, as a share too.
    """
    seen = min(max(share, 0.0), 1.0)
    margin = CONFIDENT * standard_error
    line = (
        f"About {seen:.0%} (± {margin:.0%}) of the texts fit no topic of this pack well, as far as the "
        "embedder can tell."
    )
    if share - margin > MANY:
        line += " Another pack, or one with more topics (rpsg propose), would describe them better."
    return line


def resolutions(pack: Pack, n: int, budget: Budget) -> Iterator[str]:
    """For each stage whose noise has an intuitive meaning a sentence on its precision with ``n`` people."""
    for release in budget.releases:
        if release.stage == "size":
            yield (
                f"The number of people will be known to within about {CONFIDENT * release.sigma:,.0f} either "
                "way, in 95 of 100 runs."
            )
        elif release.stage == "cards":
            yield _cards(pack, n, release.sigma)
            yield from _columns(pack, n, release.sigma)
        elif release.stage == "sketch":
            within = CONFIDENT * release.sigma / (release.w * n)
            yield (
                f"Each entry of the sketch, a mean over {n:,} people of vectors of length at most 1, will be "
                f"known to within {within:.2g} either way, in 95 of 100 runs. It is corrected for what noise "
                "alone explains."
            )


def _cards(pack: Pack, n: int, sigma: float) -> str:
    counted = thinned(pack, n, sigma)
    root = counted.marginals[0][0]
    together = 1
    for name in counted.marginals[0][1:]:
        together *= len(pack.attribute(name).values)
    least = CONFIDENT * sigma * together**0.5
    what = f"A group of the attribute {root}" if is_coarse(counted, 0, root) else f"A value of {root}"
    share = f"{least:,.0f} people ({least / n:.1%} of {n:,})"
    return f"{what} can be told from noise if more than {share} write about it."


def _columns(pack: Pack, n: int, sigma: float) -> Iterator[str]:
    """For each column beside the text how precisely its shares will be known, alone and with others."""
    counted = thinned(pack, n, sigma)
    widths = [
        {a.name: len(a.groups) if a.has_levels else len(a.values) for a in map(counted.attribute, group)}
        for group in counted.marginals
    ]
    for first, *others in counted.marginals:
        if not (column := counted.attribute(first).column):
            continue
        # Of the marginals that have it, the one with the fewest other combinations is the most precise.
        beside = min(math.prod(held.values()) // held[first] for held in widths if first in held)
        alone, together = (CONFIDENT * sigma * root / n for root in (beside**0.5, 1.0))
        line = (
            f"The shares of the column {column} will be known to within {alone:.1%} either way, in 95 of 100 "
            "runs"
        )
        names = " and ".join(
            f"{a.name} groups" if a.has_levels else a.name for a in map(counted.attribute, others)
        )
        yield f"{line}; those with {names} to within {together:.1%}." if others else f"{line}."
