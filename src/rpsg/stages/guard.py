"""The guard behind every abstraction: what still carries the source, or speaks to a model, is dropped.

It holds a candidate against the one record that it came from. It is a rule and no mechanism: it keeps
copies and known identities back and proves nothing about what else may have been kept.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.stages.scrub import found_by_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpsg.protocols import Recogniser

WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
#: What a word of a name is looked for by; shorter ones, initials mostly, say too little by themselves.
NAME_WORD = re.compile(r"[^\W\d_]{3,}")
#: Kinds whose words each point to somebody or to some place.
NAMES = frozenset({"name", "person", "place", "location", "organisation", "organization"})
#: Words of names that say nothing by themselves: titles, small words, what places and firms are called.
COMMON = frozenset(
    NAME_WORD.findall(
        "mrs miss mister doctor prof professor nurse sister brother father mother aunt uncle rabbi "
        "judge captain officer sir dame lord lady reverend jnr snr the and for with from that this you "
        "your her his our their its are was has had not but who all any one two will may can van von "
        "der den del las los das dos des une new old great little upper lower north south east west "
        "northern southern eastern western central saint san santa city town county state states united "
        "kingdom republic street road avenue lane drive square park lake river mount mountain valley "
        "island beach bay hill hills inc ltd llc plc gmbh corp corporation company group international "
        "national university college school institute hospital clinic church bank hotel restaurant shop "
        "store market house center centre department office service services association society "
        "foundation"
    )
)
#: An identity with so many digits is looked for by its digits alone, so many of them in a row at the most:
#: a telephone number is the same with and without the code of its country.
FEWEST_DIGITS, MOST_DIGITS = 5, 7
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
    ``characters`` characters, nothing of an identity that ``recogniser`` or the patterns find in it, and hold
    nothing that acts (links, markup) or gives a model orders.
    """

    words: int = 6
    characters: int = 30
    recogniser: Recogniser | None = None

    def problems(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """For each (source, candidate) why it is dropped, or an empty string."""
        sources = list(dict.fromkeys(source for source, _ in pairs))
        known = dict(zip(sources, identities(sources, self.recogniser), strict=True))
        return [self._problem(source, candidate, known[source]) for source, candidate in pairs]

    def _problem(self, source: str, candidate: str, known: Identities) -> str:
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


@dataclass(frozen=True, slots=True)
class Identities:
    """What points to somebody in one text, as it is looked for in others.

    ``names`` are the words of names, ``digits`` runs of the digits of numbers, ``phrases`` whole identities
    of whatever kind, word by word.
    """

    names: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()
    phrases: frozenset[tuple[str, ...]] = frozenset()

    @classmethod
    def of(cls, found: Iterable[tuple[str, str]]) -> Identities:
        """Of what was found, each with its kind."""
        kinds = list(found)
        parts = [part for _, part in kinds]
        phrases = (tuple(words_of(part)) for part in parts)
        return cls(
            frozenset(word for kind, part in kinds if kind in NAMES for word in _name_words(part)),
            frozenset(run for part in parts for run in _known_digits(part)),
            frozenset(phrase for phrase in phrases if sum(map(len, phrase)) > 1),
        )


def identities(texts: Sequence[str], recogniser: Recogniser | None = None) -> list[Identities]:
    """What points to a person in each text: by patterns, and by a recogniser if given."""
    found = [found_by_pattern(text) for text in texts]
    if recogniser is not None:
        for own, text, spans in zip(found, texts, recogniser.find(texts), strict=True):
            own.extend((span.kind, text[span.start : span.end]) for span in spans)
    return [Identities.of(own) for own in found]


def names_any(text: str, known: Identities) -> bool:
    """Whether a text holds one of the identities of another, whatever the case and punctuation.

    Of a name any word is enough, as a whole word: three letters or more, neither title nor ``COMMON``, with
    or without accents. Of a number the digits count, whatever stands between them. Everything else must
    stand there whole. The time is linear in the length of the text.
    """
    if known.names and not known.names.isdisjoint(_name_words(text)):
        return True
    if known.digits and not known.digits.isdisjoint(_shown_digits(text)):
        return True
    sizes = {len(phrase) for phrase in known.phrases}
    return any(not known.phrases.isdisjoint(grams(text, size)) for size in sizes)


def _name_words(text: str) -> set[str]:
    bare = "".join(c for c in _simplified(text).casefold() if not unicodedata.combining(c))
    return set(NAME_WORD.findall(bare)) - COMMON


def _known_digits(part: str) -> set[str]:
    digits = _digits(part)
    return _runs(digits, min(len(digits), MOST_DIGITS)) if len(digits) >= FEWEST_DIGITS else set()


def _shown_digits(text: str) -> set[str]:
    digits = _digits(text)
    return {run for size in range(FEWEST_DIGITS, MOST_DIGITS + 1) for run in _runs(digits, size)}


def _runs(digits: str, size: int) -> set[str]:
    return {digits[i : i + size] for i in range(len(digits) - size + 1)}


def _digits(text: str) -> str:
    return "".join(c for c in _simplified(text) if c.isdecimal())


def _simplified(text: str) -> str:
    """Accents apart from their letters, and letters and digits of full width as the usual ones."""
    return unicodedata.normalize("NFKD", text)
