"""A noisy sum of vectors on its way from the question to the claim: each step knows its rule."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.errors import PrivacyError, VerificationError
from rpsg.pipeline.preview import epsilon_if_replaced
from rpsg.privacy.account import LifetimeCap
from rpsg.privacy.accounting import Budget, StagePlan, calibrate
from rpsg.privacy.evidence import parse_evidence
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.ledger import build_public_ledger
from rpsg.privacy.private import Private
from rpsg.privacy.replay import OpeningKernel, ReplayKernel
from rpsg.privacy.second_opinion import disagreements, epsilon_by_pld
from rpsg.privacy.signing import seal
from rpsg.privacy.units import Unit
from rpsg.privacy.vector_sum import BoundedVectors
from rpsg.privacy.verify import verify_ledger, verify_release
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.privacy.conftest import Run

    from rpsg.privacy.facts import Facts
    from rpsg.privacy.histogram import IntArray
    from rpsg.privacy.odometer import Odometer
    from rpsg.privacy.released import Releases

DIM = 4


def vectors(units: Any, rows: Any) -> BoundedVectors:
    table = np.array(rows, dtype=np.int64)
    return BoundedVectors(np.array(units, dtype=np.int64), table.__getitem__)


@pytest.fixture
def sketching(run: Run) -> Run:
    """The run of the other tests with another plan: a count, and a sum of vectors."""
    run.budget = calibrate(
        2.0,
        1e-6,
        [
            StagePlan("n_estimate", 0.05, "S1_unit_count", dim=1),
            StagePlan("sketch", 0.95, "S6_bounded_vector", w=128, dim=DIM),
        ],
    )
    return run


def sketch(run: Run, kernel: Releases, row: tuple[int, ...] = (-100, 50, 3, 0)) -> list[int]:
    def rows() -> Private[BoundedVectors]:
        run.asked += 1
        return Private(vectors(np.arange(300), [list(row)] * 300))

    return list(map(int, kernel.release(run.query("sketch", DIM), rows)))


def finished(run: Run, facts: Facts) -> dict[str, Any]:
    kernel = run.kernel()
    run.count(kernel)
    sketch(run, kernel)
    ledger = build_public_ledger(facts, kernel.performed)
    kernel.close()
    return ledger


def test_a_release_is_the_sum_plus_the_noise(sketching: Run) -> None:
    sketching.noise = FixedNoise([0, 1])
    kernel = sketching.kernel()
    sketching.count(kernel)
    assert sketch(sketching, kernel) == [-30_000, 15_001, 900, 1]


def test_a_run_that_goes_on_gives_the_same_vector_and_asks_nothing(sketching: Run) -> None:
    kernel = sketching.kernel()
    sketching.count(kernel)
    first = sketch(sketching, kernel)
    kernel.close()
    spent = sketching.account.total()
    again = sketching.kernel()
    sketching.count(again)
    assert sketch(sketching, again) == first
    assert sketching.asked == 2
    assert sketching.account.total() == spent


def test_vectors_that_are_too_long_release_nothing_and_cost_nothing(sketching: Run) -> None:
    kernel = sketching.kernel()
    sketching.count(kernel)
    spent = sketching.account.total().mu2
    with pytest.raises(PrivacyError, match="broke its contribution rule S6_bounded_vector"):
        sketch(sketching, kernel, (100, 100, 0, 0))
    assert sketching.account.total().mu2 == spent
    assert len(list(sketching.evidence.iterdir())) == 1
    assert sketch(sketching, kernel)


def test_what_goes_wrong_while_vectors_are_computed_quotes_nothing_private(sketching: Run) -> None:
    def broken(which: IntArray) -> IntArray:
        raise KeyError("a sentence of a patient")

    kernel = sketching.kernel()
    sketching.count(kernel)
    rows = Private(BoundedVectors(np.arange(3), broken))
    with pytest.raises(PrivacyError, match="its message is withheld") as caught:
        kernel.release(sketching.query("sketch", DIM), lambda: rows)
    assert "patient" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_the_ledger_has_golden_numbers(sketching: Run, facts: Facts) -> None:
    """Sigma and epsilon from the golden mu of (2, 1e-6), epsilon_replace_one by scipy and dp-accounting."""
    ledger = finished(sketching, facts)
    line = ledger["mechanisms"][1]
    assert (line["sigma"], line["sensitivity2"], line["dim"]) == (292.917808, 16384, DIM)
    assert line["sens"] == {"rule": "S6_bounded_vector", "k": 1, "w": 128, "c": 1}
    assert ledger["claim"]["epsilon_replace_one"] == pytest.approx(4.2567308, rel=1e-7)
    assert "For replacing one person, epsilon is 4.257." in ledger["claim"]["text"]
    assert sketching.budget.sha256() == PLAN_SHA256


PLAN_SHA256 = "281cfe97ca5585c0d8775b10ff9dc61229fb4d3792771d058c578c564b171358"


def test_a_release_is_verified_from_its_files(sketching: Run, facts: Facts, tmp_path: Path) -> None:
    ledger, file = finished(sketching, facts), tmp_path / "ledger.json"
    file.write_text(json.dumps(ledger))
    checks = verify_release(file, tmp_path / "corpus.jsonl", sketching.evidence)
    assert all(c.ok for c in checks)
    noisy = parse_evidence((sketching.evidence / "release-001.json").read_bytes()).histogram()
    assert noisy[0] < 0


def as_for_counts(ledger: dict[str, Any]) -> None:
    """Twice the square, as for every other rule."""
    ledger["claim"]["epsilon_replace_one"] = 2.94


def shorter(ledger: dict[str, Any]) -> None:
    ledger["mechanisms"][1]["sens"]["w"] = 64


def smaller(ledger: dict[str, Any]) -> None:
    ledger["mechanisms"][1]["sensitivity2"] = 4096


def unsigned(ledger: dict[str, Any]) -> None:
    ledger["mechanisms"][1]["sens"]["rule"] = "S5_l2_normalised"


@pytest.mark.parametrize("change", [as_for_counts, shorter, smaller, unsigned])
def test_a_ledger_that_makes_less_of_a_vector_is_caught(
    sketching: Run, facts: Facts, change: Callable[[dict[str, Any]], None]
) -> None:
    ledger = finished(sketching, facts)
    change(ledger)
    body = {k: v for k, v in ledger.items() if k != "chain"}
    assert {c.name for c in verify_ledger(seal(body)) if not c.ok} - {"claim in words"}


def test_a_replay_hands_out_the_released_vector_and_takes_no_other_rule(sketching: Run, facts: Facts) -> None:
    ledger = finished(sketching, facts)
    replay = ReplayKernel(sketching.evidence, ledger)
    sketching.asked = 0
    sketching.count(replay)
    noisy = sketch(sketching, replay)
    assert sketching.asked == 0
    assert (
        noisy == parse_evidence((sketching.evidence / "release-001.json").read_bytes()).histogram().tolist()
    )
    assert (
        build_public_ledger(facts, replay.performed(sketching.budget, ledger["rng"]["source"]))["claim"]
        == (ledger["claim"])
    )
    other = calibrate(2.0, 1e-6, [StagePlan("sketch", 1.0, "S6_bounded_vector", w=127, dim=DIM)])
    with pytest.raises(VerificationError):
        replay.performed(other, ledger["rng"]["source"])


def test_whoever_has_the_data_can_test_the_noise_of_a_sum(sketching: Run, facts: Facts) -> None:
    ledger = finished(sketching, facts)
    for row, fits in (((-100, 50, 3, 0), True), ((-100, 50, 50, 0), False)):
        opening = OpeningKernel(sketching.evidence, ledger)
        sketching.count(opening)
        sketch(sketching, opening, row)
        assert opening.outcomes[1].is_noise(2) == fits


def test_the_account_prices_a_replaced_person_at_four_times_the_square(
    sketching: Run, facts: Facts, odometer: Odometer
) -> None:
    finished(sketching, facts)
    paid = sketching.account.total().mu2
    replacing = odometer.account(
        "reviews", Unit("user", "user", "replace_one"), LifetimeCap(9.0, 1e-6)
    ).total()
    assert paid == pytest.approx(sketching.budget.mu2)
    assert replacing.mu2 == pytest.approx((2 * 0.05 + 4 * 0.95) * paid, rel=1e-5)
    assert replacing.reserved_mu2 == 0.0


def budget_of(rule_share: float, adjacency: Any = "add_remove") -> Budget:
    """A plan whose vectors have that share of mu squared; the rest is votes."""
    stages = [StagePlan("votes", 1 - rule_share, "S4_k_votes", dim=5)] if rule_share < 1 else []
    if rule_share > 0:
        stages.append(StagePlan("sketch", rule_share, "S6_bounded_vector", w=64, dim=DIM))
    return calibrate(1.0, 1e-6, stages, adjacency=adjacency)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_plan_knows_what_replacing_costs_from_the_rules_of_its_releases(share: float) -> None:
    budget = budget_of(share)
    assert budget.replaced_mu2 == pytest.approx((2 * (1 - share) + 4 * share) * budget.mu2, rel=1e-5)
    replacing = budget_of(share, "replace_one")
    assert replacing.replaced_mu2 == replacing.mu2
    if share == 0.0:
        assert (
            budget.replaced_mu2 == 2 * budget.mu2
        )  # to the last bit: old releases are replayed byte by byte


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_page_of_a_plan_shows_what_replacing_costs_under_both_relations(share: float) -> None:
    budget, replacing = budget_of(share), budget_of(share, "replace_one")
    factor = 2.0 if share else math.sqrt(2)
    assert epsilon_if_replaced(budget) == pytest.approx(epsilon_of(factor * budget.mu, 1e-6), rel=1e-5)
    assert epsilon_if_replaced(replacing) == pytest.approx(replacing.epsilon_spent, rel=1e-5)


def test_another_accountant_agrees_on_vectors_and_notices_when_they_are_taken_for_counts(
    sketching: Run, facts: Facts
) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra 'verify'")
    ledger = finished(sketching, facts)
    assert list(disagreements(ledger)) == []
    one, other = (r.sigma for r in sketching.budget.releases)
    theirs = epsilon_by_pld({one / math.sqrt(2): 1, other / 256: 1}, 1e-6)
    assert ledger["claim"]["epsilon_replace_one"] == pytest.approx(theirs, rel=1e-4)
    as_for_counts(ledger)
    assert any(reason.startswith("epsilon_replace_one") for reason in disagreements(ledger))
