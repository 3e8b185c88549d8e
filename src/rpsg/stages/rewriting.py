"""The two rewrites of the paper: an abstraction becomes a variant, a variant becomes a text of the corpus.

Both use prompts of the domain pack (``first_rewrite.txt``, ``second_rewrite.txt``), which name the wanted
sentiment and length. Each prompt has exactly one text, never a private one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from rpsg.domains.prompts import fill
from rpsg.models.thoughts import without_thoughts
from rpsg.protocols import Message, Request
from rpsg.stages.clean_reply import tidy
from rpsg.stages.prompts import tokens_for
from rpsg.stages.rng import text_seed
from rpsg.stages.sanitize import plain
from rpsg.stages.sentiment_guard import Attempt

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Reply

Rewrite = Literal["first", "second"]
SHORTEST, LONGEST = 0.85, 1.15
LONG_TEXT = 240  # words from which two paragraphs are asked for
TOKENS_BESIDE = 32
_TEXT = "text|passage|review|post|message|note|ticket|abstract|statement|summary|paragraph|version"
#: The beginning of a remark on the rewrite. "This version keeps the crunch" may be about a biscuit, so where
#: no rewrite is mentioned, a property that only a text has must follow.
REMARK = re.compile(
    r"[*_(\[]{0,3}(?:note:?[*_]{0,2}\s{1,3})?(?:"
    r"(?:in )?this (?:rewrite|rewritten|rewording|reworded|rephras\w{2,3}|paraphrase\w?)\b"
    rf"|(?:this|the|my) (?:(?:above|new|final|revised|updated|rewritten|rephrased) )?"
    rf"(?:{_TEXT}|rewrite|paraphrase|revision|variant|response)"
    r" (?:\w+ly )?(?:(?:is|was|has been) (?:re)?written|(?:is |has )?"
    r"(?:keep|maintain|preserv|retain|captur|reflect|convey|express|highlight|adher|follow|avoid|omit|stay|aim"
    r"|meet|us|remov)(?:e?s|ed|ing|s to)?)\b[^\n]{0,200}?"
    r"\b(?:tone|sentiment|core facts|essence|wording|word (?:count|limit)|number of words|names"
    r"|first[- ]person|identif\w{2,12}|personal (?:details|information)|facts of the"
    rf"|(?:meaning|content|intent|spirit|ideas?) of the (?:original|source|{_TEXT})"
    rf"|original (?:meaning|content|intent|{_TEXT}))\b"
    r"|i(?:'ve| have)? (?:rewrote|rewritten|rephrased|reworded|paraphrased|kept) "
    rf"(?:the|this|your) (?:original |whole )?(?:{_TEXT}|tone|sentiment|core facts)\b"
    r"|word count\b)",
    re.IGNORECASE,
)


def rewrite_request(
    pack: Pack, plan: Plan, which: Rewrite, source: str, sentiment: str, words: int, number: int, attempt: int
) -> Request:
    """The request for text ``number``; each attempt has another seed."""
    fields = {
        "kind": pack.text,
        "about": plan.corpus.about or pack.about,
        "sentiment": sentiment,
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
        max_tokens=tokens_for(pack, LONGEST * words) + TOKENS_BESIDE,
        seed=text_seed(plan.generation.seed, f"{which} rewrite", number, attempt),
        temperature=plan.generation.temperature or 1.0,
        top_p=plan.generation.top_p or 0.95,
        private=True,
    )


def attempt_of(reply: Reply) -> Attempt:
    """The text of a reply, or why it is unusable. The input never takes its place."""
    if reply.finish == "error":
        return Attempt("", "the writer failed")
    spoken = without_thoughts(reply.text)
    if spoken is None:
        return Attempt("", "does not end to think")
    text, problem = tidy(without_remark(plain(spoken)), cut=reply.finish == "length")
    return Attempt(text, problem)


def without_remark(text: str) -> str:
    """The text without a last paragraph of remarks on the rewrite; an only paragraph is kept."""
    lines = text.rstrip().split("\n")
    blank = max((index for index, line in enumerate(lines) if not line.strip(" \t*_-")), default=-1)
    for first in (blank + 1, len(lines) - 1):
        if any(line.strip() for line in lines[:first]) and REMARK.match("\n".join(lines[first:]).lstrip()):
            return "\n".join(lines[:first]).rstrip(" \t\n*_-")
    return text
