"""The law of strict mode: what the writer is asked, and what is released, follows from the noisy vectors."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import TOPICS

from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.storage.public_vectors import read_vectors
from rpsg.testing.noise import SeededNoise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

    Retell = Callable[[Run], None]

#: Parts of a ledger that name this run or hide the data under fresh random bits.
OF_ITS_OWN = ("ledger_id", "private_commitment", "chain")


def released(run: Run) -> dict[str, bytes]:
    """Every released file by name, without what belongs to one run alone."""
    files = {str(p.relative_to(run.release)): p.read_bytes() for p in run.release.rglob("*") if p.is_file()}
    for name, content in files.items():
        if name.startswith("evidence/release-"):
            files[name] = re.sub(rb'"draw":"[0-9a-f]{32}"', b"", content)
    ledger = json.loads(files["ledger.json"])
    for line in ledger["mechanisms"]:
        line.pop("output_sha256", None)  # of the evidence, in which the id of the draw stands
    files["ledger.json"] = json.dumps({k: v for k, v in ledger.items() if k not in OF_ITS_OWN}).encode()
    return files


SETTINGS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "with votes": {"method": {"select": "votes"}},
    "with two rounds of votes": {"method": {"select": "votes", "rounds": 2}},
    "with three rows a person": {"privacy": {"epsilon": 6.0, "max_records_per_user": 3}},
    "with long records in passages": {"data": {"passage_words": 4}},
    "with three votes a record and three rows a person": {
        "method": {"select": "votes", "votes_per_record": 3},
        "privacy": {"epsilon": 6.0, "max_records_per_user": 3},
    },
    "with declared labels": {"data": {"label": "label", "labels": ("food", "drink")}},
    "with labels to be found": {"data": {"label": "label"}, "privacy": {"epsilon": 8.0}},
    "with more texts wanted than the votes can choose": {
        "corpus": {"size": 60},
        "method": {"select": "votes", "oversample": 1.5},
    },
    "with a declared number of people": {"privacy": {"n_public": 300}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_other_private_data_with_the_same_noisy_vectors_give_the_same_requests_and_the_same_release(
    lab: Lab, retell: Retell, settings: dict[str, Any]
) -> None:
    first, second = FakeWriter(), FakeWriter()
    one = lab.file(lab.rows(300, words=lab.apple, people=250), "one.jsonl")
    other = lab.file(lab.rows(340, words=lab.zebra, seed=9, people=310), "other.jsonl")
    told = lab.run(lab.plan(one, **settings), "one", writer=first)
    retell(told)
    again = lab.run(lab.plan(other, **settings), "other", writer=second)
    assert first.requests == second.requests
    assert len(first.requests) >= 40
    assert released(told) == released(again)


@pytest.mark.parametrize("method", [{}, {"select": "votes", "rounds": 2}], ids=str)
def test_embeddings_are_kept_of_the_texts_that_were_written_and_of_no_private_one(
    lab: Lab, method: dict[str, Any]
) -> None:
    rows = lab.rows(200)
    writer = FakeWriter()
    run = lab.run(lab.plan(lab.file(rows), method=method), writer=writer)
    kept = read_vectors(run.release / "evidence" / "vectors.bin", FakeEmbedder().dim)
    assert {sha256(text.encode()).digest() for text in run.texts} <= kept.keys()
    assert not {sha256(row["text"].encode()).digest() for row in rows} & kept.keys()
    assert len(kept) <= len(writer.requests) + len(TOPICS)


def test_the_noise_alone_makes_two_runs_on_the_same_data_differ(lab: Lab) -> None:
    data = lab.file(lab.rows(300))
    one, two = (lab.run(lab.plan(data), name) for name in ("one", "two"))
    assert one.ledger["mechanisms"] != two.ledger["mechanisms"]
    assert one.texts != two.texts


def test_two_runs_with_the_same_test_noise_are_the_same_and_claim_nothing(lab: Lab) -> None:
    data = lab.file(lab.rows(300))
    one, two = (lab.run(lab.plan(data), name, noise=SeededNoise(3)) for name in ("one", "two"))
    assert one.texts == two.texts
    assert one.ledger["status"] == "not_private_testing"
    assert one.epsilon is None


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def everything_outside_private(run: Path) -> Iterator[Path]:
    return (p for p in run.rglob("*") if p.is_file() and "private" not in p.relative_to(run).parts)


@pytest.mark.parametrize("method", [{}, {"select": "votes", "rounds": 2}], ids=str)
def test_no_word_that_stands_only_in_private_rows_comes_into_a_request_or_a_file(
    lab: Lab, method: dict[str, Any]
) -> None:
    writer = FakeWriter()
    data = lab.file(lab.rows(300))
    run = lab.run(lab.plan(data, method=method), writer=writer)
    secret = set(lab.apple)
    for request in writer.requests:
        for message in request.messages:
            assert not words_of(message.content) & secret
    for file in everything_outside_private(run.path):
        assert not words_of(file.read_text(encoding="utf-8", errors="replace")) & secret, file.name


def test_a_word_that_everybody_uses_is_asked_for_once_the_plan_pays_for_keyphrases(lab: Lab) -> None:
    """The counter-test: with an open vocabulary private words do come out, through their mechanism."""
    writer = FakeWriter()
    data = lab.file([{**row, "text": f"{row['text']} marzipan"} for row in lab.rows(400)])
    shares = {"keyphrases": 0.6, "cards": 0.2, "sketch": 0.2}
    run = lab.run(
        lab.plan(data, privacy={"epsilon": 8.0, "shares": shares}, corpus={"size": 10}), writer=writer
    )
    assert any("marzipan" in r.messages[-1].content for r in writer.requests)
    assert any(m["stage"] == "keyphrases" for m in run.ledger["mechanisms"])
