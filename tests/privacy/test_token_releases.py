"""Texts on their way from the draw to the claim: no token is drawn twice for one charge, whatever happens."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.privacy.tearoom import BUDGET, EACH, MOST, TEXTS, StoppedError, Tearoom

from rpsg.errors import BudgetError, PrivacyError, RunError
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.private import Private
from rpsg.privacy.token_counts import Draw, count_token, require_same_division
from rpsg.privacy.token_sampling import RULE, References

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.privacy.evidence import Token


@pytest.fixture
def tearoom(tmp_path: Path) -> Tearoom:
    return Tearoom(tmp_path)


def test_all_texts_cost_as_much_as_one(tearoom: Tearoom) -> None:
    texts = tearoom.run()
    assert texts is not None
    assert [len(text) for text in texts] == [MOST] * TEXTS
    assert tearoom.paid() == pytest.approx(MOST)


@pytest.mark.parametrize("stops", [0, 1, MOST, MOST + 3, TEXTS * MOST - 1])
def test_a_run_that_stops_in_a_text_goes_on_after_its_last_token_and_pays_nothing_more(
    tearoom: Tearoom, stops: int
) -> None:
    assert tearoom.run(stops=stops) is None
    before = tearoom.log()
    texts = tearoom.run()
    assert len(before) == stops
    assert len(tearoom.log()) == TEXTS * MOST, "no token was drawn twice"
    assert tearoom.log()[:stops] == before
    assert texts == tuple(
        tuple(tuple(line["token"]) for line in tearoom.log() if line["text"] == text) for text in range(TEXTS)
    )
    assert tearoom.paid() == pytest.approx(MOST)
    assert len(tearoom.draws) == 1, "and the rows were divided as before"


def test_a_finished_run_asks_nothing_again(tearoom: Tearoom) -> None:
    texts = tearoom.run()
    assert tearoom.run() == texts
    assert tearoom.drawn == -1
    assert tearoom.paid() == pytest.approx(MOST)


def test_a_token_that_a_crash_lost_is_paid_for_when_its_text_becomes_as_long_as_was_paid(
    tearoom: Tearoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after the draw and before the token is on the disk."""
    from rpsg.privacy import token_log as module

    def lost(*_: object) -> Token:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(module, "drawn_token", lost)
        assert tearoom.run() is None
    assert tearoom.log() == []
    assert tearoom.paid() == pytest.approx(MOST)
    assert tearoom.run() is not None
    assert tearoom.paid() == pytest.approx(MOST + 1)
    assert any("one more token of every text is charged in addition" in line for line in tearoom.said)


def test_copies_of_a_folder_pay_for_every_token_beyond_the_first_pass(tearoom: Tearoom) -> None:
    """All copies draw under one charge, and the book counts what each text has given."""
    assert tearoom.run(stops=2) is None
    for name in ("second", "third"):
        shutil.copytree(tearoom.folder / "run", tearoom.folder / name)
    texts = [tearoom.run(name) for name in ("run", "second", "third")]
    assert len({json.dumps(text) for text in texts}) == 3
    assert tearoom.paid() == pytest.approx(MOST + 2 * MOST), "texts 1 and 2 were drawn three times"


def test_a_folder_that_was_set_back_to_before_its_charge_pays_again(tearoom: Tearoom) -> None:
    tearoom.kernel().close()
    shutil.copytree(tearoom.folder / "run", tearoom.folder / "early")
    tearoom.run()
    tearoom.run("early")
    assert tearoom.paid() == pytest.approx(2 * MOST + BUDGET.releases[0].mu2("add_remove") / EACH)
    assert len(tearoom.draws) == 2, "and its rows are divided anew"


def test_tokens_without_their_journal_are_thrown_away_and_paid_again(tearoom: Tearoom) -> None:
    tearoom.run(stops=4)
    for lost in ("private/releases.jsonl", "evidence/release-000.json"):
        (tearoom.folder / "run" / lost).unlink()
    tearoom.run()
    assert len(tearoom.log()) == TEXTS * MOST
    assert tearoom.paid() == pytest.approx(2 * MOST + BUDGET.releases[0].mu2("add_remove") / EACH)


