"""Integer noise from the operating system's randomness, without a seed or stored state.

``RoundedGaussian`` draws X = round(N(0, sigma^2)) by inverting a table of its distribution function:

    C_k = floor(2^128 * Phi((k + 1/2) / sigma)),  k = -K..K

A 128-bit random number U gives the smallest k with U < C_k. Integer count + rounded Gaussian =
rounded (count + Gaussian), so the noise is a post-processing of the continuous mechanism and the closed
form of ``gaussian`` is exact, whatever the number of cells. No float ever touches a private count, and
there is no rejection loop whose length would reveal the size of the noise.

The table is built in integers of 384 fraction bits, from the series with positive terms only

    Phi(x) - 1/2 = phi(x) * (x + x^3/3 + x^5/(3*5) + x^7/(3*5*7) + ...)

The sum stays below 2^185 for x <= 16 and phi is known to 2^-340, so each entry is right to 2^-150:
the same integers as with decimals of 120 digits, several times faster.

For a wide table that is slow. There the entries are a short step h = 1/sigma apart, and each is computed from
the one before, which is at x:

    Phi(x + h) = Phi(x) + phi(x) * h * (b_0 + b_1/2 + b_2/3 + ...),   e^(-x t - t^2/2) = sum b_n (t/h)^n
    b_0 = 1,   b_n = -(x h b_(n-1) + h^2 b_(n-2)) / n

Terms below 2^-200 are left out, and all errors of 1.4 million steps together stay below 2^-170. So the two
methods differ by less than 2^-149. If the bits of an entry after the 128th are within that distance of all
zeros or all ones, the two might be truncated differently. Such an entry is computed by the first series, so
the table is the same to the last bit.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Never

import numpy as np
import numpy.typing as npt

from rpsg.errors import PrivacyError, needed
from rpsg.privacy.sources import LARGEST_SIGMA, OPENDP, ROUNDED_GAUSSIAN, lattice_bits, table_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.protocols import NoiseSource


_BITS = 128
_FRACTION = 384  # bits after the point while the table is built
_ONE = 1 << _FRACTION
_HALF = _ONE >> 1
_NEGLIGIBLE = _FRACTION - 180  # terms below 2^-180 are left out
_STEPS_FROM = 16.0  # from this sigma on each entry is computed from the one before; x stays below 14.1
_NEGLIGIBLE_IN_STEP = _FRACTION - 200
# If an entry is closer than this to a whole number, the first series is used.
TOLD_APART = 1 << (_FRACTION - 148)
_FAR = 16  # 1 - Phi(16) is below 2^-180 and neglected
_DIGITS = 140
_CHUNK = 1 << 16  # draws at a time: 1 MiB of random bytes


@dataclass(frozen=True)
class NoiseTable:
    """The thresholds C_-K..C_K: whole, and split into their high and low 64 bits."""

    reach: int
    whole: tuple[int, ...]
    high: npt.NDArray[np.uint64]


@lru_cache(maxsize=64)
def noise_table(sigma: float) -> NoiseTable:
    """The table for ``sigma``. Takes about 20 ms at sigma 12 and a second at sigma 4000.

    Raises:
        ValueError: ``sigma`` is not in (0, 1e5].
    """
    if not 0.0 < sigma <= LARGEST_SIGMA:
        raise ValueError("sigma must be positive and at most 1e5")
    reach = table_reach(sigma)
    upper = list((_by_steps if sigma >= _STEPS_FROM else _by_series)(sigma, reach))
    shift = _FRACTION - _BITS
    below = [(_HALF - u) >> shift for u in reversed(upper[:reach])]
    whole = tuple(below + [(_HALF + u) >> shift for u in upper])
    return NoiseTable(reach, whole, np.array([c >> 64 for c in whole], dtype=np.uint64))


def _by_series(sigma: float, reach: int) -> Iterator[int]:
    """Phi((k + 1/2) / sigma) - 1/2 for k = 0..reach, in units of 2^-384 and within 2^-150 of exact."""
    step = 1 / Fraction(sigma)
    for k, density in enumerate(_densities(step, reach)):
        x = (k + Fraction(1, 2)) * step
        yield _series(x) * density >> _FRACTION if x <= _FAR else _HALF - 1


def _by_steps(sigma: float, reach: int) -> Iterator[int]:
    """As ``_by_series``, but each is computed from the one before; truncated to 128 bits they are equal."""
    step = 1 / Fraction(sigma)
    width, square = int(step * _ONE), int(step * step * _ONE)
    mask = (1 << (_FRACTION - _BITS)) - 1
    entry = at = 0
    for k, density in enumerate(_densities(step, reach)):
        entry = entry + at if k else _series(step / 2) * density >> _FRACTION
        rest = entry & mask
        sure = TOLD_APART < rest < mask - TOLD_APART
        yield entry if sure else _series((k + Fraction(1, 2)) * step) * density >> _FRACTION
        # x * h, exactly (k + 1/2) h^2, up to the last bits
        at = (_mean_of_step((2 * k + 1) * square >> 1, square) * width >> _FRACTION) * density >> _FRACTION


def _mean_of_step(slope: int, square: int) -> int:
    """b_0 + b_1/2 + b_2/3 + ... in units of 2^-384, for x h and h^2 in the same units."""
    before, term, total, n = 0, _ONE, _ONE, 1
    while abs(term) >> _NEGLIGIBLE_IN_STEP or abs(before) >> _NEGLIGIBLE_IN_STEP:
        before, term = term, -((slope * term + square * before) >> _FRACTION) // n
        n += 1
        total += term // n
    return total


def _densities(step: Fraction, reach: int) -> Iterator[int]:
    """The normal density at (k + 1/2) step for k = 0..reach, in units of 2^-384."""
    density = _fixed_exp(-step * step / 8, _root_of_two_pi())
    ratio = square_ratio = _fixed_exp(-step * step)  # phi at k + 1 is phi at k times exp(-step^2 (k + 1))
    for _ in range(reach + 1):
        yield density
        density = density * ratio >> _FRACTION
        ratio = ratio * square_ratio >> _FRACTION


def _series(x: Fraction) -> int:
    """The sum x + x^3/3 + x^5/(3*5) + ... in units of 2^-384."""
    square = int(x * x * _ONE)
    term = total = int(x * _ONE)
    n = 1
    while term >> _NEGLIGIBLE:
        n += 2
        term = (term * square >> _FRACTION) // n
        total += term
    return total


def _fixed_exp(power: Fraction, divisor: Decimal = Decimal(1)) -> int:
    """exp(power) / divisor in units of 2^-384."""
    with localcontext() as context:
        context.prec = _DIGITS
        exponent = Decimal(power.numerator) / Decimal(power.denominator)
        return int(exponent.exp() * _ONE / divisor)


@lru_cache(maxsize=1)
def _root_of_two_pi() -> Decimal:
    """sqrt(2 pi), pi after Machin: 16 atan(1/5) - 4 atan(1/239)."""
    with localcontext() as context:
        context.prec = _DIGITS
        unit = 10 ** (_DIGITS + 10)
        pi = 4 * (4 * _arctangent(5, unit) - _arctangent(239, unit))
        return (2 * Decimal(pi) / Decimal(unit)).sqrt()


def _arctangent(inverse: int, unit: int) -> int:
    power = total = unit // inverse
    n, sign = 1, -1
    while power:
        power //= inverse * inverse
        n += 2
        total += sign * (power // n)
        sign = -sign
    return total


def invert(
    table: NoiseTable, high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """The noise for the 128-bit numbers ``high * 2^64 + low``."""
    index = np.searchsorted(table.high, high, side="left")
    tied = np.flatnonzero(table.high[np.minimum(index, len(table.whole) - 1)] == high)
    for i in tied:  # about once in 2^56 draws: the top 64 bits do not decide
        index[i] = bisect_right(table.whole, (int(high[i]) << 64) | int(low[i]))
    return index.astype(np.int64) - table.reach


class _Sealed:
    """A noise source must not be stored or copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Never:
        raise PrivacyError("A noise source cannot be pickled or copied.")


