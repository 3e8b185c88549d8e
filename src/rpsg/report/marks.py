"""Names and dates in synthetic texts, marked so that nobody takes them for those of a real person.

They are found by patterns, by capital letters, and by a list of first names. So a name that is not in the
list is missed if it only begins sentences, or if the corpus also has it as a word in small letters; and the
name of a firm or a place is marked like that of a person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rpsg.display import Html, tag
from rpsg.stages.scrub import NAMED
from rpsg.textstats.first_names import FIRST_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.records import Candidate
    from rpsg.release.reader import Release

    #: Isolates a text on the page, perhaps with marks in it.
    ShowText = Callable[[str], Html]

#: At most this many texts, evenly spaced, are searched for words that are ever written in small letters.
LOOKED_AT = 2000
_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?"
    r"|Sep(?:t(?:ember|\.)?|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
DATES = re.compile(
    rf"\b(?:{_DAY} (?:of )?{_MONTH}(?:,? \d{{4}})?|{_MONTH} {_DAY}(?:,? \d{{4}})?|{_MONTH},? \d{{4}})\b"
    r"|\b(?:January|February|September|October|November|December)\b"
    r"|\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})\b|\b(?:19|20)\d{2}\b(?![.,]\d)"
)
_CAPITAL = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)?\b")
#: Capitalised words in a row, unless they say who speaks, as in Doctor: hello.
_CAPITALS = re.compile(rf"{_CAPITAL.pattern}(?: {_CAPITAL.pattern})*+(?!:)")
_SMALL = re.compile(r"\b[a-z]{2,}\b")
#: What comes before the first word of a sentence, a line, a quotation or a bracket.
_OPENS = re.compile(r"(?:\A|[.!?:;\n\"\u201c\u2018(\[*>\u2014-])[\s'\"\u201c\u2018(*_]*\Z")
#: Words that English writes with capital letters, but that name nobody: languages, peoples, days, titles.
_COMMON = frozenset(
    (
        *(
            "African",
            "American",
            "Arab",
            "Asian",
            "Australian",
            "British",
            "Canadian",
            "Chinese",
            "Christian",
        ),
        *(
            "Dutch",
            "English",
            "European",
            "French",
            "German",
            "Greek",
            "Indian",
            "Irish",
            "Italian",
            "Japanese",
        ),
        *("Jewish", "Korean", "Latin", "Mexican", "Muslim", "Polish", "Portuguese", "Russian", "Scottish"),
        *("Spanish", "Swedish", "Swiss", "Thai", "Turkish", "Vietnamese", "Christmas", "Easter", "Halloween"),
        *("Thanksgiving", "Internet", "God", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
        *("Saturday", "Sunday", "Mr", "Mrs", "Ms", "Mx", "Dr", "Prof", "Doctor", "Professor", "Nurse"),
    )
)


class Marks:
    """Shows texts of one corpus with their names and dates marked."""

    def __init__(self, texts: Sequence[str], language: str) -> None:
        """``language`` is the pack's. Capitalised words are read as names if it is English or empty."""
        self._reads_capitals = not language or language.lower().startswith("en")
        step = -(-len(texts) // LOOKED_AT) or 1
        looked_at = texts[::step]
        self._small = {word for text in looked_at for word in _SMALL.findall(text)}
        self._names: set[str] = set()
        if self._reads_capitals:
            self._names = {found[0] for text in looked_at for found in self._inside(text)}

    def __call__(self, text: str) -> Html:
        """The text in a ``bdi`` element, with names and dates in ``mark`` elements."""
        parts: list[Html | str] = []
        last = 0
        for start, end in self.spans(text):
            parts += [text[last:start], tag("mark", text[start:end])]
            last = end
        return tag("bdi", *parts, text[last:], dir="auto")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each name and date, in order; adjacent ones are joined.

        A placeholder such as [LINK] is not marked, because nobody takes it for a name.
        """
        found = [match.span() for match in DATES.finditer(text)]
        found += [
            match.span(1) for kind, pattern in NAMED if kind == "[NAME]" for match in pattern.finditer(text)
        ]
        if self._reads_capitals:
            found += self._named(text)
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and (start < merged[-1][1] or text[merged[-1][1] : start] == " "):
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _named(self, text: str) -> Iterator[tuple[int, int]]:
        """Names with the capitalised words that follow them, as in United States."""
        for match in _CAPITALS.finditer(text):
            words = _CAPITAL.finditer(text, *match.span())
            start = next((word.start() for word in words if self._names_somebody(word)), None)
            if start is not None:
                yield start, match.end()

    def _names_somebody(self, word: re.Match[str]) -> bool:
        return word[0] in self._names or word[0] in FIRST_NAMES

    def _inside(self, text: str) -> Iterator[re.Match[str]]:
        """Capitalised words that do not begin a sentence, and that no text has in small letters."""
        for match in _CAPITAL.finditer(text):
            if self._is_name(match[0]) and not _OPENS.search(text[max(match.start() - 8, 0) : match.start()]):
                yield match

    def _is_name(self, word: str) -> bool:
        return word not in _COMMON and word.lower() not in self._small


def marks_of(release: Release) -> Marks:
    """What marks the texts of this release."""
    return Marks([text.text for text in release.texts], release.pack.language)


def told_of_marks(release: Release, shown: ShowText, texts: Sequence[Candidate]) -> Html | None:
    """What a mark means; None if no mark is shown in these texts."""
    if not any("</mark>" in shown(text.text) for text in texts):
        return None
    whose = (
        "They may come from a private text or be invented; nobody can tell which."
        if release.is_seeded
        else "Take them as invented: none is evidence about a real person, day or place."
    )
    words = ("Words ", tag("mark", "marked like this"), " look like names or dates. ")
    return tag("p", *words, whose, class_="marked")
