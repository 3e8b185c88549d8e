"""Canaries: made-up texts. For each, the toss of a coin decides whether it is put into the data.

A canary begins like the texts around it, or a generator would ignore it, and ends in words that nobody would
write (Meeus et al. 2025): six words drawn from a list of 8,192 and a code of 60 bits. So the probability that
a run which never saw the canary writes its end is computed, not assumed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.models.pii import PatternRecognizer
from rpsg.stages.scrub import generalise_amounts, scrub_text
from rpsg.stages.scrub_formats import scrub_formats
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: The number of words of an end; how many of them in a row make a hit; and the size of the list of words.
END_WORDS, HIT_WORDS, LIST_SIZE = 6, 4, 8192
#: Letters and digits that cannot be mistaken for one another; twelve of them have 60 bits.
CODE_SIGNS, CODE_LENGTH = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", 12
#: At least this share of all codes looks like no identifier. Bank accounts begin with two letters and two
#: digits, as do 36 codes in 1,000; the other patterns that can match a code match less than one in 1,000.
LEAST_USABLE = 0.95
#: The parts of syllables from which words are made: 32 * 8 * 16 * 2 syllables.
_BEGIN = (
    *("b", "br", "d", "dr", "f", "fl", "g", "gl", "h", "j", "k", "kl", "l", "m", "n", "p"),
    *("pl", "r", "s", "sk", "sl", "sn", "st", "t", "tr", "v", "w", "y", "z", "zw", "ch", "th"),
)
_MIDDLE = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
_CLOSE = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "x", "z", "nd")
_LAST = ("o", "in")
_PATTERNS = PatternRecognizer()


@dataclass(frozen=True, slots=True)
class Canary:
    """One made-up text: ``beginning`` from public texts, then ``end``, then ``code``."""

    beginning: str
    end: tuple[str, ...]
    code: str

    @property
    def text(self) -> str:
        return f"{self.beginning} {' '.join(self.end)}, ref {self.code}."


@dataclass(frozen=True, slots=True)
class Canaries:
    """All canaries, and which of them a coin put into the data. Private until the corpus is deleted."""

    canaries: tuple[Canary, ...]
    is_in: tuple[bool, ...]

    @property
    def planted(self) -> tuple[str, ...]:
        """The texts that go into the data, each as a separate person."""
        return tuple(c.text for c, inside in zip(self.canaries, self.is_in, strict=True) if inside)


def word_list() -> tuple[str, ...]:
    """The 8,192 words of all ends: they can be pronounced but mean nothing, so no text has them by chance."""
    found = [
        begin + middle + close + last
        for last in _LAST
        for close in _CLOSE
        for middle in _MIDDLE
        for begin in _BEGIN
    ]
    return tuple(found)


def make_canaries(count: int, beginnings: Sequence[str], *, least: int = 12, most: int = 20) -> Canaries:
    """``count`` canaries, each put in by a fair coin of the operating system.

    ``beginnings`` are public texts of the same kind, each used once: its first 12 to 20 words.

    Raises:
        UsageError: there are too few beginnings of 12 words or more.
    """
    rows = [text.split() for text in beginnings]
    rows = list({" ".join(row[:least]): row for row in rows if len(row) >= least}.values())
    if len(rows) < count or count < 1:
        raise UsageError(
            f"{count} canaries need {count} public texts to begin with, each of at least {least} words.",
            hint="Give more public texts of the same kind, or ask for fewer canaries.",
        )
    known, dice = word_list(), secrets.SystemRandom()
    chosen = dice.sample(rows, count)
    made = tuple(
        Canary(
            " ".join(row[: dice.randint(least, most)]).rstrip(".,;:!?"),
            tuple(dice.choice(known) for _ in range(END_WORDS)),
            _draw_code(dice),
        )
        for row in chosen
    )
    return Canaries(made, tuple(bool(secrets.randbits(1)) for _ in made))


def _draw_code(dice: secrets.SystemRandom) -> str:
    """A random code that does not look like an identifier. Whether it does depends on the code alone."""
    while True:
        code = "".join(dice.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))
        if not _looks_like_identifier(code):
            return code


def _looks_like_identifier(code: str) -> bool:
    """Whether RPSG would scrub this code from a text, or take it for somebody's bank account or number."""
    text = f", ref {code}."
    scrubbed = scrub_formats(generalise_amounts(scrub_text(text)))
    return scrubbed != text or bool(_PATTERNS.find([text])[0])


def extracted(canaries: Canaries, texts: Iterable[str]) -> tuple[bool, ...]:
    """For each canary, planted or not, whether four words in a row of its end, or its code, are in a text.

    Only the hits are kept, and nothing else of the texts.
    """
    runs = [{c.end[i : i + HIT_WORDS] for i in range(END_WORDS - HIT_WORDS + 1)} for c in canaries.canaries]
    codes = [c.code.lower() for c in canaries.canaries]
    wanted, found = set().union(*runs), set[tuple[str, ...] | str]()
    for text in texts:
        row, lower = words(text), text.lower()
        found |= wanted.intersection(zip(*(row[i:] for i in range(HIT_WORDS)), strict=False))
        found.update(code for code in codes if code in lower)
    return tuple(bool(own & found) or code in found for own, code in zip(runs, codes, strict=True))


def chance_of_hit(synthetic: Sequence[str]) -> float:
    """An upper bound on the probability that a canary which the run never saw is found in this corpus. Each
    of the three runs of four words in its end equals one of the corpus' runs with a probability of at most
    runs / 8192^4. Its code equals one of the corpus' runs of twelve characters with a probability of at most
    runs / (0.95 * 32^12), since all codes that look like no identifier are equally likely. This holds for
    every corpus, because the canary was drawn independently of the corpus.
    """
    runs = sum(max(len(words(text)) - HIT_WORDS + 1, 0) for text in synthetic)
    starts = sum(len(text) + 1 for text in synthetic)
    windows = END_WORDS - HIT_WORDS + 1
    of_code = float(len(CODE_SIGNS)) ** -CODE_LENGTH / LEAST_USABLE
    return windows * runs * float(LIST_SIZE) ** -HIT_WORDS + starts * of_code
