"""JSON Lines: one object a line. Duplicate keys are refused, NaN reads as missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rpsg.errors import DataError
from rpsg.store.readers.columns import Columns, check_header
from rpsg.store.readers.lines import read_lines
from rpsg.store.readers.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BROKEN = object()
_DUPLICATE = object()


class _DuplicateKeyError(Exception):
    """Carries nothing: a key of a row may be private."""


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows of the file; a blank line is no row. DataError says the line, never what is in it."""
    header_is_checked = False
    for number, line in enumerate(read_lines(path), start=1):
        if line.isspace():
            continue
        values = _object(path, number, line)
        if not header_is_checked:
            check_header(path, list(values), columns)
            header_is_checked = True
        yield _row(path, number, values, columns)


def _row(path: Path, number: int, values: dict[str, Any], columns: Columns) -> Row:
    if columns.text not in values:
        raise DataError(
            f"{path}, line {number}: the object has no key {columns.text!r}.",
            hint="Give every line the same keys; null stands for an empty text.",
        )
    label = values.get(columns.label) if columns.label is not None else None
    user = values.get(columns.user) if columns.user is not None else None
    return Row(number, values[columns.text], label, user)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    value = _parse(line)
    if isinstance(value, dict):
        return value
    where = f"{path}, line {number}"
    if number == 1 and line.lstrip().startswith("["):
        raise DataError(
            f"{where}: this is a JSON array; one object a line was expected.",
            hint=f"Rewrite it with: jq -c '.[]' {path.name} > {path.stem}-lines.jsonl",
        )
    if value is _DUPLICATE:
        raise DataError(
            f"{where}: a key occurs twice in one object.",
            hint="Keep one of the two; which is meant is unclear.",
        )
    if value is _BROKEN:
        raise DataError(
            f"{where}: this is not valid JSON.",
            hint='Each line must be one whole object, such as {"text": "..."}. If one object is spread over '
            f"several lines: jq -c . {path.name} > {path.stem}-lines.jsonl",
        )
    raise DataError(
        f"{where}: an object was expected.", hint='Each line must be one object, such as {"text": "..."}.'
    )


def _parse(line: str) -> Any:
    """The JSON value, or why there is none. The parser's own errors carry the line, so they end here."""
    try:
        return _DECODER.decode(line)
    except _DuplicateKeyError:
        return _DUPLICATE
    except (ValueError, RecursionError):
        return _BROKEN


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _DuplicateKeyError
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=lambda _name: None)
