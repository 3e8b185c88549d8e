"""A text that repeats what its writer was shown is found, and one about the same things is not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rpsg.models.fake import FakeWriter
from rpsg.plan import Plan
from rpsg.protocols import Silent
from rpsg.records import Card
from rpsg.stages.candidates import write_candidates
from rpsg.stages.echo import REASON, repeats_prompt

if TYPE_CHECKING:
    from rpsg.domains import Pack

EXAMPLE = "I bought green tea in spring and every cup of it tastes of meadows and rain."
HEADER = "Topic: olive oil\nCustomer: unhappy\nLength: 20 words\nReview:"
SYSTEM = "You write each review as customers do. Answer with the review only."
SHOWN = (SYSTEM, HEADER.replace("olive oil", "green tea"), EXAMPLE, HEADER)


@pytest.mark.parametrize(
    "text",
    [
        "Olive oil is fine. Customer: happy with it and with us.",
        "The oil came late.\nReview: it was rancid and the cap was broken.",
        "A review in 20 words of the oil that came in a box.",
        "A review of the oil beginning with: We tried it twice.",
        "The oil was fine. Answer with the review only, they said.",
        "Well, I bought green tea in spring and every cup of it was cold.",
        "We bought green tea in spring, and every cup of it tastes of meadows now.",
    ],
)
def test_words_of_the_prompt_are_an_echo(text: str) -> None:
    assert repeats_prompt(text, SHOWN)


@pytest.mark.parametrize(
    "text",
    [
        "The olive oil was rancid and the customer service never called back.",
        "My review is short: buy the oil.",
        "I bought green tea in spring and did not like it.",
        "The label has 30 words of small print that nobody can read.",
    ],
)
def test_a_text_about_what_was_asked_for_is_none(text: str) -> None:
    assert not repeats_prompt(text, SHOWN)


def test_the_words_that_a_text_was_to_begin_with_are_the_card_s_and_alone_no_text() -> None:
    begins = "After years of buying it I must say the olive oil"
    shown = (f"Opening: {begins}\nReview:",)
    assert not repeats_prompt(f"{begins} is still the best I know.", shown, begins)
    assert repeats_prompt(f"{begins}.", shown, begins)


def test_a_field_that_examples_have_in_their_lines_is_no_echo() -> None:
    header = "Topic: cough\nPatient: a woman\nText:"
    talk = "Doctor: Since when do you cough?\nPatient: Since Monday."
    text = "Doctor: Does it hurt anywhere?\nPatient: Only my knee."
    assert not repeats_prompt(text, (header, talk, header))
    assert repeats_prompt(text, (header, EXAMPLE, header))


def test_a_candidate_that_repeats_its_prompt_is_dropped_with_that_reason(tiny: Pack) -> None:
    writer = FakeWriter(lambda request: f"it is like this. {request.messages[-1].content}")
    values = {"topic": "olive oil", "sentiment": "negative", "length": "medium", "opening": "We tried"}
    pool = write_candidates([Card(values)], tiny, Plan(), writer, Silent())
    assert pool.drops() == {("writing", REASON): 1}


@pytest.mark.parametrize("part", ["a ", "Topic: ", ". ", "write ", "20 words ", "a", "\n"])
def test_a_long_text_is_looked_at_in_one_go(part: str) -> None:
    began = time.process_time()
    repeats_prompt(part * (200_000 // len(part)), SHOWN)
    assert time.process_time() - began < 10
