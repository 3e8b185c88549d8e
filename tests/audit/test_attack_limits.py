"""The smallest leak that an attack would detect, compared with trying every size."""

from __future__ import annotations

import pytest

from rpsg.privacy.attack_bounds import (
    POWER,
    answer_guesses,
    at_least,
    extraction_epsilon,
    gaussian_run_refuted,
    one_run_epsilon,
)
from rpsg.privacy.attack_limits import answers_limit, extraction_limit, found_leak, named_limit, ranked_limit
from rpsg.privacy.gaussian import mu_for

LEVEL, DELTA = 0.05 / 12, 1e-6


@pytest.mark.parametrize(("planted", "chance", "epsilon"), [(200, 1e-12, 2.0), (40, 1e-5, 3.0)])
def test_the_fewest_canaries(planted: int, chance: float, epsilon: float) -> None:
    chances = [chance] * planted
    enough = (
        hits
        for hits in range(1, planted + 1)
        if extraction_epsilon(chances, hits, delta=DELTA, level=LEVEL) > epsilon
    )
    limit = extraction_limit(planted, chance, epsilon, delta=DELTA, level=LEVEL)
    assert limit == next(enough) / planted
    assert extraction_limit(planted, 0.5, epsilon, delta=DELTA, level=LEVEL) is None
    assert extraction_limit(0, chance, epsilon, delta=DELTA, level=LEVEL) is None


@pytest.mark.parametrize(("units", "members", "false"), [(120, 60, 0), (120, 60, 3), (200, 150, 1)])
def test_the_fewest_members_that_are_named(units: int, members: int, false: int) -> None:
    def bound(hits: int) -> float:
        share = members / units
        return one_run_epsilon(units, hits + false, hits, delta=DELTA, level=LEVEL, by_chance=share)

    limit = named_limit(units, members, false, 1.0, delta=DELTA, level=LEVEL)
    expected = next((hits for hits in range(1, members + 1) if bound(hits) > 1.0), None)
    assert limit == (None if expected is None else expected / members)
    assert named_limit(units, members, false, 20.0, delta=DELTA, level=LEVEL) is None


def test_the_fewest_canaries_that_noisy_answers_reveal() -> None:
    units, level = 100, LEVEL / 3
    mu, found = mu_for(1.0, DELTA), []
    for size in answer_guesses(units):
        refuting = (v for v in range(size + 1) if gaussian_run_refuted(units, size, v, mu, level))
        if (needed := next(refuting, None)) is not None:
            found.append(next(n for n in range(size + 1) if at_least(size - n, 0.5, needed - n) >= POWER))
    assert answers_limit(units, 1.0, delta=DELTA, level=level) == min(found) / units
    assert answers_limit(20, 12.0, delta=DELTA, level=level) is None


def test_too_few_people_have_no_limit() -> None:
    limit = ranked_limit(2000, 1000, 1.0, delta=DELTA, level=LEVEL / 5)
    assert limit is not None
    assert 0 < limit < 0.1
    assert ranked_limit(60, 30, 8.0, delta=DELTA, level=LEVEL / 2) is None


@pytest.mark.parametrize(
    ("lower", "auc", "is_found"),
    [(2.1, None, True), (2.0, None, False), (2.1, 0.8, True), (2.1, 0.79, False)],
)
def test_a_planted_leak_is_found_by_a_bound_above_the_claim(
    lower: float, auc: float | None, is_found: bool
) -> None:
    assert found_leak(lower, 2.0, auc) is is_found
