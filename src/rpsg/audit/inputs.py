"""The texts of an audit: from files of any tool, or from memory.

Private texts are taken out of ``Private`` as in an evaluation: an audit is internal too, and its outcome is
never written into a release.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from rpsg.arguments import name_of
from rpsg.evaluation.corpora import Rows, read_rows, source_of
from rpsg.evaluation.data import synthetic_options
from rpsg.storage.readers.columns import Columns

#: A file or folder, or a list of texts.
Given = str | PathLike[str] | Sequence[str]


def read_texts(given: Given, text: str, user: str | None = None, encoding: str = "") -> Rows:
    """The texts that are not empty, with the person of each if their column is named.

    A list is returned unchanged, so that it still fits a list of people. ``encoding`` is that of a file that
    is not UTF-8.

    Raises:
        DataError: a file cannot be read, or holds no text.
        UsageError: this is neither the path of a file nor a list of strings.
    """
    source = source_of(given)
    if isinstance(source, Rows):
        return Rows(tuple(given) if isinstance(given, Sequence) else source.texts)
    columns = Columns(name_of(text, "text") or "text", None, name_of(user, "user"))
    return read_rows(source, columns, encoding=encoding)


def read_synthetic(given: Given, text: str) -> Rows:
    """The synthetic texts; ``subject_of`` refuses an empty list.

    Raises:
        DataError, UsageError: as ``read_texts`` does; the hint names ``--synthetic-text``.
    """
    with synthetic_options():
        return read_texts(given, text)


def left_out(*files: tuple[str, Rows | None]) -> tuple[str, ...]:
    """A note with the number of rows that have no text, by what they are rows of; none if all have a text."""
    counts = [f"{rows.without_text:,} of {of}" for of, rows in files if rows and rows.without_text]
    return (f"Rows without text were left out: {', '.join(counts)}.",) if counts else ()
