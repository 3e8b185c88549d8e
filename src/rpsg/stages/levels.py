"""In how much detail the schema is counted: by values, by groups of values, together or alone.

Read aloud: attributes are counted together if there are enough people for every combination of their
values; else each is counted alone, by its values if there are enough people for those, else by its groups.
"Enough" is measured in the standard deviation of the noise, and is the same for every pack. What it depends
on is public or paid for, and the number of marginals never changes, so the plan of the budget holds.

However few people there are, every attribute is counted: the fit (``shrinking``) gives up what noise made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpsg.domains import Pack

#: People for each value, and for each combination of values, in standard deviations of the noise: below that
#: the coarser count came closer to the truth in simulations (``benchmarks/card_levels.py``).
PER_VALUE, PER_COMBINATION = 0.25, 1.0
#: How many groups a schema counts as having: the commonest values of a longer list are seen all the same.
LEAST_GROUPS, MOST_GROUPS = 8, 16
#: How far below its true value a noisy count may lie, in standard deviations: once in a hundred. What is
#: sized by it is a matter of quality, never of privacy.
LOWER_END = 2.33


def safe_size(noisy: float, sigma: float) -> int:
    """A lower bound for the number of units, from its noisy count (used for sizing, never for a claim)."""
    return max(0, math.floor(noisy - LOWER_END * sigma - 0.5))


def thinned(pack: Pack, n: int, sigma: float) -> Pack:
    """The pack with its marginals in as much detail as ``n`` people allow under noise ``sigma``."""
    marginals, by_group = list[tuple[str, ...]](), list[int]()
    homes = _homes(pack)
    for place, group in enumerate(pack.marginals):
        kept = group
        if n < PER_COMBINATION * sigma * _cells(pack, group):
            kept = tuple(name for name in group if homes[name] == place) or group[:1]
        least = PER_VALUE if len(kept) == 1 else PER_COMBINATION
        if n < least * sigma * _cells(pack, kept) and any(pack.attribute(name).has_levels for name in kept):
            by_group.append(place)
        marginals.append(kept)
    return pack.model_copy(update={"marginals": tuple(marginals), "by_group": tuple(by_group)})


def fewest_people(pack: Pack, sigma: float) -> int:
    """Below this number noise outweighs what people write about: it moves the count of a group of topics by
    more than there are people in an average one.
    """
    root = pack.attribute(pack.marginals[0][0])
    groups = len(root.groups) if root.has_levels else len(root.values)
    return math.ceil(sigma * min(max(groups, LEAST_GROUPS), MOST_GROUPS))


def _homes(pack: Pack) -> dict[str, int]:
    """For each attribute the marginal that must keep it: one that it is the first of, else the smallest."""
    homes: dict[str, int] = {}
    for place, group in enumerate(pack.marginals):
        homes.setdefault(group[0], place)
    smallest = sorted(range(len(pack.marginals)), key=lambda place: _cells(pack, pack.marginals[place]))
    for place in smallest:
        for name in pack.marginals[place]:
            homes.setdefault(name, place)
    return homes


def _cells(pack: Pack, names: Iterable[str]) -> int:
    return math.prod(len(pack.attribute(name).values) for name in names)
