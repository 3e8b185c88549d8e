"""Texts that repeat their prompt: header, card, instruction or example.

A small model often repeats its prompt instead of continuing it. The rules read the text and public prompts
only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.textstats.words import runs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REASON = "repeats its prompt"
#: This many consecutive words in common with the prompt are no coincidence.
ROW = 8
#: A text with this share of its 4-grams from one part of the prompt is a near-copy of that part.
NEAR = 0.5
_RUN = 4
_FEWEST_RUNS = 10
#: A whole sentence of an instruction is an echo from this length on; "Answer now." may be a coincidence.
_SENTENCE = 4
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_FIELD = re.compile(r"^([^\n:]{1,30}):", re.MULTILINE)
_LENGTH = re.compile(r"\b\d{1,4}[ -]words?\b")
_FORM = re.compile(r"\b(?:beginning with|in the manner of):", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?:;])\s+|\n+")


def echoes(text: str, shown: Sequence[str], begins: str = "") -> bool:
    """Whether a text repeats something of ``shown``, or consists only of the words it was to begin with.

    Args:
        text: what was written, its beginning included.
        shown: all parts of the prompt: instructions, headers (they end with a colon), examples.
        begins: the words that the text was to begin with; they come from the card and are no echo.

    An echo is a field of a header with its colon (unless an example has it in its lines, as dialogues do), a
    length as in the prompt ("18 words"), a sentence of an instruction, eight consecutive words of any part,
    or half of all 4-grams of a text that has at least ten.
    """
    own = text[len(begins) :] if begins and text.startswith(begins) else text
    words = _words(own)
    if begins and len(words) < 2:
        return True
    if _FORM.search(own):
        return True
    headers = [part for part in shown if part.rstrip().endswith(":")]
    others = [part for part in shown if not part.rstrip().endswith(":")]
    if any(re.search(rf"(?<!\w){re.escape(field)}:", own) for field in _fields(headers, others)):
        return True
    if {length.lower() for part in shown for length in _LENGTH.findall(part)} & set(
        _LENGTH.findall(own.lower())
    ):
        return True
    return _repeats(words, shown)


def _fields(headers: Sequence[str], others: Sequence[str]) -> set[str]:
    ordinary = {field for part in others for field in _FIELD.findall(part)}
    return {field for part in headers for field in _FIELD.findall(part)} - ordinary


def _repeats(words: Sequence[str], shown: Sequence[str]) -> bool:
    rows, runs = set(runs_of(words, ROW)), list(runs_of(words, _RUN))
    for part in shown:
        theirs = _words(part)
        if rows and not rows.isdisjoint(runs_of(theirs, ROW)):
            return True
        near = set(runs_of(theirs, _RUN))
        if len(runs) >= _FEWEST_RUNS and sum(run in near for run in runs) >= NEAR * len(runs):
            return True
    said = f" {' '.join(words)} "
    sentences = (_words(sentence) for part in shown for sentence in _SENTENCES.split(part))
    return any(len(one) >= _SENTENCE and f" {' '.join(one)} " in said for one in _instructions(sentences))


def _instructions(sentences: Iterator[list[str]]) -> Iterator[list[str]]:
    """Those that order to write or to answer: other short sentences may be a coincidence."""
    return (one for one in sentences if one and (one[0] in _ORDERS or one[:2] == ["you", "write"]))


_ORDERS = frozenset({"write", "rewrite", "answer", "respond", "reply", "continue", "generate"})


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
