"""Hashes that stand in releases and stores made before: with letters beyond ASCII they never change.

JSON has two spellings here, one for what a ledger commits to and one for everything else. A release whose
ledger, evidence or replies hold such letters verifies only as long as each hash keeps its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from rpsg.disk.json_text import tagged_sha256
from rpsg.privacy.commitment import commit_to, content_digest
from rpsg.privacy.evidence import Evidence, parse_evidence
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.signing import entry_sha256, seal
from rpsg.protocols import Message, Reply, Request
from rpsg.records import Candidate, Card, Document, Pool, PrivateCorpus
from rpsg.release.history import write_history
from rpsg.storage.call_store import CallStore, reply_line, request_key

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "Grüße, 東京 \U0001f600 e\u0301 \u2028"
REQUEST = Request(
    (Message("system", "Écris."), Message("user", WORDS)), 40, 7, stop=("Ende\u2013",), begins="„Über"
)


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (None, "db8a42353c360efb277ed2ff6bf17b39f02f6c725f0a36cb44fd3562da5ddbd6"),
        ("ab" * 32, "645689a3ec7be86453600397b1821bdabee280c6331e8b938ce17d35cd4baad4"),
    ],
)
def test_the_seal_of_a_ledger_with_other_letters_is_the_one_it_was(
    previous: str | None, expected: str
) -> None:
    sealed = seal({"stage": WORDS, "unit": {"Spalte für Namen": [1, 0.5, None, True]}}, previous)
    assert sealed["chain"]["entry_sha256"] == entry_sha256(sealed) == expected


def test_the_commitment_to_a_corpus_with_other_letters_is_the_one_it_was() -> None:
    corpus = Private(PrivateCorpus((Document(1, WORDS, "größe", "Zoë"), Document(2, "lone \ud800"))))
    assert (
        commit_to(corpus, b"n" * 32).value
        == "4a86fde5d91d2bb7c50f9cb325d097a0bccdcc842b51f8889545c3100e861d43"
    )
    assert (
        open_private(content_digest(corpus)).hex()
        == "49eab6fc3d19ec3bbe500a98b59984e55a0080ae6df2734dd0d582a00bc84e37"
    )


def test_evidence_with_other_letters_is_written_and_read_as_it_was() -> None:
    evidence = Evidence("ab" * 32, 3, "phrases", "cd" * 16, items=(("bêta", 7), ("東京", -2)))
    content = evidence.to_bytes()
    assert b'"items":[["b\\u00eata",7],["\\u6771\\u4eac",-2]]' in content
    assert (
        hashlib.sha256(content).hexdigest()
        == "20683cbeda96177818519b6c9c286ff8830183fe349f44375bfe116eacae2257"
    )
    assert parse_evidence(content) == evidence


def test_a_request_with_other_letters_is_found_under_the_key_it_had(tmp_path: Path) -> None:
    assert (
        request_key("schreiber-ü", REQUEST)
        == "c1d76f37647779875d353a75a6c8a419fc0e7d56cc212028fa7018da7da7016f"
    )
    (tmp_path / "private").mkdir()
    with CallStore(tmp_path / "private" / "calls.sqlite", key=b"k" * 32) as store:
        assert (
            store.key_of("schreiber-ü", REQUEST)
            == "6d1c64066b407c1a493c4ca8b4e2bacdfb9c475f82d9ba5971b835bc43bcbf01"
        )


def test_replies_and_candidates_with_other_letters_are_written_as_they_were(tmp_path: Path) -> None:
    line = f'{{"completion_tokens":4,"finish":"stop","key":"ab","prompt_tokens":3,"text":"{WORDS}"}}\n'
    assert reply_line(("ab", Reply(WORDS, "stop", 3, 4))) == line.encode()
    pool = Pool((Candidate(1, WORDS, Card({"größe": "weiß"}, ("bêta",))),))
    assert (
        write_history(tmp_path / "lives", pool)
        == "940b795aee39bc54133fd110266e2ccb3193ed8b39a2533eef457f9add65e28b"
    )


def test_the_name_of_kept_embeddings_of_such_texts_is_the_one_it_was() -> None:
    assert (
        tagged_sha256("embeddings", ["name", WORDS])
        == "5b65516319a4b5e6f5e7b409cc2cc5d9227b1b39acef31547e19499b99539a1e"
    )
