"""Refusals are recognized in the languages of the packs, and true sentences that sound like them stay."""

from __future__ import annotations

import pytest
from tests.stages.declined import REFUSALS, TRUE, each

from rpsg.stages.clean_reply import tidy
from rpsg.stages.refusals import refuses, talks_about_task


@pytest.mark.parametrize("language", REFUSALS)
def test_of_thirty_refusals_at_most_one_is_missed(language: str) -> None:
    refusals = each(REFUSALS[language])
    assert len(refusals) == 30
    assert len([text for text in refusals if not refuses(text)]) <= 1


@pytest.mark.parametrize("language", TRUE)
def test_of_thirty_true_sentences_none_is_taken_for_a_refusal(language: str) -> None:
    sentences = each(TRUE[language])
    assert len(sentences) == 30
    assert [text for text in sentences if refuses(text) or talks_about_task(text)] == []


@pytest.mark.parametrize(
    "reply",
    [
        "As an AI language model, I cannot write such a text. I hope you understand.",
        "Es tut mir leid, aber ich kann diese Anfrage nicht beantworten.",
        "Es tut mir leid. Ich kann diese Anfrage nicht beantworten, aber gern eine andere.",
        "Je suis d\u00e9sol\u00e9. Je ne peux pas r\u00e9pondre \u00e0 cette demande.",
        "Lo siento. No puedo responder a esa solicitud.",
    ],
)
def test_the_reason_is_that_the_writer_declines(reply: str) -> None:
    assert tidy(reply, cut=False) == ("", "refused politely")


def test_a_true_sentence_about_help_is_a_text() -> None:
    text = "I cannot help with the move on Friday, I'm sorry; my back hurts."
    assert tidy(text, cut=False) == (text, "")
