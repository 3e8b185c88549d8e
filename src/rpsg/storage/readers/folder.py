"""A folder of .txt files: one document per file, in the order of their names.

A file's name may be a person's, so messages give its number in that order and not its name. A file that
cannot be read does not affect the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import DataError
from rpsg.storage.readers import text as lines
from rpsg.storage.readers.encodings import codec_of
from rpsg.storage.readers.rows import Fault, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT = "file number"
UNREADABLE = "it cannot be read"
TOO_LONG = "it is too long"
NOT_TEXT = "it is not text of the declared encoding (UTF-8 if none is declared)"


def read_rows(path: Path, encoding: str = "") -> Iterator[Row | Fault]:
    """One row per file, numbered from 1.

    Raises:
        DataError: the folder cannot be read, or holds no such file.
    """
    try:
        files = sorted(entry for entry in path.iterdir() if _is_document(entry))
    except OSError as error:
        raise lines.cannot_open(path, error) from error
    if not files:
        raise DataError(
            f"{path} is a folder without .txt files.",
            hint="Put .txt files directly into it, with one document in each, or give a .jsonl, .csv or "
            ".parquet file.",
        )
    codec = codec_of(encoding) if encoding else "utf-8-sig"
    for number, file in enumerate(files, start=1):
        yield _row(path, number, file, codec)


def _is_document(entry: Path) -> bool:
    if entry.suffix.lower() != ".txt" or entry.name.startswith("."):
        return False
    try:
        return not entry.is_dir()
    except OSError:  # an inaccessible link: reported below
        return True


def _row(folder: Path, number: int, file: Path, codec: str) -> Row | Fault:
    try:
        if not file.is_file():  # a broken link, or a pipe that would block
            return _fault(folder, number, UNREADABLE)
        with file.open("rb") as source:
            content = source.read(lines.MAX_LINE_BYTES + 1)
    except OSError as error:
        problem = error.strerror or "the operating system refused"  # the error would show the file's name
        return _fault(folder, number, UNREADABLE, f"{UNREADABLE}: {problem}")
    if len(content) > lines.MAX_LINE_BYTES:
        return _fault(folder, number, TOO_LONG, f"it is longer than {lines.MAX_LINE_BYTES >> 20} MiB")
    text = _decoded(content, codec)
    return _fault(folder, number, NOT_TEXT) if text is None or "\0" in text else (number, (text, None, None))


def _decoded(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except UnicodeError:
        return None


def _fault(folder: Path, number: int, reason: str, detail: str = "") -> Fault:
    hint = (
        "To find this file, count the .txt files in byte order (LC_ALL=C ls). If all files came from "
        "Windows, add: --encoding cp1252 (for text with NUL bytes: utf-16)"
    )
    where = f"{folder}, {UNIT} {number} by name"
    return Fault(number, reason, DataError(f"{where}: {detail or reason}.", hint=hint))