def test_under_one_charge_nobody_is_moved_to_another_text(tearoom: Tearoom) -> None:
    assert tearoom.run(stops=2) is None
    before = tearoom.log()
    tearoom.moved = 1
    with pytest.raises(RunError, match="divided differently"):
        tearoom.run()
    assert tearoom.log() == before
    tearoom.moved = 0
    assert tearoom.run() is not None
    assert tearoom.paid() == pytest.approx(MOST)


def test_nor_does_an_edited_journal_let_people_move_further_for_the_same_charge(
    tearoom: Tearoom,
) -> None:
    """The tokens of a dear plan pass for ones that were begun and paid for under a cheap one."""
    assert tearoom.run(stops=2) is None
    dear = calibrate(
        4.0,
        1e-6,
        [StagePlan("size", 0.1, "S1_unit_count", dim=1), StagePlan("tokens", 0.9, RULE, k=MOST, w=4000)],
    )
    private = tearoom.folder / "run" / "private"
    tokens, journal = private / "tokens-001.jsonl", private / "releases.jsonl"
    tokens.write_text(tokens.read_text().replace(BUDGET.sha256(), dear.sha256()))
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    events[0]["plan_sha256"] = dear.sha256()
    asked = [Query.of(dear.releases[0], "people", 1), Query.of(dear.releases[1], "the next token", TEXTS)]
    for event in events:
        if "query" in event:
            event["query"] = asdict(asked[event["seq"]])
    kept = [event for event in events if event["event"] != "commit"]
    journal.write_text("".join(json.dumps(event) + "\n" for event in kept))
    (tearoom.folder / "run" / "evidence" / "release-000.json").unlink()
    tearoom.budget = dear
    with pytest.raises(RunError, match="has no charge for tokens"):
        tearoom.run()


def test_nor_does_the_charge_of_another_stage_pay_for_tokens(tearoom: Tearoom) -> None:
    """The journal says that tokens were begun under the draw of the size, which the account knows."""
    assert tearoom.run(stops=0) is None
    private = tearoom.folder / "run" / "private"
    journal = private / "releases.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    paid = next(e["draw"] for e in events if e["event"] == "draw" and e["seq"] == 0)
    for event in events:
        if event["event"] == "draw" and event["seq"] == 1:
            event["draw"] = paid
    journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    heading = {"event": "begin", "plan_sha256": BUDGET.sha256(), "draw": paid}
    (private / "tokens-001.jsonl").write_text(json.dumps(heading) + "\n")
    with pytest.raises(RunError, match="has no charge for tokens"):
        tearoom.run()
    assert tearoom.log() == []


@pytest.mark.parametrize(("run", "share"), [("another", 1.0), ("the same for all copies", 0.01)])
def test_nor_does_the_charge_of_another_run_or_of_a_smaller_budget(
    tearoom: Tearoom, run: str, share: float
) -> None:
    assert tearoom.run(stops=0) is None
    price = EACH * MOST * share
    tearoom.account().charge("elsewhere", run, "tokens", price, 0.0)
    private = tearoom.folder / "run" / "private"
    journal = private / "releases.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    (mine,) = [event["draw"] for event in events if event["event"] == "draw" and event["seq"] == 1]
    for file in (journal, private / "tokens-001.jsonl"):
        file.write_text(file.read_text().replace(mine, "elsewhere"))
    with pytest.raises(RunError, match="has no charge for tokens"):
        tearoom.run()
    assert tearoom.log() == []


def test_tokens_of_a_version_that_kept_no_division_are_not_continued(tearoom: Tearoom) -> None:
    assert tearoom.run(stops=2) is None
    with sqlite3.connect(tearoom.folder / "book" / "odometer.sqlite") as rows:
        rows.execute("DROP TABLE division")
    with pytest.raises(RunError, match="divided differently"):
        tearoom.run()


