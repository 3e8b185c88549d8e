"""The guard behind every abstraction: what still carries the source, or speaks to a model, is dropped.

It holds a candidate against the one record that it came from. It is a rule and no mechanism: it keeps
copies and known identities back and proves nothing about what else may have been kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.stages.scrub import found_by_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Recogniser

WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
ACTIVE = re.compile(
    r"https?://|www\.|</?[a-z][^>]{0,200}>|```|\]\(|<\||\|>|\[/?INST\]"
    r"|\b(?:ignore|disregard|forget)\b[^.!?]{0,40}\b(?:instructions?|prompts?|rules|above|previous)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|\bas an ai\b|\blanguage model\b"
    r"|\byou (?:must|should|will) (?:now )?(?:write|output|repeat|print|answer|reply|respond|say)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Guard:
    """Candidates may share fewer than ``words`` words in a row with their source and no run of more than
    ``characters`` characters, no identity that ``recogniser`` or the patterns find in it, and hold nothing
    that acts (links, markup) or gives a model orders.
    """

    words: int = 6
    characters: int = 30
    recogniser: Recogniser | None = None

    def problems(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """For each (source, candidate) why it is dropped, or an empty string."""
        sources = list(dict.fromkeys(source for source, _ in pairs))
        known = dict(zip(sources, identities(sources, self.recogniser), strict=True))
        return [self._problem(source, candidate, known[source]) for source, candidate in pairs]

    def _problem(self, source: str, candidate: str, known: frozenset[str]) -> str:
        if not candidate.strip():
            return "nothing that can be read"
        if ACTIVE.search(candidate):
            return "acts or gives orders"
        if shares_words(source, candidate, self.words):
            return f"{self.words} words in a row of its source"
        if shares_characters(source, candidate, self.characters):
            return f"more than {self.characters} characters in a row of its source"
        if names_any(candidate, known):
            return "an identity of its source"
        return ""


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return [word.lower().replace("\u2019", "'") for word in WORD.findall(text)]


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    """All runs of ``size`` words."""
    words = words_of(text)
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def shares_words(source: str, candidate: str, size: int) -> bool:
    """Whether both hold the same ``size`` words in a row."""
    return not grams(source, size).isdisjoint(grams(candidate, size))


def shares_characters(source: str, candidate: str, most: int) -> bool:
    """Whether both hold the same run of more than ``most`` characters, case and punctuation aside."""
    left, right = " ".join(words_of(source)), " ".join(words_of(candidate))
    runs = {left[i : i + most + 1] for i in range(len(left) - most)}
    return any(right[i : i + most + 1] in runs for i in range(len(right) - most))


def identities(texts: Sequence[str], recogniser: Recogniser | None = None) -> list[frozenset[str]]:
    """What points to a person in each text, in lower case: by patterns, and by a recogniser if given."""
    found = [{_plainly(part) for part in found_by_pattern(text)} for text in texts]
    if recogniser is not None:
        for own, text, spans in zip(found, texts, recogniser.find(texts), strict=True):
            own.update(_plainly(text[span.start : span.end]) for span in spans)
    return [frozenset(part for part in own if len(part) > 1) for own in found]


def names_any(text: str, known: frozenset[str]) -> bool:
    """Whether one of the identities stands in the text as whole words, whatever the case and punctuation."""
    inside = f" {_plainly(text)} "
    return any(f" {part} " in inside for part in known)


def _plainly(text: str) -> str:
    return " ".join(words_of(text))
