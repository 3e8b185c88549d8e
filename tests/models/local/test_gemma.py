"""The default writer with its real weights: a base model that goes on with documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack
from rpsg.models.documents import next_header
from rpsg.models.download import is_present, locate
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.plan import Plan
from rpsg.stages.candidates import candidate_of
from rpsg.stages.cards import CardModel
from rpsg.stages.prompts import candidate_request
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rpsg.protocols import Request
    from rpsg.records import Card

GEMMA = "gemma-3-270m"
#: The shortest of so many drawn texts are written: what is looked for comes after a text's end.
DRAWN, TEXTS = 8, 4
pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.fixture(scope="module")
def weights(pulled_models: Path) -> Path:
    if not is_present(GEMMA, pulled_models):
        pytest.skip(f"needs Gemma's weights, whose terms you accept with: make weights ACCEPT={GEMMA}")
    pytest.importorskip("xllamacpp", reason="needs the extra local")
    return locate(GEMMA, pulled_models)


@pytest.fixture(scope="module")
def gemma(weights: Path) -> Iterator[LlamaCppWriter]:
    writer = LlamaCppWriter(weights)
    yield writer
    writer.close()


def asked_for() -> list[tuple[Card, Request]]:
    pack = find_pack("food-reviews")
    cards = CardModel.uniform(pack).draw(DRAWN, stream(0, "gemma"))
    asked = [(card, candidate_request(pack, Plan(), card, number)) for number, card in enumerate(cards)]
    return sorted(asked, key=lambda one: one[1].max_tokens)[:TEXTS]


def test_a_text_is_the_same_alone_and_in_a_batch_with_its_examples_restored_or_not(
    weights: Path, gemma: LlamaCppWriter
) -> None:
    first = replace(asked_for()[0][1], max_tokens=16)
    alike = [replace(first, seed=seed) for seed in range(4)]
    together = [reply.text for reply in gemma.write(alike)]
    alone = LlamaCppWriter(weights, slots=1, threads=1)
    try:
        assert [alone.write([one])[0].text for one in alike] == together
    finally:
        alone.close()
    assert len(set(together)) == len(together)
    assert all(text.startswith(first.begins) for text in together)


def test_no_text_holds_words_of_a_header(gemma: LlamaCppWriter) -> None:
    cards, asked = zip(*asked_for(), strict=True)
    replies = gemma.write(asked)
    made = [candidate_of(i, cards[i], replies[i], None, asked[i]) for i in range(TEXTS)]
    fields = [field.strip() for field in next_header(asked[0])]
    assert "Review:" in fields
    assert not [one.text for one in made if any(field in one.text for field in fields)]
    assert sum(one.dropped is None for one in made) >= TEXTS * 3 // 4, [one.dropped for one in made]
