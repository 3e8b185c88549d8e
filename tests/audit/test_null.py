"""A corpus that learnt nothing: no alarm in 95 of 100 cases, and a lower bound of nought."""

from __future__ import annotations

import pytest
from tests.audit.alarms import raises_alarm

from rpsg.audit.run import find_attacks
from rpsg.testing.planted import subject

CASES = 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_a_hundred_corpora_that_learnt_nothing_five_at_most_raise_an_alarm() -> None:
    attacks = find_attacks()
    cases = (subject(people=40, size=30, seed=seed) for seed in range(CASES))
    assert sum(raises_alarm(case, attacks, least=9) for case in cases) <= 5
