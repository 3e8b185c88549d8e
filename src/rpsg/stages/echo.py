"""Texts that repeat their prompt: header, card, instruction or example.

A small model often repeats its prompt instead of continuing it. The rules read the text and public prompts
only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rpsg.textstats.words import is_simple, runs_of
from rpsg.textstats.words import words as all_words

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
_LENGTH = re.compile(r"\b\d{1,4}[ -](?:words?|w\u00f6rter|mots|palabras)\b")
_FORM = re.compile(r"\b(?:beginning with|in the manner of):", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?:;])\s+|\n+")


def repeats_prompt(text: str, shown: Sequence[str], begins: str = "") -> bool:
    """Whether a text repeats something of ``shown``, or is nothing but the beginning that it was given.

    Args:
        text: what was written, its beginning included.
        shown: all parts of the prompt: instructions, headers (they end with a colon), examples.
        begins: the words that the prompt says the text begins with; they come from the card and are no echo.

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
    parts = [_part(part) for part in shown]
    ordinary = {field for part in parts if not part.header for field in part.fields}
    fields = {field for part in parts if part.header for field in part.fields} - ordinary
    if any(re.search(rf"(?<!\w){re.escape(field)}:", own) for field in fields):
        return True
    lengths = _LENGTH.findall(own.lower())
    return any(not part.lengths.isdisjoint(lengths) for part in parts) or _repeats(words, parts)


@dataclass(frozen=True, slots=True)
class _PromptPart:
    """What a text may repeat from one part of a prompt; ``rows`` and ``runs`` are its 8-grams and 4-grams."""

    header: bool
    fields: frozenset[str]
    lengths: frozenset[str]
    rows: frozenset[tuple[str, ...]]
    runs: frozenset[tuple[str, ...]]
    orders: tuple[str, ...]


@lru_cache(maxsize=1024)
def _part(shown: str) -> _PromptPart:
    """Cached, because thousands of prompts share their examples."""
    words = _words(shown)
    sentences = (_words(sentence) for sentence in _SENTENCES.split(shown))
    return _PromptPart(
        header=shown.rstrip().endswith(":"),
        fields=frozenset(_FIELD.findall(shown)),
        lengths=frozenset(length.lower() for length in _LENGTH.findall(shown)),
        rows=frozenset(runs_of(words, ROW)),
        runs=frozenset(runs_of(words, _RUN)),
        orders=tuple(" ".join(one) for one in _instructions(sentences) if len(one) >= _SENTENCE),
    )


def _repeats(words: Sequence[str], parts: Sequence[_PromptPart]) -> bool:
    rows, runs = set(runs_of(words, ROW)), list(runs_of(words, _RUN))
    for part in parts:
        if not rows.isdisjoint(part.rows):
            return True
        if len(runs) >= _FEWEST_RUNS and sum(run in part.runs for run in runs) >= NEAR * len(runs):
            return True
    said = f" {' '.join(words)} "
    return any(f" {order} " in said for part in parts for order in part.orders)


def _instructions(sentences: Iterator[list[str]]) -> Iterator[list[str]]:
    """The sentences that say what to write or to answer; other short sentences may be a coincidence."""
    return (one for one in sentences if one and (one[0] in _ORDERS or one[:2] == ["you", "write"]))


_ORDERS = frozenset(
    (
        *("write", "rewrite", "answer", "respond", "reply", "continue", "generate"),
        *("schreibe", "schreib", "antworte", "fasse", "escribe", "responde"),
        *("\u00e9cris", "r\u00e9\u00e9cris", "r\u00e9ponds", "r\u00e9sume"),
    )
)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower()) if is_simple(text) else all_words(text)
