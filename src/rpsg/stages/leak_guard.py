"""The guard after every abstraction: drops candidates that copy their source or instruct a model.

It compares a candidate with the record it came from. It is a rule and not a DP mechanism: it stops copies and
known identities, and guarantees nothing about other information in the record.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.stages.sanitize import readings, words_in, words_of
from rpsg.stages.scrub import found_by_pattern
from rpsg.textstats.words import runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpsg.protocols import Recognizer

#: A word of a name that is searched for: of three letters or more, because shorter ones are mostly initials.
NAME_WORD = re.compile(r"[^\W\d_]{3,}")
#: Kinds of identities in which every single word may identify a person or a place.
NAMES = frozenset({"name", "person", "place", "location", "organisation", "organization"})
#: Words of names that identify nothing by themselves: titles, function words, generic words of names.
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
#: An identity with at least 5 digits is searched for by its digits alone, in runs of up to 7: a telephone
#: number may be written with or without its country code.
FEWEST_DIGITS, MOST_DIGITS = 5, 7
ACTIVE = re.compile(
    r"https?://|www\.|</?[a-z][^>]{0,200}>|```|\]\(|<\||\|>|\[/?INST\]"
    r"|\b(?:ignore|disregard|forget)\b[^.!?]{0,40}\b(?:instructions?|prompts?|rules|above|previous)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|\bas an ai\b|\blanguage model\b"
    r"|\byou (?:must|should|will) (?:now )?(?:write|output|repeat|print|answer|reply|respond|say)\b",
    re.IGNORECASE,
)


#: The limit on repeated characters, half of a short source, is never below this.
FEWEST_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Guard:
    """A candidate passes if it has no links, markup or instructions to a model, and shares none of the
    following with its source: ``words`` consecutive words (of a shorter source, all of them); a run of more
    than ``characters`` characters (of a short source, more than half of it); an identity that ``recognizer``
    or the patterns find.

    Both are compared in all their ``readings``, so other characters that look the same do not hide a copy.
    """

    words: int = 6
    characters: int = 30
    recognizer: Recognizer | None = None

    def problems(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """For each (source, candidate) why it is dropped, or an empty string."""
        indices: dict[str, list[int]] = {}
        for index, (source, _) in enumerate(pairs):
            indices.setdefault(source, []).append(index)
        found = [""] * len(pairs)
        for (source, own), known in zip(
            indices.items(), identities(list(indices), self.recognizer), strict=True
        ):
            traces = Traces.of(source, self.words, self.characters)
            for index in own:
                found[index] = self.problem(pairs[index][1], traces, known)
        return found

    def problem(self, candidate: str, traces: Traces, known: Identities) -> str:
        if not candidate.strip():
            return "nothing that can be read"
        ways = readings(candidate)
        if any(map(ACTIVE.search, [candidate, *ways])):
            return "acts or gives orders"
        if traces.hold_words(ways):
            return f"{self.words} words in a row of its source, or all of a shorter one"
        if traces.hold_characters(ways):
            return f"more than {self.characters} characters in a row of its source, or half of a short one"
        if names_any(ways, known):
            return "an identity of its source"
        return ""


@dataclass(frozen=True, slots=True)
class Traces:
    """The runs of words (by their length) and of characters of one source by which copies are found."""

    words: dict[int, set[tuple[str, ...]]]
    characters: int
    runs: set[str]

    @classmethod
    def of(cls, source: str, words: int, characters: int) -> Traces:
        """The traces of a source: its runs of ``words`` words (of all its words if it has fewer), and its
        runs of characters that are one longer than the limit. The limit is ``characters``, or half of the
        length of a short source, but at least ``FEWEST_CHARACTERS``.
        """
        ways = readings(source)
        shown = _strings(ways)
        most = min(characters, max(FEWEST_CHARACTERS, len(shown[0]) // 2))
        runs = {run for string in shown for run in _runs(string, most + 1)}
        return cls(_word_runs(ways, words), most, runs)

    def hold_words(self, candidate: Iterable[str]) -> bool:
        """Whether a reading of a candidate contains one of the runs of words."""
        rows = [words_in(reading) for reading in candidate]
        return any(
            not own.isdisjoint(runs_of(row, length or 1))
            for row in rows
            for length, own in self.words.items()
            if length or len(row) == 1
        )

    def hold_characters(self, candidate: Iterable[str]) -> bool:
        """Whether a reading of a candidate contains one of the runs of characters."""
        size = self.characters + 1
        return any(not self.runs.isdisjoint(_runs(string, size)) for string in _strings(candidate))


def _word_runs(source: Iterable[str], size: int) -> dict[int, set[tuple[str, ...]]]:
    """The runs of words that show a copy, by length; the key 0 has the word of a source of one word."""
    found: dict[int, set[tuple[str, ...]]] = {}
    for words in filter(None, map(words_in, source)):
        length = min(size, len(words))
        found.setdefault(0 if length == 1 < size else length, set()).update(runs_of(words, length))
    return found


def _strings(ways: Iterable[str]) -> list[str]:
    """The words of each reading, joined with and without spaces."""
    rows = [words_in(way) for way in ways]
    return list(dict.fromkeys(between.join(words) for between in (" ", "") for words in rows))


@dataclass(frozen=True, slots=True)
class Identities:
    """The identities found in one text, in the form in which other texts are searched for them.

    ``names`` are words of names, ``digits`` runs of the digits of numbers, ``phrases`` whole identities of
    any kind, word by word.
    """

    names: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()
    phrases: frozenset[tuple[str, ...]] = frozenset()

    @classmethod
    def of(cls, found: Iterable[tuple[str, str]]) -> Identities:
        """The identities from (kind, text) pairs."""
        kinds = list(found)
        parts = [part for _, part in kinds]
        phrases = (tuple(words_of(part)) for part in parts)
        return cls(
            frozenset(word for kind, part in kinds if kind in NAMES for word in _name_words(readings(part))),
            frozenset(run for part in parts for run in _known_digits(part)),
            frozenset(phrase for phrase in phrases if sum(map(len, phrase)) > 1),
        )


def identities(texts: Sequence[str], recognizer: Recognizer | None = None) -> list[Identities]:
    """The identities in each text, found by patterns, and by a recognizer if given.

    Both search the text as it is and its ``readings``, so a name with an invisible hyphen is found.
    """
    ways = [_ways(text) for text in texts]
    found = [[hit for way in own for hit in found_by_pattern(way)] for own in ways]
    if recognizer is not None:
        spans = iter(recognizer.find([way for own in ways for way in own]))
        for hits, own in zip(found, ways, strict=True):
            hits.extend((span.kind, way[span.start : span.end]) for way in own for span in next(spans))
    return [Identities.of(own) for own in found]


def _ways(text: str) -> list[str]:
    """The text and those of its readings that differ by more than white space."""
    return list({" ".join(way.split()): way for way in reversed([text, *readings(text)])}.values())


def names_any(ways: Sequence[str], known: Identities) -> bool:
    """Whether a text, given as its readings, contains one of the ``known`` identities in upper or lower case.

    For a name, any whole word of three letters or more that is not in ``COMMON`` is enough; for a number only
    the digits are compared. Any other identity must be there in full. Takes linear time.
    """
    if known.names and not known.names.isdisjoint(_name_words(ways)):
        return True
    if known.digits and not known.digits.isdisjoint(_shown_digits(ways)):
        return True
    rows = [words_in(way) for way in ways]
    sizes = {len(phrase) for phrase in known.phrases}
    return any(not known.phrases.isdisjoint(runs_of(row, size)) for row in rows for size in sizes)


def _name_words(ways: Iterable[str]) -> set[str]:
    return {word for way in ways for word in NAME_WORD.findall(way.casefold())} - COMMON


def _known_digits(part: str) -> set[str]:
    digits = _digits(readings(part)[0])
    return _runs(digits, min(len(digits), MOST_DIGITS)) if len(digits) >= FEWEST_DIGITS else set()


def _shown_digits(ways: Iterable[str]) -> set[str]:
    rows = set(map(_digits, ways))
    return {run for row in rows for size in range(FEWEST_DIGITS, MOST_DIGITS + 1) for run in _runs(row, size)}


def _runs(characters: str, size: int) -> set[str]:
    return {characters[i : i + size] for i in range(len(characters) - size + 1)}


def _digits(way: str) -> str:
    """The decimal digits of any script in a text, as ASCII digits."""
    return "".join(str(unicodedata.decimal(c)) for c in way if c.isdecimal())
