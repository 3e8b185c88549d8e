"""The words of releases that version 0.1.0 made.

``rpsg verify`` makes a release again and compares every file, so a release of that version must come out in
its own words, byte for byte. The code has only the words of today. What it makes for such a release is
translated at the end, by the table in ``first_words.toml``.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rpsg.privacy.claims import FIRST_FORM
from rpsg.privacy.units import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

T = TypeVar("T")
_SLOT = re.compile(r"\{(\d)\}")
_ISOLATED = re.compile(r"(<bdi\b.*?</bdi>)", re.DOTALL)
#: The most characters of the word in a slot. Without a limit, a long text without spaces would take a time
#: that grows with the square of its length.
_LONGEST_WORD = 64
_NO_GROUPS = "Groups of ."


def as_in(version: str, value: T) -> T:
    """A text or a JSON value that belongs to a release of ``version``, in the words of that version."""
    told: T = _everywhere(value) if version in FIRST_FORM else value
    return told


def page_as_in(version: str, page: str) -> str:
    """As ``as_in``, for the page of a release, which has some sentences that no other file has.

    What stands in ``<bdi>`` are texts and names of the release, which stay as they are.
    """
    if version not in FIRST_FORM:
        return page
    parts = _ISOLATED.split(page)
    parts[::2] = [_translation("page")(as_in(version, words)) for words in parts[::2]]
    return "".join(parts)


def shown_claim(ledger: Mapping[str, Any]) -> str:
    """The claim of a ledger in words, as it is shown to readers.

    If a claim bounds nothing for groups, version 0.1.0 wrote "Groups of ." into its ledger, where it stays.
    """
    text = str(ledger.get("claim", {}).get("text", ""))
    if _NO_GROUPS not in text:
        return text
    today = next(today for today, then in pairs("everywhere") if then == _NO_GROUPS)
    return text.replace(_NO_GROUPS, today.format(words_of(ledger["privacy_unit"])[1]))


def _everywhere(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _everywhere(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_everywhere(inner) for inner in value]
    return _translation("everywhere")(value) if isinstance(value, str) else value


@cache
def pairs(where: Literal["everywhere", "page"]) -> Sequence[tuple[str, str]]:
    """The sentences of today that differ from those of version 0.1.0, each with that of version 0.1.0."""
    table = tomllib.loads(files("rpsg.privacy").joinpath("first_words.toml").read_text(encoding="utf-8"))
    return [(today, then) for today, then in table[where]]


@cache
def _translation(where: Literal["everywhere", "page"]) -> Callable[[str], str]:
    return translation(pairs(where))


def translation(known: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function that replaces each first sentence of a pair in a text by the second one.

    A sentence is only found as a whole: it begins after a space, a tag or a quotation mark, and ends before
    one of these or before a mark of punctuation.
    """
    known = list(known)
    found = re.compile(
        "|".join(
            f'(?<![^\\s>"])(?P<p{number}>{_pattern(sentence, number)})(?![^\\s<".,;:])'
            for number, (sentence, _) in enumerate(known)
        )
    )

    def then(match: re.Match[str]) -> str:
        which = str(match.lastgroup)
        return _SLOT.sub(lambda slot: match[f"{which}_{slot[1]}"], known[int(which[1:])][1])

    return lambda text: found.sub(then, text)


def _pattern(sentence: str, number: int) -> str:
    """A pattern for a sentence, with a named group for each of its slots, which holds one word."""
    pieces = _SLOT.split(sentence)
    for index, piece in enumerate(pieces):
        is_slot = index % 2
        pieces[index] = (
            f"(?P<p{number}_{piece}>[^ \\n<>]{{1,{_LONGEST_WORD}}}?)" if is_slot else re.escape(piece)
        )
    return "".join(pieces)
