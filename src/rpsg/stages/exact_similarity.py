"""Embeddings quantized to whole numbers, so that comparing them is exact.

Which candidate or description is nearest to a record must depend on that record alone. In floating point a
matrix product adds in an order that depends on the number of rows, so removing one person may change the last
bit of another person's score and, in a near-tie, that person's vote. The sensitivity of the count would then
be wrong.

Coordinates are therefore rounded to multiples of 1/STEPS and kept as whole numbers in float32. Every
partial sum of a product of two such rows is a whole number below STEPS^2 (Cauchy-Schwarz), which float32
holds exactly up to 2^24: the product is the same in any order of adding, with any library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.storage.public_vectors import STEPS as STEPS  # noqa: PLC0414  # others read it from here

if TYPE_CHECKING:
    import numpy.typing as npt

#: Rounding moves a row by at most sqrt(dim) / 2 of these steps; the exact range leaves room for that.
SQUARE = STEPS * STEPS
#: A row whose squared length in steps reaches this would leave the exact range.
TOO_LONG = 1 << 24


def quantized(rows: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Rows of about unit length as whole numbers, same shape; the rows may have been rounded to 16 bits.

    A row that is not finite, or too long for a unit row, becomes zero.
    """
    with np.errstate(all="ignore"):  # a warning would reveal that there is such a row
        whole = np.asarray(rows, np.float32) * np.float32(STEPS)
        np.rint(whole, out=whole)
        # Exact below the limit: partial sums only grow, so one that reached 2^24 cannot end below it.
        squares = np.einsum("...i,...i->...", whole, whole)
        whole[~(squares < TOO_LONG)] = 0
    return whole
