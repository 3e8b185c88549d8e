"""A reply becomes a text, or a reason why it cannot: by rules on the reply alone."""

from __future__ import annotations

import re

MIN_WORDS = 5
FENCE = re.compile(r"^```\w*\s*|\s*```$")
LEAD_IN = re.compile(
    r"^(sure|certainly|of course|here(?:'s| is| are)|okay|ok)\b[^\n]{0,120}?:\s+", re.IGNORECASE
)
NOT_A_TEXT = re.compile(
    r"\bas an ai\b|\blanguage model\b|\bi(?:'m| am) (?:sorry, but|unable to|not able to)\b|<\|[a-z_]+\|>"
    r"|\bi(?:'d| would) be (?:happy|glad) to (?:help|assist)\b|\bwould you like me to\b"
    r"|\b(?:re)?write (?:a|the|this|one|your) (?:\w+ )?(?:review|post|note|message|ticket|abstract|text)\b",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s|$)")
QUOTES = "\"'\u201c\u201d"


def tidy(reply: str, *, cut: bool) -> tuple[str, str]:
    """The text in a reply and an empty string, or an empty text and the reason why it is dropped."""
    text = LEAD_IN.sub("", FENCE.sub("", reply.strip())).strip()
    if len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES:
        text = text[1:-1].strip()
    if NOT_A_TEXT.search(text):
        return "", "talks about its task"
    if cut:
        ends = [match.end() for match in SENTENCE_END.finditer(text)]
        if not ends or ends[-1] < len(text) / 2:
            return "", "cut in the middle"
        text = text[: ends[-1]]
    if len(text.split()) < MIN_WORDS:
        return "", "too short"
    if repeats_itself(text):
        return "", "repeats itself"
    return text, ""


def repeats_itself(text: str) -> bool:
    """Whether fewer than half of the text's 4-grams are different ones."""
    words = text.lower().split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return len(grams) >= 8 and len(set(grams)) < 0.5 * len(grams)
