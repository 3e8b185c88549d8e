"""Conversations: a draft is cut to its turns, and one without two speakers is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.stages.pools import pool_of

from rpsg.domains import find_pack
from rpsg.models.fake import FakeWriter
from rpsg.stages.dialogue import NO_CONVERSATION, as_conversations, in_lines, turns_of
from rpsg.stages.rng import stream
from rpsg.storage.export import SyntheticText, write_corpus
from rpsg.storage.readers import parquet
from rpsg.storage.readers.columns import Columns
from rpsg.storage.readers.turns import in_one_text

if TYPE_CHECKING:
    from rpsg.protocols import Request
    from rpsg.testing.lab import Lab

WORDS = [a + b + c for a in "bdgklmnprst" for b in "aeiou" for c in ("n", "ra", "st")]
SPEAKERS = ("Doctor", "Patient", "Guest")


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Doctor: Any pain?\nPatient: No.", [("Doctor", "Any pain?"), ("Patient", "No.")]),
        ("doctor : Any pain?\n\nPATIENT_2: No.", [("Doctor", "Any pain?"), ("Patient", "No.")]),
        (
            "Doctor: Any pain?\nOr fever?\nPatient: No.",
            [("Doctor", "Any pain? Or fever?"), ("Patient", "No.")],
        ),
        ("Patient: I take two: one at noon.\nDoctor:", [("Patient", "I take two: one at noon.")]),
        ("Patient: It was\nat night: 3 or 4.", [("Patient", "It was at night: 3 or 4.")]),
        ("Doctor: Hi.\nNurse: Hello.\nPatient: Hi.", [("Doctor", "Hi.")]),
        ("Doctor: Hi.\nPatient: Hi.\nVisit about: gout", [("Doctor", "Hi."), ("Patient", "Hi.")]),
        ("It was raining.\nDoctor: Hi.", []),
        ("", []),
    ],
)
def test_a_text_is_read_as_its_turns(text: str, turns: list[tuple[str, str]]) -> None:
    assert turns_of(text, SPEAKERS) == tuple(turns)
    assert turns_of(in_lines(turns), SPEAKERS) == tuple(turns)


def test_a_draft_is_cut_to_its_turns_and_one_without_two_speakers_is_dropped() -> None:
    pool = pool_of("Doctor: Hi.\nPatient: Hello.\nNote: none", "Doctor: Hi.\nDoctor: Hello.", "A note.")
    found = as_conversations(pool, SPEAKERS)
    assert [c.text for c in found.alive()] == ["Doctor: Hi.\nPatient: Hello."]
    assert found.drops() == {("form", NO_CONVERSATION): 2}
    assert as_conversations(found, SPEAKERS) == found


def test_other_packs_take_every_text_as_it_is() -> None:
    pool = pool_of("A note.", "Doctor: Hi.")
    assert as_conversations(pool, find_pack("clinical").speakers) == pool


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([{"speaker": "A", "text": "x"}, {"speaker": "B", "text": "y"}], "A: x\nB: y"),
        ([{"role": "user", "content": "x\ny"}], "user: x y"),
        ([{"from": "human", "value": " x "}], "human: x"),
        ([], ""),
        ([{"speaker": "A"}], None),
        ([{"speaker": "", "text": "x"}], None),
        ([{"speaker": 3, "text": "x"}], None),
        (["x", "y"], None),
        ({"speaker": "A", "text": "x"}, None),
        ("A: x", None),
    ],
)
def test_a_list_of_turns_becomes_one_text(value: object, text: str | None) -> None:
    assert in_one_text(value) == text


def talk(request: Request) -> str:
    """Mostly a conversation in words of its own, with a header that a small model goes on with."""
    draw = stream(request.seed, "talk")
    first, second = (" ".join(draw.choice(WORDS, 9)) for _ in range(2))
    spoken = f"{first}.\nPatient: {second}.\nGuest: I see.\nVisit about: gout"
    return spoken if request.seed % 9 else "And then nobody said a word about it for years."


def test_a_release_of_conversations_has_their_turns(lab: Lab) -> None:
    said = [{"speaker": "Doctor", "text": "How is the knee?"}, {"speaker": "Patient", "text": "It hurts."}]
    file = lab.file([{"text": said, "user": f"p{i}"} for i in range(600)])
    plan = lab.plan(file, corpus={"domain": "consultations"}, privacy={"epsilon": 8.0})
    run = lab.run(plan, writer=FakeWriter(talk))
    rows = run.to_pandas()
    assert len(rows) == 20
    for text, turns in zip(rows["text"], rows["turns"], strict=True):
        assert "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in turns) == text
        assert len({turn["speaker"] for turn in turns}) >= 2
    assert "`turns`: the turns of the conversation" in (run.release / "README.md").read_text(encoding="utf-8")


def test_turns_are_in_the_parquet_file_too(lab: Lab) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    turns = (("Doctor", "Hi."), ("Patient", "Hello."))
    rows = [SyntheticText(0, in_lines(turns), turns=turns), SyntheticText(1, "Hm.")]
    write_corpus(lab.folder, rows, ["parquet"])
    found = pq.read_table(lab.folder / "corpus.parquet").column("turns").to_pylist()
    assert found == [[{"speaker": "Doctor", "text": "Hi."}, {"speaker": "Patient", "text": "Hello."}], None]


def test_a_parquet_file_with_turns_is_read(lab: Lab) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    said = [[{"role": "user", "content": "Hi."}], [], None, [{"role": None, "content": "Hi."}]]
    pq.write_table(pa.table({"talk": said}), lab.folder / "talk.parquet")
    rows = [row[1][0] for row in parquet.read_rows(lab.folder / "talk.parquet", Columns("talk"))]
    assert [in_one_text(row) for row in rows] == ["user: Hi.", "", None, None]
