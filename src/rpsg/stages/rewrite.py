"""The two rewrites of the paper: an abstraction becomes a variant, a variant becomes a text of the corpus.

Both are asked with prompts of the domain pack (``first_rewrite.txt``, ``second_rewrite.txt``), which name the
mood and the length wanted. Neither is shown more than one text, and neither a private one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rpsg.protocols import Message, Request
from rpsg.stages.contain import plain
from rpsg.stages.prompts import fill
from rpsg.stages.sentiment_guard import Attempt
from rpsg.stages.streams import text_seed
from rpsg.stages.tidy import tidy

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Reply

Rewrite = Literal["first", "second"]
SHORTEST, LONGEST = 0.85, 1.15
LONG_TEXT = 240  # words from which two paragraphs are asked for
TOKENS_A_WORD, TOKENS_BESIDE = 1.7, 32


def rewrite_request(
    pack: Pack, plan: Plan, which: Rewrite, source: str, mood: str, words: int, number: int, attempt: int
) -> Request:
    """The request for the text with this number; each attempt draws anew."""
    fields = {
        "kind": pack.text,
        "about": plan.corpus.about or pack.about,
        "sentiment": mood,
        "words": str(words),
        "fewest": str(max(1, round(SHORTEST * words))),
        "most": str(max(1, round(LONGEST * words))),
        "paragraphs": "two paragraphs" if words >= LONG_TEXT else "",
        "text": plain(source),
    }
    return Request(
        messages=(
            Message("system", fill(pack.prompts["rewrite_system.txt"], fields)),
            Message("user", fill(pack.prompts[f"{which}_rewrite.txt"], fields)),
        ),
        max_tokens=int(LONGEST * words * TOKENS_A_WORD) + TOKENS_BESIDE,
        seed=text_seed(plan.generation.seed, f"{which} rewrite", number, attempt),
        temperature=plan.generation.temperature or 1.0,
        top_p=plan.generation.top_p or 0.95,
        private=True,
    )


def attempt_of(reply: Reply) -> Attempt:
    """A reply as a text, or as the reason why it is none. What was sent never takes its place."""
    if reply.finish == "error":
        return Attempt("", "the writer failed")
    text, problem = tidy(plain(reply.text), cut=reply.finish == "length")
    return Attempt(text, problem)
