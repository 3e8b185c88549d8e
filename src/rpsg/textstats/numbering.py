"""Numbers for equal values: sorted in parts, so that the time is linear in the number of values.

Sorting millions of numbers at once takes more than linear time, mostly because they do not fit into the
processor's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

Ints = npt.NDArray[np.int64]
#: The number of values that are sorted together.
TOGETHER = 1 << 18


def in_parts(values: Ints) -> Iterator[Ints]:
    """The indices of the values in parts of about ``TOGETHER``; equal values are in the same part."""
    count = -(-len(values) // TOGETHER)
    if count < 2:
        yield np.arange(len(values))
        return
    part = (values % count).astype(np.uint16)
    order = np.argsort(part, kind="stable")  # takes linear time for numbers of 16 bits
    yield from np.split(order, np.cumsum(np.bincount(part, minlength=count))[:-1])


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """For each value a number that only equal values share, and for each number the first index that has it.

    Shapes (values,) and (numbers,); the numbers begin with 0 and have no order.
    """
    found, firsts, count = np.empty(len(values), np.int64), [np.zeros(0, np.int64)], 0
    for places in in_parts(values):
        different, first, inverse = np.unique(values[places], return_index=True, return_inverse=True)
        found[places] = inverse + count
        firsts.append(places[first])
        count += len(different)
    return found, np.concatenate(firsts)
