"""A folder of .txt files: one document a file, in the order of their names.

A file's name may be a person's, so messages give its number in that order and not its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import DataError
from rpsg.store.readers import lines
from rpsg.store.readers.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_rows(path: Path) -> Iterator[Row]:
    """One row a file, numbered from 1. DataError says which number, never the name or the content."""
    try:
        files = sorted(entry for entry in path.iterdir() if _is_document(entry))
    except OSError as error:
        raise lines.cannot_open(path, error) from error
    if not files:
        raise DataError(
            f"{path} is a folder without .txt files.",
            hint="Put one document in each .txt file right in it, or give a .jsonl, .csv or .parquet file.",
        )
    for number, file in enumerate(files, start=1):
        yield Row(number, _text(path, number, file))


def _is_document(entry: Path) -> bool:
    return entry.suffix.lower() == ".txt" and not entry.name.startswith(".") and not entry.is_dir()


def _text(folder: Path, number: int, file: Path) -> str:
    content, problem = b"", ""
    try:
        with file.open("rb") as source:
            content = source.read(lines.MAX_LINE_BYTES + 1)
    except OSError as error:
        problem = error.strerror or "the operating system refused"  # the error itself carries the name
    if problem:
        raise _fault(folder, number, f"it cannot be read: {problem}")
    if len(content) > lines.MAX_LINE_BYTES:
        raise _fault(folder, number, f"it is longer than {lines.MAX_LINE_BYTES >> 20} MiB")
    text = _decoded(content)
    if text is None or "\0" in text:
        raise _fault(folder, number, "it is not UTF-8 text")
    return text


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _fault(folder: Path, number: int, what: str) -> DataError:
    return DataError(
        f"{folder}, file number {number} by name: {what}.",
        hint="Find it by counting the .txt files in byte order (LC_ALL=C ls); iconv -t UTF-8 converts one.",
    )
