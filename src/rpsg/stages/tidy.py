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
#: A short reply that declines, whatever the task: nothing but "I'm sorry, I can't help with that."
REFUSAL = re.compile(
    r"^\W*(?:[^.!?\n]{0,60}(?:sorry|apologi[sz]e|unfortunately|afraid)[^\n]{0,20}?\b)?"
    r"i(?: can(?:['\u2019]?t|not| not)| won['\u2019]t| will not|(?: am|['\u2019]m) (?:unable|not able) to) "
    r"(?:help|assist|comply|fulfil\w*|provide|write|create|generate|continue)\b[^.!?\n]{0,60}?"
    r"\b(?:that|this|such|requests?)\b",
    re.IGNORECASE,
)
LONGEST_REFUSAL = 40  # words
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s|$)|[\u3002\uff01\uff1f]")
#: Scripts that put no blanks between words: each of their characters counts as one.
UNPARTED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{UNPARTED}]|[^\s{UNPARTED}]+")
QUOTES = "\"'\u201c\u201d"


def tidy(reply: str, *, cut: bool) -> tuple[str, str]:
    """The text in a reply and an empty string, or an empty text and the reason why it is dropped."""
    text = LEAD_IN.sub("", FENCE.sub("", reply.strip())).strip()
    if len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES:
        text = text[1:-1].strip()
    if refuses(text):
        return "", "refused politely"
    if NOT_A_TEXT.search(text):
        return "", "talks about its task"
    if cut:
        ends = [match.end() for match in SENTENCE_END.finditer(text)]
        if not ends or ends[-1] < len(text) / 2:
            return "", "cut in the middle"
        text = text[: ends[-1]]
    if len(words_of(text)) < MIN_WORDS:
        return "", "too short" if text else "empty"
    if repeats_itself(text):
        return "", "repeats itself"
    return text, ""


def words_of(text: str) -> list[str]:
    """The words of a text; of a script that does not part them, its characters."""
    return WORD.findall(text)


def refuses(text: str) -> bool:
    """Whether a reply does nothing but decline."""
    return len(text.split()) <= LONGEST_REFUSAL and REFUSAL.match(text) is not None


def repeats_itself(text: str) -> bool:
    """Whether fewer than half of the text's 4-grams are different ones."""
    words = words_of(text.lower())
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return len(grams) >= 8 and len(set(grams)) < 0.5 * len(grams)
