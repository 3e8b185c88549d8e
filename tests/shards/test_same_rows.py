"""What the operator alone is told of the files that shards read, and what the release commits to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.shards.work import Shards, sites

from rpsg.pipeline.shards.merging import Waiting
from rpsg.privacy.commitment import RowsRead, commit_to_readings, content_digest
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.storage.layout import PRIVATE_LEDGER, SHARDS_ROWS
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab, Rows


def note(lab: Lab, run: str = "run") -> str:
    return (lab.folder / run / "private" / "notes.md").read_text()


def digest(rows: Rows) -> str:
    corpus = PrivateCorpus(tuple(Document(i, r["text"], user=r["user"]) for i, r in enumerate(rows)))
    return open_private(content_digest(Private(corpus))).hex()


@pytest.fixture
def two(lab: Lab) -> tuple[Path, Path]:
    return lab.file(lab.rows(200), "one.jsonl"), lab.file(lab.rows(200, seed=1), "other.jsonl")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("same", "Question 1: All shards read the same rows"),
        ("changed", "differ from those of shard 1: 2."),
        ("apart", "No two sites"),
        ("doubled", "same rows: 1 and 3."),
    ],
)
def test_the_note_says_whether_the_shards_read_the_right_files(
    lab: Lab, shards: Shards, two: tuple[Path, Path], how: str, said: str
) -> None:
    """Nothing public depends on it: that would be a fact about the rows."""
    one, other = two
    read = {"same": [one] * 3, "apart": sites(lab, lab.rows(90))}.get(how, [one, other, one])
    divided_by = "site" if how in {"apart", "doubled"} else "person"
    shards.second(shards.plan(data={"divided_by": divided_by}), read)
    assert said in note(lab)


def test_a_warning_about_the_first_question_outlives_the_second(
    lab: Lab, shards: Shards, two: tuple[Path, Path]
) -> None:
    one, other = two
    _, waiting = shards.second(shards.plan(), [one, other, one])
    shards.merge(shards.count_all(waiting, one))
    told = note(lab)
    assert "Question 1: The rows of these shards differ from those of shard 1: 2." in told
    assert "Question 2: All shards read the same rows" in told
    assert "These shards did not read the same rows the second time: 2." in told


def test_other_files_the_second_time_are_noted_though_all_shards_agree(
    lab: Lab, shards: Shards, two: tuple[Path, Path]
) -> None:
    one, other = two
    _, waiting = shards.second(shards.plan(), one)
    shards.merge(shards.count_all(waiting, other))
    assert "These shards did not read the same rows the second time: 1, 2, 3." in note(lab)


def test_the_same_files_both_times_bring_no_warning(lab: Lab, shards: Shards) -> None:
    shards.whole(shards.plan(), lab.file(lab.rows(200)))
    assert "Each shard read the same rows the second time." in note(lab)
    assert not any(said in note(lab) for said in ("other rows", "did not read the same rows"))


def test_merging_other_answers_to_the_same_question_does_not_hide_the_first(
    lab: Lab, shards: Shards, two: tuple[Path, Path]
) -> None:
    """Noise was drawn for the first answers, so what they were counted from must not be forgotten."""
    one, other = two
    files, waiting = shards.second(shards.plan(), [one, other, one])
    assert isinstance(shards.merge(files), Waiting)  # the same answers are the same reading
    assert note(lab).count("Question 1") == 1
    question = waiting.file.with_name("question-1.json")
    shards.merge([shards.count(question, one, k, f"again-{k}.sum") for k in (1, 2, 3)])
    assert "differ from those of shard 1: 2." in note(lab)
    assert "the same rows when they were merged again: 2." in note(lab)


def test_the_release_commits_to_what_was_read_for_both_questions(
    lab: Lab, shards: Shards, two: tuple[Path, Path]
) -> None:
    one, other = two
    _, waiting = shards.second(shards.plan(), [one, other, one])
    run = shards.merge(shards.count_all(waiting, one))
    assert not isinstance(run, Waiting)
    vault = open_vault(lab.folder / "run")
    readings = [RowsRead(**each) for each in json.loads(vault.read(SHARDS_ROWS))["readings"]]
    this, that = digest(lab.rows(200)), digest(lab.rows(200, seed=1))
    assert readings == [RowsRead(1, [this, that, this]), RowsRead(2, [this] * 3)]
    nonce = bytes.fromhex(json.loads(vault.read(PRIVATE_LEDGER))["commitment"]["nonce"])
    told = run.ledger["private_commitment"]["value"]
    assert commit_to_readings(Private(readings), nonce).value == told
    assert commit_to_readings(Private(readings[1:]), nonce).value != told
    assert not [f for f in (lab.folder / "run").rglob("*") if f.is_file() and this in f.read_text("latin-1")]


@pytest.mark.parametrize("how", ["person", "site"])
def test_other_accounts_that_hold_a_shard_s_file_are_named(lab: Lab, shards: Shards, how: str) -> None:
    rows = lab.rows(200)
    files = sites(lab, rows) if how == "site" else [lab.file(rows)] * 3
    lab.run(lab.plan(files[-1], data={"account": "elsewhere"}), "alone")
    shards.second(shards.plan(data={"divided_by": how}), files)
    assert "read under 'ward', and also under these accounts:\n\n- 'elsewhere'\n" in note(lab)


def test_an_account_that_alone_holds_the_files_is_told_so(lab: Lab, shards: Shards) -> None:
    lab.run(lab.plan(lab.file(lab.rows(200, seed=1)), data={"account": "elsewhere"}), "alone")
    shards.whole(shards.plan(), lab.file(lab.rows(200)))
    assert set(Odometer().names()) == {"elsewhere", "ward"}
    assert note(lab).endswith("Exactly these rows were read under no account except 'ward'.\n")


def test_an_account_that_held_the_files_of_the_first_question_alone_is_named(
    lab: Lab, shards: Shards
) -> None:
    first, second = lab.file(lab.rows(200), "first.jsonl"), lab.file(lab.rows(150, seed=2), "second.jsonl")
    lab.run(lab.plan(first, data={"account": "elsewhere"}), "alone")
    _, waiting = shards.second(shards.plan(), first)
    shards.merge(shards.count_all(waiting, second))
    assert "- 'elsewhere'\n" in note(lab)
