"""A reply of the writer becomes a text: without what it thought aloud, or says of its own work."""

from __future__ import annotations

import time

import pytest

from rpsg.models.thoughts import without_thoughts
from rpsg.protocols import Reply
from rpsg.stages.abstraction import parsed
from rpsg.stages.rewriting import attempt_of, without_remark

TEXT = "The tea was fresh and I will buy it again."
THOUGHTS = "Okay, the user Ludmilla Quirrenbach wants a rewrite."


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>{THOUGHTS}</think>{TEXT}",
        f"<think>\n{THOUGHTS}\n\nMore of it.\n</think>\n\n{TEXT}",
        f"{THOUGHTS}\n</think>\n{TEXT}",
        f"<think></think>{TEXT}<think>{THOUGHTS}</think>",
        f"<THINKING>{THOUGHTS} <think> or </THINKING>{TEXT}",
        f"<think>{THOUGHTS}</think> {THOUGHTS} </think>{TEXT}",
        f"[THINK]{THOUGHTS}[/THINK]{TEXT}",
        f"<reasoning>{THOUGHTS}</reasoning>{TEXT}",
        f"<|channel|>analysis<|message|>{THOUGHTS}<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}",
    ],
)
def test_what_a_writer_thinks_aloud_is_no_text(reply: str) -> None:
    attempt = attempt_of(Reply(reply, "stop"))
    assert (attempt.text, attempt.problem) == (TEXT, "")


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("reply", [f"<think>{THOUGHTS} {TEXT}", f"{TEXT}\n<think>{THOUGHTS}", "<reasoning>"])
def test_who_does_not_end_to_think_has_said_nothing(reply: str, finish: str) -> None:
    attempt = attempt_of(Reply(reply, finish))  # type: ignore[arg-type]  # a parameter
    assert (attempt.text, attempt.problem) == ("", "does not end to think")


@pytest.mark.parametrize(
    ("reply", "summary"),
    [
        (
            f'<think>{THOUGHTS}</think>{{"summary": "A customer likes green tea.',
            "A customer likes green tea.",
        ),
        (
            f'{{"summary": "<think>{THOUGHTS}</think>A customer likes green tea.',
            "A customer likes green tea.",
        ),
        (
            f'{{"summary": "\\u003cthink\\u003e{THOUGHTS}\\u003c/think\\u003eA customer likes green tea.',
            "A customer likes green tea.",
        ),
        (f'{{"summary": "<think>{THOUGHTS}', ""),
        (f'{{"summary": "A customer likes green tea. \\u003cthink\\u003e{THOUGHTS}', ""),
        (f'<think>{THOUGHTS} {{"summary": "A customer likes green tea.', ""),
    ],
)
def test_thoughts_are_no_part_of_a_summary(reply: str, summary: str) -> None:
    assert parsed(Reply(reply, "stop")) == summary


REMARKS = (
    "This rewrite keeps the core facts while expressing a positive tone.",
    "*This rewrite keeps the core facts.*",
    "(This rewritten review maintains the sentiment.)",
    "This version keeps the original meaning and a natural tone.",
    "This passage maintains a coherent, first-person voice and adds no names.",
    "The text is written in a negative tone, as asked.",
    "Note: I have kept the tone of the customer.",
    "I have rewritten the original review in my own words.",
    "Word count: 85",
    "(Word count: 85)",
)


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize("between", ["\n\n", "\n", "\n\n---\n\n", "\n \n"])
def test_what_a_writer_says_of_its_rewrite_is_no_part_of_it(remark: str, between: str) -> None:
    assert attempt_of(Reply(f"{TEXT}{between}{remark}", "stop")).text == TEXT
    assert attempt_of(Reply(f'"{TEXT}"{between}{remark}\n', "stop")).text == TEXT


@pytest.mark.parametrize(
    "last",
    [
        "This version keeps the crunch but has less salt.",
        "This version keeps the original flavor.",
        "The review that I read avoided the price.",
        "I have rewritten my letter three times since then.",
        "My message to all of you is to try it.",
        "The text on the bag uses small letters.",
        "This tea keeps its tone of green.",
        "The response was fast and I kept the bag.",
        "This passage of my life is over, and I stay.",
    ],
)
def test_a_last_paragraph_that_speaks_of_something_else_stays(last: str) -> None:
    assert attempt_of(Reply(f"{TEXT}\n\n{last}", "stop")).text == f"{TEXT}\n\n{last}"


def test_only_the_last_paragraph_is_a_remark_and_never_the_only_one() -> None:
    assert without_remark(f"{REMARKS[0]}\n\n{TEXT}") == f"{REMARKS[0]}\n\n{TEXT}"
    assert without_remark(f"{TEXT} {REMARKS[0]}") == f"{TEXT} {REMARKS[0]}"
    assert without_remark(f"\n\n{REMARKS[0]}") == f"\n\n{REMARKS[0]}"
    assert without_remark(f"{TEXT}\n\n{REMARKS[0]}\nIt has 80 words.") == TEXT


@pytest.mark.parametrize("part", ["<think>", "</think>", "<", "\n", "this ", "-\n", "<|channel|>", "i have "])
def test_a_long_reply_is_read_in_one_go(part: str) -> None:
    """The square of so many characters would take hours."""
    text = part * (200_000 // len(part))
    began = time.process_time()
    without_thoughts(text)
    without_remark(f"{TEXT}\n{text}")
    assert time.process_time() - began < 20
