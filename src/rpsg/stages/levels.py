"""Decides how detailed the counts of the schema are: of values or groups of values, joint or separate.

Attributes are counted jointly if there are enough people for every combination of their values; otherwise
each is counted separately, by its values if there are enough people for those, else by its groups. A column
beside the text is counted together with as many of the columns before it as the number of people allows.
"Enough" is relative to the standard deviation of the noise and the same for every pack. It depends only on
public numbers and DP outputs, and the number of marginals never changes, so the planned budget remains right.
Every attribute is always counted; the fit (``shrinking``) discards what is only noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rpsg.domains import Pack

#: The minimum number of people for each value, and for each combination of values, in standard deviations of
#: the noise. With fewer, the coarser count was closer to the truth in simulations
#: (``benchmarks/card_levels.py``).
PER_VALUE, PER_COMBINATION = 0.25, 1.0
#: The same minimum for each combination of a column beside the text with others. It is higher, because
#: readers look at the column's own shares, which lose precision by such combinations
#: (``benchmarks/column_levels.py``). It is lower for a column with only the groups of topics: nothing else
#: ties texts to their columns, so this count is worth more noise (``benchmarks/column_topics.py``).
PER_COLUMN, PER_COLUMN_AND_TOPIC = 2.0, 0.5
#: How many groups are assumed for the minimum number of people, at least and at most. With more values it
#: does not rise further, because a few common ones hold most texts and exceed the noise.
LEAST_GROUPS, MOST_GROUPS = 8, 16
#: The one-sided 99 % quantile of the normal law. It affects the quality of what is sized by it, not privacy.
LOWER_END = 2.33


def safe_size(noisy: float, sigma: float) -> int:
    """A 99 % lower bound for the number of units, from its noisy count; for sizing, never for a claim."""
    return max(0, math.floor(noisy - LOWER_END * sigma - 0.5))


def thinned(pack: Pack, n: int, sigma: float) -> Pack:
    """The pack with its marginals in as much detail as ``n`` people allow under noise ``sigma``."""
    marginals, by_group = list[tuple[str, ...]](), list[int]()
    homes = _homes(pack)
    for index, group in enumerate(pack.marginals):
        if pack.attribute(group[0]).kind == "column":
            kept = _of_column(pack, group, n / sigma)
            coarse = any(pack.attribute(name).has_levels for name in kept)
        else:
            kept = group
            if n < PER_COMBINATION * sigma * _cells(pack, group):
                kept = tuple(name for name in group if homes[name] == index) or group[:1]
            least = PER_VALUE if len(kept) == 1 else PER_COMBINATION
            few = n < least * sigma * _cells(pack, kept)
            coarse = few and any(pack.attribute(name).has_levels for name in kept)
        if coarse:
            by_group.append(index)
        marginals.append(kept)
    return pack.model_copy(update={"marginals": tuple(marginals), "by_group": tuple(by_group)})


def every_level(pack: Pack, sigma: float) -> tuple[Pack, ...]:
    """All packs that ``thinned`` can return under this noise, each once, the coarsest first."""
    widest = max(_cells(pack, group) for group in pack.marginals)
    return tuple(_between(pack, sigma, 0, math.ceil(PER_COLUMN * sigma * widest) + 1))


def _between(pack: Pack, sigma: float, low: int, high: int) -> Iterator[Pack]:
    """The packs for ``low`` to ``high`` people. With more people there is never less detail."""
    coarse, fine = thinned(pack, low, sigma), thinned(pack, high, sigma)
    if coarse == fine:
        yield coarse
    elif high - low == 1:
        yield from (coarse, fine)
    else:
        middle = (low + high) // 2
        lower, upper = (list(_between(pack, sigma, *ends)) for ends in ((low, middle), (middle, high)))
        yield from lower
        yield from upper[1:] if lower[-1] == upper[0] else upper


def _of_column(pack: Pack, group: tuple[str, ...], people: float) -> tuple[str, ...]:
    """The marginal of a column, without its last attributes if there are too few people for them.

    ``people`` is their number, in standard deviations of the noise. The column itself is always kept; the
    other attributes are counted in other marginals too.
    """
    held = [pack.attribute(name) for name in group]
    while len(held) > 1:
        cells = math.prod(len(a.groups) if a.has_levels else len(a.values) for a in held)
        with_topic = len(held) == 2 and held[1].has_levels
        if people >= (PER_COLUMN_AND_TOPIC if with_topic else PER_COLUMN) * cells:
            break
        held.pop()
    return group[: len(held)]


def fewest_people(pack: Pack, sigma: float) -> int:
    """The number of people below which the noise of a group of topics exceeds the average count of a
    group.
    """
    root = pack.attribute(pack.marginals[0][0])
    groups = len(root.groups) if root.has_levels else len(root.values)
    return math.ceil(sigma * min(max(groups, LEAST_GROUPS), MOST_GROUPS))


def _homes(pack: Pack) -> dict[str, int]:
    """For each attribute the marginal that must keep it: one that begins with it, else the smallest.

    The marginal of a column beside the text must keep that column only.
    """
    homes: dict[str, int] = {}
    for index, group in enumerate(pack.marginals):
        homes.setdefault(group[0], index)
    others = [i for i, group in enumerate(pack.marginals) if pack.attribute(group[0]).kind != "column"]
    smallest = sorted(others, key=lambda index: _cells(pack, pack.marginals[index]))
    for index in smallest:
        for name in pack.marginals[index]:
            homes.setdefault(name, index)
    return homes


def _cells(pack: Pack, names: Iterable[str]) -> int:
    return math.prod(len(pack.attribute(name).values) for name in names)