def test_a_token_that_was_charged_on_top_is_no_charge_for_a_division(tearoom: Tearoom) -> None:
    """Where texts have one token, its price is that of all texts."""
    account = tearoom.account()
    for draw in ("paid", "again"):
        with account.book.transaction() as rows:
            beyond = count_token(rows, account.id, "paid", 0, 1, "again")
        account.record(draw, "run", "tokens", EACH, 0.0)
    assert beyond
    with pytest.raises(RunError, match="divided differently"):
        require_same_division(
            account.book, account.id, Draw("again", "run", "tokens", EACH, EACH), Private(b"anew")
        )


def test_where_the_account_has_no_room_a_token_is_not_drawn_again(tearoom: Tearoom) -> None:
    tearoom.lifetime = 2.0
    tearoom.run(stops=2)
    shutil.copytree(tearoom.folder / "run", tearoom.folder / "copy")
    tearoom.run()
    with pytest.raises(BudgetError, match="too little is left for this run"):
        tearoom.run("copy")
    assert tearoom.paid() == pytest.approx(MOST)


def test_a_stopped_run_resumes_where_the_account_has_room_for_one_run_only(tearoom: Tearoom) -> None:
    tearoom.lifetime = 2.0
    assert tearoom.run(stops=7) is None
    assert tearoom.run() is not None


def test_a_model_that_gives_no_numbers_costs_nothing(tearoom: Tearoom) -> None:
    assert tearoom.run(stops=-1) is None
    assert tearoom.paid() == pytest.approx(0)


@pytest.mark.parametrize(
    "line",
    [
        '{"text":0}',
        '{"text":9,"token":[1," tea"]}',
        '{"text":-1,"token":[1," tea"]}',
        '{"text":0,"token":[1,"\\u4e00"]}',
    ],
)
def test_a_damaged_log_is_refused(tearoom: Tearoom, line: str) -> None:
    tearoom.run(stops=2)
    with (tearoom.folder / "run" / "private" / "tokens-001.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match=r"tokens-001\.jsonl of this run is damaged"):
        tearoom.run()


def test_rows_that_break_the_rule_draw_nothing_and_quote_nothing(tearoom: Tearoom) -> None:
    def broken(*_: object) -> Any:
        raise KeyError("a sentence of a patient")

    rows = References(np.arange(3), np.zeros(3, np.int64), (b"1", b"2", b"3"), broken)
    kernel = tearoom.kernel()
    people = Private(RowCells(np.arange(30), np.zeros((30, 1), np.int64)))
    kernel.release(Query.of(BUDGET.releases[0], "people", 1), lambda: people)
    with pytest.raises(PrivacyError, match="its message is withheld") as caught:
        kernel.sample(tearoom.query(), tearoom.choices, lambda _: Private(rows))
    assert "patient" not in str(caught.value)
    several = References(np.zeros(2, np.int64), np.array([0, 1]), (b"1", b"1"), broken)
    with pytest.raises(PrivacyError, match="broke its contribution rule S7_token_scores"):
        kernel.sample(tearoom.query(), tearoom.choices, lambda _: Private(several))
    assert tearoom.log() == []
    kernel.close()


def test_tokens_are_not_counted_and_counts_are_not_drawn(tearoom: Tearoom) -> None:
    kernel = tearoom.kernel()
    query = Query.of(BUDGET.releases[0], "people", 1)
    with pytest.raises(RunError, match="not the one that comes next in the plan"):
        kernel.sample(query, tearoom.choices, tearoom.references)
    people = Private(RowCells(np.arange(30), np.zeros((30, 1), np.int64)))
    kernel.release(query, lambda: people)
    with pytest.raises(RunError, match="not the one that comes next in the plan"):
        kernel.release(tearoom.query(), lambda: people)
    kernel.close()
