"""A request as a document that a base model goes on with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rpsg.models.documents import document_of, is_document
from rpsg.protocols import Message, Request

HEADER = "Topic: green tea\nLength: short\nReview:"
ASK = Request(
    (
        Message("system", "You write reviews."),
        Message("user", "Topic: honey\nLength: short\nReview:"),
        Message("assistant", "Sweet and dark.  \n\n\n  I like it. "),
        Message("user", HEADER),
    ),
    max_tokens=20,
    seed=1,
)


def test_examples_stand_one_after_the_other_and_the_system_message_is_left_out() -> None:
    (message,) = document_of(ASK).messages
    assert message == Message(
        "user", f"Topic: honey\nLength: short\nReview: Sweet and dark.\nI like it.\n\n{HEADER}"
    )


def test_the_text_begins_behind_one_blank() -> None:
    (message,) = document_of(replace(ASK, begins="I bought")).messages
    assert message.content.endswith("\nReview: I bought")


def test_a_text_ends_at_a_blank_line_or_where_a_line_of_a_header_begins() -> None:
    stops = ("END", "\n\n", "\nTopic:", "\nLength:", "\nReview:")
    assert document_of(replace(ASK, stop=("END",))).stop == stops


def test_a_field_that_the_examples_have_in_their_lines_ends_no_text() -> None:
    talk = Message("assistant", "Doctor: How are you?\nPatient: Bad.")
    header = Message("user", "Topic: cough\nPatient: a woman\nText:")
    asked = replace(ASK, messages=(header, talk, header))
    assert document_of(asked).stop == ("\n\n", "\nTopic:", "\nText:")


@pytest.mark.parametrize("instruction", ["Write a review of tea", f"Write {'very ' * 9}well: tea"])
def test_a_sentence_is_not_taken_for_a_field_that_the_next_text_begins_with(instruction: str) -> None:
    messages = (Message("user", instruction), Message("assistant", "Good tea."), Message("user", instruction))
    assert document_of(replace(ASK, messages=messages)).stop == ("\n\n",)


def test_what_two_requests_share_is_the_beginning_of_both_documents() -> None:
    other = replace(ASK, messages=(*ASK.messages[:-1], Message("user", "Topic: rice\nReview:")))
    shared = document_of(replace(ASK, messages=(*ASK.messages[:-1], Message("user", "")))).messages[0].content
    assert shared.endswith("\n\n")
    assert all(document_of(one).messages[0].content.startswith(shared) for one in (ASK, other))


def test_an_instruction_keeps_its_system_message_and_its_stops() -> None:
    asked = replace(ASK, messages=(ASK.messages[0], Message("user", "Sum this up.")), begins="It")
    assert not is_document(asked)
    assert document_of(asked).messages[0].content == "You write reviews.\n\nSum this up.\n\nIt"
    assert document_of(asked).stop == ()


def test_a_header_alone_is_a_document() -> None:
    alone = replace(ASK, messages=(ASK.messages[0], ASK.messages[-1]))
    assert is_document(alone)
    assert document_of(alone).messages[0].content == HEADER
