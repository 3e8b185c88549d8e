"""The texts of a release as a list that can be searched, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.records import Candidate

ON_A_PAGE = 20
LONGEST_QUERY = 200


@dataclass(frozen=True, slots=True)
class TextPage:
    """One page of the texts that contain all words of ``query``; ``number`` counts pages from 1."""

    texts: tuple[Candidate, ...]
    query: str
    number: int
    pages: int
    found: int

    @property
    def first(self) -> int:
        """The position of its first text among those found, from 1; 0 if none was found."""
        return (self.number - 1) * ON_A_PAGE + 1 if self.texts else 0


def text_page(texts: Sequence[Candidate], query: str, number: int) -> TextPage:
    """The page ``number`` of the texts that contain every word of the query, in capitals or not.

    Words are looked for in the text and in the values of its card. A number beyond the last page gives the
    last page.
    """
    query = " ".join(query[:LONGEST_QUERY].split())
    words = query.casefold().split()
    found = [text for text in texts if _holds(text, words)] if words else list(texts)
    pages = max(1, -(-len(found) // ON_A_PAGE))
    number = min(max(number, 1), pages)
    first = (number - 1) * ON_A_PAGE
    return TextPage(tuple(found[first : first + ON_A_PAGE]), query, number, pages, len(found))


def _holds(text: Candidate, words: Sequence[str]) -> bool:
    searched = " ".join((text.text, *text.card.values.values())).casefold()
    return all(word in searched for word in words)
