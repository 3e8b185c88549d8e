"""Sums of bounded vectors: no unit moves one further than w, and from question to claim all know the rule."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import PrivacyError, VerificationError
from rpsg.previewing import _replaced
from rpsg.privacy import bounded_vectors
from rpsg.privacy.account import Cap
from rpsg.privacy.accounting import Budget, StagePlan, calibrate
from rpsg.privacy.ballots import Ballots, Query, clean_histogram
from rpsg.privacy.bounded_vectors import BoundedVectors, clean_sum
from rpsg.privacy.crosscheck import epsilon_by_pld
from rpsg.privacy.evidence import parse_evidence
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.ledger import build_public_ledger
from rpsg.privacy.opening import OpeningKernel
from rpsg.privacy.opinion import disagreements
from rpsg.privacy.private import Private
from rpsg.privacy.replay import ReplayKernel
from rpsg.privacy.seal import seal
from rpsg.privacy.sensitivity import sensitivity2
from rpsg.privacy.testing import FixedNoise
from rpsg.privacy.units import Unit
from rpsg.privacy.verify import verify_ledger, verify_release
from rpsg.privacy.whole_vectors import quantise

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.privacy.conftest import Run

    from rpsg.privacy.ballots import IntArray
    from rpsg.privacy.facts import Facts
    from rpsg.privacy.kernel import Releases
    from rpsg.privacy.odometer import Odometer

DIM = 4


def asked(w: int = 10, c: int = 1, dim: int = DIM) -> Query:
    return Query("sketch", "the sum of all vectors", dim, "S6_bounded_vector", 1.0, w=w, c=c)


def vectors(units: Any, rows: Any) -> BoundedVectors:
    table = np.array(rows, dtype=np.int64)
    return BoundedVectors(np.array(units, dtype=np.int64), lambda which: table[which])


def squared(vector: IntArray) -> int:
    return sum(int(v) ** 2 for v in vector)


@pytest.mark.parametrize(("w", "c"), [(1, 1), (128, 1), (128, 9), (2**15, 2**5)])
def test_the_square_is_that_of_the_bound_and_replacing_makes_it_four_times_as_large(w: int, c: int) -> None:
    assert sensitivity2("S6_bounded_vector", 1, w, c, "add_remove") == w * w
    assert sensitivity2("S6_bounded_vector", 1, w, c, "replace_one") == 4 * w * w


@st.composite
def cases(draw: st.DrawFn) -> tuple[Query, list[int], list[list[int]]]:
    """Rows that keep the rule: some units have many that agree, some have rows that point elsewhere."""
    w, c = draw(st.sampled_from([1, 3, 10, 128])), draw(st.integers(1, 4))
    units, rows = [], []
    for unit in range(draw(st.integers(1, 5))):
        for number in range(draw(st.integers(1, c))):
            if number and draw(st.booleans()):
                rows.append(rows[-1])
            else:
                floats = draw(st.lists(st.floats(-2, 2), min_size=DIM, max_size=DIM))
                rows.append(quantise(np.array([floats]), w)[0].tolist())
            units.append(unit * 7 - 3)
    return asked(w, c), units, rows


@given(cases())
def test_taking_one_unit_out_moves_the_sum_by_at_most_w(case: Any) -> None:
    query, units, rows = case
    whole = clean_sum(query, vectors(units, rows))
    assert whole.shape == (DIM,)
    for unit in set(units):
        stay = [i for i, u in enumerate(units) if u != unit]
        without = clean_sum(query, vectors([units[i] for i in stay], [rows[i] for i in stay] or [[0] * DIM]))
        assert squared(whole - without) <= query.sensitivity2("add_remove")


@given(cases(), cases())
def test_replacing_one_unit_moves_the_sum_by_at_most_twice_w(case: Any, other: Any) -> None:
    (query, units, rows), (theirs, _, those) = case, other
    comes = [quantise(np.array([r]) / theirs.w, query.w)[0].tolist() for r in those[: query.c]]
    stay = [i for i, u in enumerate(units) if u != units[0]]
    replaced = vectors([units[i] for i in stay] + [10**15 for _ in comes], [rows[i] for i in stay] + comes)
    moved = clean_sum(query, vectors(units, rows)) - clean_sum(query, replaced)
    assert squared(moved) <= query.sensitivity2("replace_one")


def test_two_units_can_be_as_far_apart_as_the_bound_says() -> None:
    one, other = ([[10, 0, 0, 0]], [[-10, 0, 0, 0]])
    moved = clean_sum(asked(), vectors([1], one)) - clean_sum(asked(), vectors([1], other))
    assert squared(moved) == asked().sensitivity2("replace_one")


@given(cases(), st.randoms(), st.integers(1, 20))
def test_neither_order_nor_blocks_leave_a_trace(case: Any, shuffler: random.Random, block: int) -> None:
    query, units, rows = case
    order = list(range(len(units)))
    shuffler.shuffle(order)
    before = clean_sum(query, vectors(units, rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_vectors, "BLOCK", block)
        after = clean_sum(query, vectors([units[i] for i in order], [rows[i] for i in order]))
    assert np.array_equal(before, after)


def test_rows_of_a_unit_are_added_up_before_they_are_bounded() -> None:
    opposed = vectors([1, 1, 2], [[10, 0, 0, 0], [-10, 0, 0, 0], [1, 2, 0, 0]])
    assert clean_sum(asked(c=2), opposed).tolist() == [1, 2, 0, 0]
    agreeing = vectors([1, 1, 1], [[6, 8, 0, 0]] * 3)
    assert clean_sum(asked(c=3), agreeing).tolist() == [6, 8, 0, 0]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        pytest.param(asked(), vectors([1], [[8, 7, 0, 0]]), id="a row longer than w"),
        pytest.param(asked(), vectors([1, 2], [[1, 0, 0, 0], [0, -11, 0, 0]]), id="an entry beyond w"),
        pytest.param(asked(), vectors([1], [[2**33, 0, 0, 0]]), id="a square that would overflow"),
        pytest.param(asked(), vectors([1], [[-(2**63), 0, 0, 0]]), id="a number that has no absolute value"),
        pytest.param(asked(), vectors([5, 5], [[1, 0, 0, 0]] * 2), id="two rows of one unit, c = 1"),
        pytest.param(asked(c=2), vectors([5] * 3, [[1, 0, 0, 0]] * 3), id="three rows, c = 2"),
        pytest.param(asked(), vectors([1], [[1, 0, 0]]), id="too few entries"),
        pytest.param(asked(dim=0), vectors([1], [[]]), id="no entries"),
        pytest.param(asked(), vectors([[1]], [[1, 0, 0, 0]]), id="units of another shape"),
        pytest.param(
            asked(), BoundedVectors(np.array([1.0]), lambda which: which), id="units that are floats"
        ),
        pytest.param(
            asked(),
            BoundedVectors(np.array([1]), lambda which: np.ones((len(which), DIM))),
            id="vectors that are floats",
        ),
        pytest.param(
            asked(),
            BoundedVectors(np.array([1, 2]), lambda which: np.ones((1, DIM), dtype=np.int64)),
            id="fewer rows than asked for",
        ),
        pytest.param(replace(asked(), rule="S4_k_votes"), vectors([1], [[1, 0, 0, 0]]), id="another rule"),
    ],
)
def test_rows_that_break_the_rule_are_refused_without_showing_them(
    query: Query, rows: BoundedVectors
) -> None:
    with pytest.raises(PrivacyError, match=f"broke its contribution rule {query.rule}") as caught:
        clean_sum(query, rows)
    assert "8" not in caught.value.message.replace(query.rule, "")


def test_ballots_are_no_answer_to_a_question_for_vectors() -> None:
    with pytest.raises(PrivacyError, match="S6_bounded_vector"):
        clean_histogram(asked(), Ballots(np.array([1]), np.array([[0]])))


def test_no_rows_give_zeros_and_narrow_numbers_are_added_up_in_wide_ones() -> None:
    assert clean_sum(asked(), vectors([], np.zeros((0, DIM)))).tolist() == [0] * DIM
    table = np.full((70_000, 1), 2**15, dtype=np.int32)
    rows = BoundedVectors(np.arange(70_000), lambda which: table[which])
    assert clean_sum(asked(w=2**15, dim=1), rows).tolist() == [70_000 * 2**15]


def test_many_wide_rows_are_added_up_in_seconds_and_in_little_memory() -> None:
    table = quantise(np.random.default_rng(1).normal(size=(64, 2000)) / 50, 128)
    rows = BoundedVectors(np.arange(100_000), lambda which: table[which % 64])
    tracemalloc.start()
    begun = time.process_time()
    total = clean_sum(asked(w=128, dim=2000), rows)
    seconds, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(total, table.sum(axis=0) * (100_000 // 64) + table[: 100_000 % 64].sum(axis=0))
    assert seconds < 5.0
    assert most < 64e6


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


@pytest.fixture
def facts(tmp_path: Path, facts_of: Callable[[Path], Facts]) -> Facts:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "one"}\n')
    return facts_of(corpus)


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
    """sigma and epsilon from mu = 0.448334740 of (2, 1e-6), epsilon_replace_one by scipy and dp-accounting."""
    ledger = finished(sketching, facts)
    line = ledger["mechanisms"][1]
    assert (line["sigma"], line["sensitivity2"], line["dim"]) == (292.917808, 16384, DIM)
    assert line["sens"] == {"rule": "S6_bounded_vector", "k": 1, "w": 128, "c": 1}
    assert ledger["claim"]["epsilon_replace_one"] == pytest.approx(4.2567308, rel=1e-7)
    assert "Replacing one user: epsilon 4.257." in ledger["claim"]["text"]
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
    replacing = odometer.account("reviews", Unit("user", "user", "replace_one"), Cap(9.0, 1e-6)).total()
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
    assert _replaced(budget) == pytest.approx(epsilon_of(factor * budget.mu, 1e-6), rel=1e-5)
    assert _replaced(replacing) == pytest.approx(replacing.epsilon_spent, rel=1e-5)


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