class RoundedGaussian(_Sealed):
    """The noise source of every claim."""

    __slots__ = ()
    name = ROUNDED_GAUSSIAN

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        """``size`` independent rounded Gaussians of standard deviation ``sigma`` (before rounding).

        Raises:
            ValueError: ``sigma`` is not in (0, 1e5].
        """
        table = noise_table(float(sigma))
        noise = np.empty(size, dtype=np.int64)
        for start in range(0, size, _CHUNK):
            count = min(_CHUNK, size - start)
            bits = np.frombuffer(os.urandom(16 * count), dtype=np.uint64)
            noise[start : start + count] = invert(table, bits[:count], bits[count:])
        return noise


class OpenDPNoise(_Sealed):
    """Noise drawn by OpenDP, for those who must have it (about 100 times slower).

    OpenDP offers a *discrete* Gaussian, which is not a post-processing of the continuous one: on the
    integers, the closed form would under-count. So it is drawn on a lattice of step 2^-s, as fine as 64-bit
    integers allow, and then rounded to whole numbers, which again is post-processing. The probability of a
    whole number is then a Riemann sum of the normal density in place of its integral. It is off by at most
    the step times the variation of the density in that interval, so the total variation is at most step * 0.4
    / sigma for each draw, as ``sources.tv_bound`` computes it.
    """

    __slots__ = ()
    name = OPENDP

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        """As ``RoundedGaussian.draw``.

        Raises:
            MissingExtraError: the package opendp is not installed.
            ValueError: ``sigma`` is not in (0, 1e5].
        """
        bits = lattice_bits(sigma)
        measurement = _opendp_measurement(math.ldexp(sigma, bits))
        fine = np.array(measurement([0] * size), dtype=np.int64)
        return (fine + (1 << (bits - 1))) >> bits


def _opendp_measurement(scale: float) -> Callable[[list[int]], list[int]]:
    with needed("opendp", "opendp"):
        import opendp.prelude as dp
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    measurement: Callable[[list[int]], list[int]] = dp.m.make_gaussian(*space, scale=scale)
    return measurement


@dataclass(frozen=True, slots=True)
class MarkedNoise:
    """A noise source that records each draw before making it."""

    source: NoiseSource
    before: Callable[[], None]

    @property
    def name(self) -> str:
        return self.source.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        self.before()
        return self.source.draw(sigma, size)
