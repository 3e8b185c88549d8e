"""The benchmark of rounds counts the tokens of everything that was written, and draws what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET  # our own picture, not a stranger's

import pytest

from rpsg.domains import find_pack
from rpsg.models.fake import FakeWriter
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DRAFT = {"text": "A draft from the pool.", "card": {"topic": "tea"}}
CARD = Request((Message("user", "Topic: tea\nReview:"),), 20, 1)
VARIATION = Request((Message("user", "Length: 9 words\nIn other words:"),), 20, 1)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rounds

    return rounds


def cell(method: str, amount: int, seed: int, tokens: int, fid: float) -> dict[str, Any]:
    rest = dict.fromkeys(
        ("mauve", "knn_recall", "coverage", "word_distance", "self_bleu", "two_sample_auc"), 0.5
    )
    return {"method": method, "amount": amount, "seed": seed, "tokens": tokens, "fid": fid, **rest}


CELLS = [
    *(cell("floor", 0, seed, 8_000, 0.40 + seed / 100) for seed in range(2)),
    *(cell("ceiling", 0, seed, 0, 0.24) for seed in range(2)),
    *(cell("sketch", 300, seed, 24_000, 0.30) for seed in range(2)),
    *(cell("augpe", 2, seed, 30_000 + 2_000 * seed, 0.35) for seed in range(2)),
]


def test_cards_are_answered_with_drafts_and_variations_are_written_once(
    rounds: ModuleType, tmp_path: Path
) -> None:
    written, kept = FakeWriter(), tmp_path / "replies.json"
    for count in (1, 2):
        drafts = rounds.DraftWriter([DRAFT], find_pack("food-reviews"))
        writer = rounds.FirstDraftsThenWriter(drafts, {DRAFT["text"]: 7}, written, kept)
        assert writer.write([CARD])[0].text == DRAFT["text"]
        assert writer.tokens == 7
        reply = writer.write([VARIATION])[0]
        assert writer.tokens == 7 + reply.completion_tokens > 7, f"call {count}"
    assert len(written.requests) == 1


def test_the_table_has_a_line_for_each_method_and_amount_with_its_mean_tokens(rounds: ModuleType) -> None:
    lines = rounds.table(CELLS).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        "floor",
        "Private Evolution, 2 rounds",
        "sketch, 300 drafts",
        "ceiling",
    ]
    assert "| 31,000 |" in lines[1]


def test_the_picture_is_a_file_of_its_own_with_a_point_for_each_cell(rounds: ModuleType) -> None:
    drawn = ET.fromstring(rounds.picture(CELLS))
    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.get("points", "").split()) for line in lines] == [1, 1]
    assert drawn.find("{http://www.w3.org/2000/svg}style") is not None


def test_tokens_of_a_draft_are_those_of_its_reply(rounds: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "release" / "evidence").mkdir(parents=True)
    rows = [{"text": "As written.", "attributes": {}}, {"text": "Cleaned.", "attributes": {}}]
    replies = [
        {"text": " As written.", "completion_tokens": 3},
        {"text": "Cleaned. Topic:", "completion_tokens": 9},
    ]
    for name, own in (("corpus.jsonl", rows), ("evidence/texts.jsonl", replies)):
        (tmp_path / "release" / name).write_text("".join(json.dumps(row) + "\n" for row in own))
    assert [draft["tokens"] for draft in rounds.drafts_of(tmp_path)] == [3, 6]
