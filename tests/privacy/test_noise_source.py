"""The noise follows its law to the last bit of the table, and no seed in the world moves it."""

from __future__ import annotations

import copy
import math
import os
import pickle
import random
import time
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rpsg.errors import PrivacyError
from rpsg.privacy import noise
from rpsg.privacy.noise import NoiseTable, RoundedGaussian, invert, noise_table
from rpsg.privacy.sources import supports_claims, table_reach, tv_bound
from rpsg.testing.noise import FixedNoise, SeededNoise

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.protocols import NoiseSource

SIGMAS = [0.3, 0.6, 1.0, 2.5, 11.8, 31.4, 100.0]


def reference_cdf(x: Decimal) -> Decimal:
    """Phi(x) for x <= 0 from the alternating series of erf: another formula, in decimals."""
    with localcontext() as context:
        context.prec = 250
        z = -x / Decimal(2).sqrt()
        term = total = z
        n = 0
        while abs(term) > Decimal(10) ** -220:
            n += 1
            term = -term * z * z / n
            total += term / (2 * n + 1)
        pi = Decimal(
            "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211"
            "70679821480865132823066470938446095505822317253594081284811174502841027019385211055596446229489549"
            "30381964428810975665933446128475648233786783165271201909145648566923460348610454326648213393607260"
        )
        return (1 - 2 * total / pi.sqrt()) / 2


