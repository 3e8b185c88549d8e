"""The data of a run: it reads a private corpus and makes a public pool of candidates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The label of a row whose own label is missing or not declared, if the plan counts such rows.
OTHER = "other"


#: The columns of a release that RPSG fills itself. No other column of the data can have one of these names.
OWN_NAMES = ("id", "text", "label", "claim", "attributes", "turns")


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the private input. ``id`` is its position among the rows that can be used (0-based).

    ``columns`` holds the name and the value of each column beside the text, in the plan's order.
    """

    id: int
    text: str = field(repr=False)  # else a notebook or a debugger would show it
    label: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    columns: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __init__(
        self,
        id: int,  # noqa: A002 -- the name of the field
        text: str,
        label: str | None = None,
        user: str | None = None,
        columns: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Written by hand, because the one that ``dataclass`` makes takes twice as long, and files have
        millions of rows.
        """
        _set_id(self, id)
        _set_text(self, text)
        _set_label(self, label)
        _set_user(self, user)
        _set_columns(self, columns)


_set_id, _set_text, _set_label, _set_user, _set_columns = (
    Document.__dict__[name].__set__ for name in Document.__match_args__
)


@dataclass(frozen=True, slots=True)
class PrivateCorpus:
    """All rows that can be used. Always wrapped in ``Private``."""

    documents: tuple[Document, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)


@dataclass(frozen=True, slots=True)
class Card:
    """A seed: one value for each attribute of the public schema, drawn from noisy counts."""

    values: Mapping[str, str]
    phrases: tuple[str, ...] = ()


#: A turn of a conversation: who speaks, and the words.
Turn = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Drop:
    """Why a candidate left the pool, and where."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One synthetic text. A dropped one remains in the pool with its reason."""

    id: int
    text: str
    card: Card
    parent: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    dropped: Drop | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A frozen sequence of candidates: order and ids never change, each step makes a new Pool."""

    candidates: tuple[Candidate, ...] = ()

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def alive(self) -> tuple[Candidate, ...]:
        return tuple(c for c in self.candidates if c.dropped is None)

    def extend(self, new: Sequence[Candidate]) -> Pool:
        return Pool(self.candidates + tuple(new))

    def score(self, name: str, values: Mapping[int, float]) -> Pool:
        """A pool in which the candidates with the ids in ``values`` have a score called ``name``."""
        return Pool(
            tuple(
                replace(c, scores={**c.scores, name: values[c.id]}) if c.id in values else c
                for c in self.candidates
            )
        )

    def drop(self, stage: str, reasons: Mapping[int, str]) -> Pool:
        """A pool without the candidates with the ids in ``reasons``; those dropped before keep their first
        reason.
        """
        return Pool(
            tuple(
                replace(c, dropped=Drop(stage, reasons[c.id])) if c.id in reasons and c.dropped is None else c
                for c in self.candidates
            )
        )

    def drops(self) -> dict[tuple[str, str], int]:
        """How many candidates were dropped, by (stage, reason)."""
        counts: dict[tuple[str, str], int] = {}
        for c in self.candidates:
            if c.dropped is not None:
                key = (c.dropped.stage, c.dropped.reason)
                counts[key] = counts.get(key, 0) + 1
        return counts
