"""Turns a reply into a text, or into a reason why it is unusable. The rules are the same for every writer.

First reasoning, chat-template tokens and invisible characters are removed, then wrapping (a greeting, a
heading, quotes, a fence) and what follows the text. Then the remaining text as a whole is checked.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rpsg.models.thoughts import without_thoughts
from rpsg.stages.refusals import refuses, talks_about_task
from rpsg.stages.sanitize import plain
from rpsg.textstats.words import pieces, runs_of, word_count

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WORDS = 5
#: Terminal control sequences (ECMA-48): removed whole, because some of their characters are printable.
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,40}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)?|\x1b[@-Z\\^_=>]"
)
#: Chat-template tokens at the start and at the end of a turn.
TURN = re.compile(
    r"\A\s*(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s*)?"
    r"(?:<\|(?:im_start|start|start_header_id)\|>|<start_of_turn>|\[/INST\])?\s*"
    r"(?:(?:assistant|model)\b\s*(?:<\|end_header_id\|>)?(?=\s*(?:\n|<\|)))?"
    r"(?:<\|channel\|>\s*\w{1,20})?(?:<\|message\|>)?"
)
OVER = re.compile(
    r"<\|(?:im_end|im_start|end|return|eot_id|endoftext|end_of_text|start|eom_id|user|assistant)\|>"
    r"|<(?:end_of_turn|start_of_turn|eos|pad)>|</s>|\[/?INST\]|<<SYS>>",
    re.IGNORECASE,
)
FENCE = re.compile(r"\A```[\w-]{0,20}[^\S\n]*\n?|\n?[^\S\n]{0,9}```\s*\Z")
HEADING = re.compile(r"\A(?:#{1,6}[^\S\n]+[^\n]{1,120}|\*\*[^\n*]{1,80}\*\*:?)\n\s*(?=\S)")
MARKED = re.compile(r"^#{1,6}[^\S\n]+|\*\*(?=\S)|(?<=\S)\*\*", re.MULTILINE)
LEAD_IN = re.compile(
    r"\A(?:sure|certainly|of course|here(?:['\u2019]s| is| are)|okay|ok"
    r"|hier (?:ist|sind|kommt)|gerne(?=[,!])|voici|bien s\u00fbr(?=[ ,!])"
    r"|aqu\u00ed (?:tienes|est\u00e1)|claro(?=[,!]))"
    r"\b[^\n]{0,120}?:\s+",
    re.IGNORECASE,
)
#: A reply that is a JSON object with one text: {"review": "..."}.
OBJECT = re.compile(r'\A\{\s*"[\w -]{1,40}"\s*:\s*("(?:[^"\\]|\\.)*")\s*\}\Z', re.DOTALL)
NUMBER = re.compile(r"\d[\d.,:/-]*")
#: In scripts with their own full stop nothing has to follow it; a closing quotation mark may.
SENTENCE_END = re.compile(
    r"[.!?][\"')\]]*(?=\s|$)"
    r"|[\u3002\uff01\uff1f\uff61\u0964\u17d4\u104b\u0f0d\u061f\u06d4][\u300d\u300f\u201d\uff63]?"
)
#: Thai and Lao have no full stop: a blank between two letters ends a clause or a sentence.
CLAUSE_END = re.compile(r"[\u0e00-\u0eff](?=\s{1,9}[\u0e00-\u0eff])")
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201d": "\u201d", "\u00ab": "\u00bb", "\u201e": "\u201c"}


def tidy(reply: str, *, cut: bool, begins: str = "", ends: Sequence[str] = ()) -> tuple[str, str]:
    r"""The text in a reply and an empty string, or an empty text and the reason why it is dropped.

    Args:
        reply: what the writer gave.
        cut: whether it was stopped in the middle.
        begins: the prefilled words of the text; they are never taken for a greeting.
        ends: what may follow the text, such as the next header's "\nTopic:"; the text ends before it.
    """
    spoken = without_thoughts(ESCAPES.sub("", reply))
    if spoken is None:
        return "", "does not end to think"
    turn = TURN.match(spoken)  # tokens of a chat template, at the start of a turn
    text = _unwrapped(plain(OVER.split(spoken[turn.end() if turn else 0 :], maxsplit=1)[0]), begins)
    indices = [index for mark in ends if (index := text.find(mark)) > 0]
    if indices:
        text, cut = text[: min(indices)].rstrip(), False
    refused, cut_early = _no_text(text, begins), ""
    if cut:
        ends_at = [match.end() for pattern in (SENTENCE_END, CLAUSE_END) for match in pattern.finditer(text)]
        last = max(ends_at, default=0)
        cut_early = "cut in the middle" if last < max(1, len(text) / 2) else ""
        text = text[:last]
    problem = refused or cut_early or _too_little(text)
    return ("", problem) if problem else (text, "")


def _no_text(reply: str, begins: str) -> str:
    """Why a whole reply is unusable; empty if it may be a text."""
    parts = [reply, reply[len(begins) :]] if begins and reply.startswith(begins) else [reply]
    if any(refuses(part) for part in parts):
        return "refused politely"
    announces = LEAD_IN.fullmatch(f"{reply}\n")  # and nothing follows
    return "talks about its task" if announces or talks_about_task(reply) else ""


def _too_little(text: str) -> str:
    """Why a text is too short; empty if it is long enough. Without a letter or digit it says nothing."""
    if not any(map(str.isalnum, text)):
        return "empty"
    if word_count(text) < MIN_WORDS:
        return "too short"
    return "repeats itself" if repeats_itself(text) else ""


def _unwrapped(text: str, begins: str) -> str:
    """The text without fence, heading, greeting and quotes around it."""
    text = FENCE.sub("", text).strip()
    if held := OBJECT.match(text):
        text = _held(held[1])
    if not (begins and text.startswith(begins)):
        text = LEAD_IN.sub("", HEADING.sub("", text)).strip()
        text = HEADING.sub("", FENCE.sub("", text)).strip()
    text = MARKED.sub("", text).strip()
    inner = text[1:-1]
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1] and not {text[0], text[-1]} & set(inner):
        text = inner.strip()
    return text


def _held(literal: str) -> str:
    """The text of a JSON literal, without control characters; the literal itself if it is not valid."""
    try:
        return plain(str(json.loads(literal, strict=False)))
    except ValueError:
        return literal


#: Six of 8,442 real texts (reviews, dialogues, abstracts) have a lower share of distinct 4-grams.
LEAST_DIFFERENT = 0.8


def repeats_itself(text: str) -> bool:
    """Whether too few of the text's 4-grams are distinct; fewer than one in a thousand of real texts are like
    that.
    """
    words = pieces(text.lower())
    grams = list(runs_of(words, 4))
    return len(grams) >= 8 and len(set(grams)) < LEAST_DIFFERENT * len(grams)


def says_a_sentence_twice(text: str) -> bool:
    """Whether a sentence of three words or more occurs twice, even with other numbers in it."""
    parts = (NUMBER.sub("0", part).strip() for part in SENTENCE_END.split(text))
    sentences = [part for part in parts if word_count(part) >= 3]
    return len(set(sentences)) < len(sentences)