@pytest.mark.parametrize("sigma", [0.3, 0.6, 3.73, 11.8, 100.0])
def test_the_table_is_the_high_precision_reference(sigma: float) -> None:
    table = noise_table(sigma)
    places = range(-table.reach, 0, max(1, table.reach // 40))
    for k in places:
        with localcontext() as context:
            context.prec = 250
            x = (2 * k + 1) / (2 * Decimal(sigma))
            if x > 0 or x < -17:
                continue
            exact = int(reference_cdf(x) * 2**128)
        assert table.whole[k + table.reach] == exact


@pytest.mark.parametrize("sigma", [16.0, 16.000001, 31.4, 99.999999, 292.917808])
def test_a_wide_table_is_the_same_to_the_last_bit_as_by_the_series(sigma: float) -> None:
    table = noise_table(sigma)
    reach = table_reach(sigma)
    half, after = noise._HALF, noise._FRACTION - 128
    upper = list(noise._by_series(sigma, reach))
    assert table.whole[reach:] == tuple((half + u) >> after for u in upper)
    assert table.whole[:reach] == tuple((half - u) >> after for u in reversed(upper[:reach]))


@pytest.mark.parametrize("sigma", [16.0, 100.0, 1000.0, 4000.0, 1e5])
def test_both_ways_to_an_entry_differ_by_far_less_than_what_is_told_apart(sigma: float) -> None:
    """The series costs much far out in a wide table, so it is computed at some places of it."""
    reach = min(table_reach(sigma), 6000)
    places = {0, 1, 2, *range(7, reach, reach // 20), reach}
    densities = list(noise._densities(1 / Fraction(sigma), reach))
    for k, entry in enumerate(noise._by_steps(sigma, reach)):
        if k in places:
            series = noise._series((k + Fraction(1, 2)) / Fraction(sigma)) * densities[k] >> noise._FRACTION
            assert abs(entry - series) < noise.TOLD_APART >> 20


def test_where_the_two_ways_could_be_cut_to_different_integers_the_series_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stepped = list(noise._by_steps(31.4, 400))
    series = list(noise._by_series(31.4, 400))
    assert stepped[1:] != series[1:]
    monkeypatch.setattr(noise, "TOLD_APART", 1 << (noise._FRACTION - 128))
    assert list(noise._by_steps(31.4, 400)) == series


def test_the_table_of_a_wide_noise_is_there_in_seconds() -> None:
    noise_table.cache_clear()
    begun = time.process_time()
    noise_table(4000.0)
    assert time.process_time() - begun < 5.0


@pytest.mark.parametrize("sigma", [0.05, *SIGMAS])
def test_the_table_rises_is_symmetric_and_covers_everything_but_the_last_bit(sigma: float) -> None:
    table = noise_table(sigma)
    assert table.reach == table_reach(sigma)
    assert len(table.whole) == 2 * table.reach + 1
    assert list(table.whole) == sorted(table.whole)
    assert all(0 <= c < 2**128 for c in table.whole)
    for k in range(table.reach):  # Phi(-x) = 1 - Phi(x), each side rounded down by less than one
        assert table.whole[table.reach + k] + table.whole[table.reach - k - 1] in {2**128 - 1, 2**128}


@pytest.mark.parametrize("sigma", SIGMAS)
def test_draws_fit_the_exact_law(sigma: float) -> None:
    size = 200_000
    drawn = RoundedGaussian().draw(sigma, size)
    edge = math.ceil(3.5 * sigma)
    inner = np.arange(-edge, edge)
    cdf = stats.norm.cdf((np.concatenate([inner, [edge]]) - 0.5) / sigma)
    probabilities = np.diff(np.concatenate([[0.0], cdf, [1.0]]))
    observed = np.bincount(np.clip(drawn, -edge - 1, edge) + edge + 1, minlength=len(probabilities))
    assert stats.chisquare(observed, probabilities * size).pvalue > 1e-6


def test_draws_are_whole_numbers_of_the_size_asked_for() -> None:
    for size in (0, 1, 65_536, 65_537):
        drawn = RoundedGaussian().draw(2.0, size)
        assert drawn.dtype == np.int64
        assert drawn.shape == (size,)


def test_draws_in_one_vector_do_not_depend_on_each_other() -> None:
    drawn = RoundedGaussian().draw(11.8, 200_000).astype(float)
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.012
    assert abs(drawn.mean()) < 6 * 11.8 / math.sqrt(len(drawn))


@given(st.integers(0, 2**128 - 1))
def test_inversion_finds_the_first_entry_above_the_number(number: int) -> None:
    table = noise_table(2.5)
    expected = next((k for k, c in enumerate(table.whole) if number < c), len(table.whole)) - table.reach
    assert _invert_one(table, number) == expected


def test_when_the_top_bits_tie_the_low_bits_decide() -> None:
    table = noise_table(2.5)
    for k, entry in enumerate(table.whole):
        assert _invert_one(table, entry) > k - table.reach or entry == 0 or entry in table.whole[k + 1 :]
        if entry:
            assert _invert_one(table, entry - 1) <= k - table.reach


def _invert_one(table: NoiseTable, number: int) -> int:
    high, low = np.array([number >> 64], dtype=np.uint64), np.array([number % 2**64], dtype=np.uint64)
    return int(invert(table, high, low)[0])


def test_no_seed_moves_the_noise() -> None:
    drawn = []
    for _ in range(2):
        random.seed(42)
        np.random.seed(42)  # noqa: NPY002  # exactly what must have no effect
        drawn.append(RoundedGaussian().draw(11.8, 50))
    assert not np.array_equal(drawn[0], drawn[1])


def test_the_only_source_of_randomness_is_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda n: bytes([128] + [0] * 7) * (n // 8))
    assert len(set(RoundedGaussian().draw(3.0, 20).tolist())) == 1


def test_a_forked_child_draws_other_noise() -> None:
    source = RoundedGaussian()
    source.draw(11.8, 1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, source.draw(11.8, 64).tobytes())
        os._exit(0)
    ours = source.draw(11.8, 64).tobytes()
    os.waitpid(child, 0)
    theirs = os.read(reading, 4096)
    os.close(reading)
    os.close(writing)
    assert len(theirs) == len(ours)
    assert theirs != ours


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_noise_source_cannot_be_stored_or_copied(take: Callable[[Any], Any]) -> None:
    with pytest.raises(PrivacyError):
        take(RoundedGaussian())


def test_a_noise_source_takes_no_seed() -> None:
    with pytest.raises(TypeError):
        RoundedGaussian(seed=1)  # type: ignore[call-arg]  # the point of the test
    with pytest.raises(TypeError):
        RoundedGaussian().draw(1.0, 1, seed=1)  # type: ignore[call-arg]  # the point of the test


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf, 2e5])
def test_a_sigma_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError):
        RoundedGaussian().draw(sigma, 1)


def test_the_error_of_the_sampler_is_far_below_any_delta() -> None:
    name = RoundedGaussian().name
    assert tv_bound(name, 11.8, 1_000_000) == 1_000_000 * 336 * 2.0**-128
    assert supports_claims(name)


@pytest.mark.parametrize("noise", [SeededNoise(1), FixedNoise([1, -2])])
def test_noise_for_tests_is_named_so_and_supports_no_claim(noise: NoiseSource) -> None:
    assert noise.name.startswith("testing:")
    assert not supports_claims(noise.name)
    assert noise.draw(3.0, 5).dtype == np.int64
    with pytest.raises(ValueError):
        tv_bound(noise.name, 1.0, 1)


def test_fixed_noise_repeats_its_values() -> None:
    assert FixedNoise([1, -2]).draw(9.0, 5).tolist() == [1, -2, 1, -2, 1]


def test_both_halves_of_a_number_come_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the high 64 bits meet an entry of the table, the low ones must be random bits of their own."""
    table = noise_table(2.5)
    k = table.reach  # an entry in the middle, with low bits of some size
    high, low = divmod(table.whole[k], 2**64)
    assert 0 < low < 2**64 - 1

    def drawn(low_bits: int) -> int:
        numbers = np.array([high, low_bits], dtype=np.uint64).tobytes()
        monkeypatch.setattr(os, "urandom", lambda _: numbers)
        return int(RoundedGaussian().draw(2.5, 1)[0])

    assert [drawn(low - 1), drawn(low)] == [0, 1]
