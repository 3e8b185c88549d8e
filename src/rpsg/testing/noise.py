"""Noise for tests. Its name begins with "testing:", and a ledger with such noise makes no claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence


class SeededNoise:
    """The same noise in every run with the same ``seed``: NOT PRIVATE."""

    name = "testing:seeded"

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        return np.rint(self._generator.normal(0.0, sigma, size)).astype(np.int64)


class FixedNoise:
    """The given values over and over, by default zero: NOT PRIVATE."""

    name = "testing:fixed"

    def __init__(self, values: Sequence[int] = (0,)) -> None:
        self._values = np.array(values, dtype=np.int64)

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        del sigma  # the values are given
        return np.resize(self._values, size)
