"""A corpus that learnt nothing: no alarm in 95 of 100 cases, and a lower bound of nought."""

from __future__ import annotations

import pytest

from rpsg.audit.run import find_attacks
from rpsg.audit.subject import NotRunError
from rpsg.testing.planted import subject

CASES = 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_a_hundred_corpora_that_learnt_nothing_five_at_most_raise_an_alarm() -> None:
    attacks, alarms = find_attacks(), 0
    for seed in range(CASES):
        case = subject(people=40, size=30, seed=seed)
        bounds = [0.0]
        for attack in attacks.values():
            try:
                bounds.append(attack(case).epsilon_lower or 0.0)
            except NotRunError:
                continue
        assert len(bounds) > 10
        alarms += max(bounds) > 0.0
    assert alarms <= 5
