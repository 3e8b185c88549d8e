"""Real texts: public reviews that somebody wrote, with a leak and without."""

from __future__ import annotations

import json

import pytest

from rpsg.audit.aids import aids_of
from rpsg.audit.run import audit
from rpsg.models.download import locate

pytestmark = [pytest.mark.weights, pytest.mark.slow]
ATTACKS = ["refer", "passage", "echo-pairs", "phantom", "copies", "near-copies"]


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    files = sorted(locate("amazon-reviews").glob("*.jsonl"))
    rows = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    return list(dict.fromkeys(rows))


def test_reviews_of_other_people_pass(reviews: list[str]) -> None:
    found = audit(reviews[1000:1800], reviews[:500], reviews[500:1000], attacks=ATTACKS)
    assert found.verdict == "no violation seen"
    assert all(not each.epsilon_lower for each in found.findings)


def test_a_tenth_of_the_members_with_every_fifth_word_gone_is_refuted(reviews: list[str]) -> None:
    leaked = [" ".join(word for i, word in enumerate(t.split()) if i % 5) for t in reviews[:50]]
    found = audit([*reviews[1000:1750], *leaked], reviews[:500], reviews[500:1000], attacks=ATTACKS)
    assert found.verdict == "refuted"
    assert found.finding("near-copies").verdict == "refuted"


@pytest.mark.parametrize("embedder", ["minilm", "static"])
@pytest.mark.usefixtures("few_words")
def test_a_real_embedder_finds_copies_and_nothing_else(reviews: list[str], embedder: str) -> None:
    aids = aids_of(embedder=embedder)
    short = [" ".join(text.split()[:40]) for text in reviews]
    sides, corpus = (short[:80], short[80:160]), short[1000:1080]
    for leaked, refuted in ((0, False), (40, True)):
        found = audit([*short[:leaked], *corpus], *sides, aids=aids, attacks=["closest", "closest-ratio"])
        assert [each.verdict == "refuted" for each in found.findings] == [refuted, refuted]
        assert {each.outcome for each in found.controls["fitted on members"]} == {"caught"}
