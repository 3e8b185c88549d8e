"""The privacy figures in the documents are those that the program computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rpsg.domains import find_pack
from rpsg.plan import resolve
from rpsg.privacy.gaussian import attack_success, epsilon_of, mu_for
from rpsg.stages.budget import strict_budget

ROOT = Path(__file__).parents[2]
CLAIM = (ROOT / "docs" / "privacy-claim.md").read_text(encoding="utf-8")
STRICT = (ROOT / "docs" / "strict-mode.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DELTA = 1e-6
ATTACKS = re.findall(r"^\| ([\d.]+) \| (0\.\d+) \| ([\d.]+) % \|$", CLAIM, re.MULTILINE)


def test_there_is_a_table_of_attacks() -> None:
    assert [epsilon for epsilon, _, _ in ATTACKS] == ["0.5", "1", "2", "4", "8"]


@pytest.mark.parametrize(("epsilon", "auc", "members"), ATTACKS)
def test_what_an_epsilon_means_is_computed(epsilon: str, auc: str, members: str) -> None:
    bound = attack_success(mu_for(float(epsilon), DELTA))
    assert float(auc) == pytest.approx(bound.auc, abs=6e-4)
    assert float(members) == pytest.approx(100 * bound.tpr_at_fpr_1_percent, abs=0.06)


def test_the_readme_never_promises_more_than_the_bound() -> None:
    promised = re.search(r"AUC of at most (0\.\d+)", README)
    assert promised is not None
    bound = attack_success(mu_for(2, DELTA)).auc
    assert bound <= float(promised[1]) <= bound + 1e-3


def test_group_figures_are_computed() -> None:
    told = re.search(r"two people ([\d.]+), three ([\d.]+), five ([\d.]+), ten ([\d.]+\d)", CLAIM)
    assert told is not None
    mu = mu_for(2, DELTA)
    for group, epsilon in zip((2, 3, 5, 10), told.groups(), strict=True):
        assert float(epsilon) == pytest.approx(epsilon_of(group * mu, DELTA), rel=5e-3)


def test_the_noise_of_strict_mode_is_computed() -> None:
    told = re.search(
        r"\u03c3 = ([\d.]+) for the number of people, ([\d.]+) for the cards .*?, ([\d.]+) for", STRICT
    )
    assert told is not None
    pack = find_pack("food-reviews")
    budget = strict_budget(resolve({"privacy": {"epsilon": 2.0}}), pack)
    assert [r.stage for r in budget.releases] == ["size", "cards", "votes"]
    for sigma, release in zip(told.groups(), budget.releases, strict=True):
        assert float(sigma) == pytest.approx(release.sigma, abs=6e-3)
