"""Rows of texts for an evaluation: read, split by person, drawn to the same size.

This is the only module of an evaluation that takes real texts out of ``Private``, and no mechanism protects
them. So the result of the evaluation is marked as internal, and never written into a release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rpsg.arguments import path_of
from rpsg.errors import DataError, UsageError
from rpsg.privacy.private import open_private
from rpsg.stages.rng import stream
from rpsg.storage.readers import read_strictly
from rpsg.storage.readers.source import Source as SourceFile
from rpsg.storage.readers.spelling import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rpsg.plan import DataSection
    from rpsg.storage.readers.columns import Columns


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts and their columns. ``cards`` are the attribute values in the prompt of each synthetic text.

    ``beside`` has the values of the columns beside each text, by name; none for a text that lacks one.
    ``without_text`` is the number of rows of the file that have no text, and are not among these.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    cards: tuple[Mapping[str, str], ...] | None = None
    beside: tuple[Mapping[str, str], ...] | None = None
    without_text: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Iterable[int]) -> Rows:
        """The rows at ``indices``, in that order."""
        chosen = list(indices)
        return Rows(
            tuple(self.texts[i] for i in chosen),
            _taken(self.labels, chosen),
            _taken(self.users, chosen),
            None if self.cards is None else tuple(self.cards[i] for i in chosen),
            None if self.beside is None else tuple(self.beside[i] for i in chosen),
        )


def _taken(values: Sequence[str] | None, indices: Sequence[int]) -> tuple[str, ...] | None:
    return None if values is None else tuple(values[i] for i in indices)


#: Where texts come from: a file or folder, or rows in memory.
Source = Path | Rows


def source_of(given: object) -> Source:
    """A path, or a list of texts, as something to read from; UsageError for anything else."""
    if isinstance(given, str | PathLike):
        return path_of(given, "A corpus")
    if not isinstance(given, Sequence) or not all(isinstance(text, str) for text in given):
        raise UsageError(
            "Texts in memory must be a list of strings.",
            hint="Give such a list (column.tolist() of a data frame is one), or the path of a file.",
        )
    return Rows(tuple(text for text in map(clean, given) if text))


def read_rows(path: Source, columns: Columns, data: DataSection | None = None, *, encoding: str = "") -> Rows:
    """The rows that have a text; rows in memory are returned unchanged. DataError if there are none, or if
    the readers raise it.

    ``data`` declares the columns beside the text that are read too; ``encoding`` is that of a file that is
    not UTF-8.
    """
    if isinstance(path, Rows):
        if not path.texts:
            raise DataError(
                "A list of texts contains no text.", hint="Give at least one text that is not empty."
            )
        return path
    beside = data.declared_columns if data else ()
    named = replace(columns, beside=tuple(column.name for column in beside))
    reading = open_private(read_strictly(SourceFile(path, encoding), named, beside=beside))
    corpus = reading.corpus
    rows = Rows(
        tuple(row.text for row in corpus),
        tuple(row.label or "" for row in corpus) if columns.label else None,
        tuple(row.user or "" for row in corpus) if columns.user else None,
        beside=tuple(_declared(row.columns, data) for row in corpus) if data and beside else None,
    )
    kept = rows.take(i for i, text in enumerate(rows.texts) if text)
    if not kept.texts:
        raise DataError(f"{path} has no text.", hint="Name the column with the text: --text COLUMN")
    return replace(kept, without_text=reading.rows - len(kept))


def _declared(values: Iterable[tuple[str, str]], data: DataSection) -> dict[str, str]:
    """The values of a row; none if one is undeclared and the plan leaves such rows out."""
    known, row = dict(data.column_values), dict(values)
    return row if all(value in known[name] for name, value in row.items()) else {}


def halves(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """The real rows in two disjoint halves, no person in both: one to compare with, one for the ceiling.

    DataError when there are fewer than two rows, or all are of one person.
    """
    if len(rows) < 2:
        raise DataError(
            "At least two real texts are needed: one half to compare the corpus with, the other half for "
            "the ceiling.",
            hint="Give more texts with --real, or others for the ceiling with --train-real FILE.",
        )
    people = rows.users or tuple(str(i) for i in range(len(rows)))
    held = Counter(people)
    names = sorted(held)
    if len(names) < 2:
        raise DataError(
            "The real texts are all one person's, so they cannot be split by person.",
            hint="Leave --user out, or give real texts of more people.",
        )
    order = stream(seed, "evaluation", "halves").permutation(len(names))
    sizes = np.array([held[name] for name in names])
    before = np.concatenate([[0.0], np.cumsum(sizes[order])[:-1]])
    first = {names[i] for i, start in zip(order, before, strict=True) if start < len(rows) / 2}
    first = first if len(first) < len(names) else first - {names[order[-1]]}
    return (
        rows.take(i for i, person in enumerate(people) if person in first),
        rows.take(i for i, person in enumerate(people) if person not in first),
    )


def without_people(rows: Rows, others: Rows) -> Rows:
    """The rows of people who have no row in ``others``; all rows if either side names no people."""
    if rows.users is None or others.users is None:
        return rows
    there = set(others.users)
    return rows.take(i for i, person in enumerate(rows.users) if person not in there)


def is_copied(rows: Rows, others: Rows) -> list[bool]:
    """For each row whether its text is in ``others``; white space does not matter."""
    there = {_plain(text) for text in others.texts}
    return [_plain(text) in there for text in rows.texts]


def without_texts(rows: Rows, others: Rows) -> Rows:
    """The rows whose texts are not in ``others``."""
    return rows.take(i for i, copied in enumerate(is_copied(rows, others)) if not copied)


def _plain(text: str) -> str:
    return " ".join(text.split())


def drawn(rows: Rows, size: int, seed: int, purpose: str) -> Rows:
    """At most ``size`` rows, sampled without replacement, in their order."""
    if len(rows) <= size:
        return rows
    chosen = stream(seed, "evaluation", purpose).choice(len(rows), size=size, replace=False)
    return rows.take(sorted(int(i) for i in chosen))
