"""What each stage of a budget will be able to see, in words, from public numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.stages.cards import is_coarse
from rpsg.stages.levels import thinned
from rpsg.stages.presence import CONFIDENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.domains import Pack
    from rpsg.privacy.accounting import Budget


def resolutions(pack: Pack, n: int, budget: Budget) -> Iterator[str]:
    """A sentence for each stage whose noise can be put in words: what ``n`` people will let it see."""
    for release in budget.releases:
        if release.stage == "size":
            yield (
                f"The number of people will be known to within about {CONFIDENT * release.sigma:,.0f} either "
                "way, 95 times of 100."
            )
        elif release.stage == "cards":
            yield _cards(pack, n, release.sigma)
        elif release.stage == "sketch":
            within = CONFIDENT * release.sigma / (release.w * n)
            yield (
                f"Each entry of the sketch, a mean over {n:,} people of vectors of length 1 at most, will be "
                f"known to within {within:.2g} either way, 95 times of 100. What noise alone explains is "
                "taken out of it."
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
    return f"{what} is told from noise if more than {share} write about it."
