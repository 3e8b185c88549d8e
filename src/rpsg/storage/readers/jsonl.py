"""JSON Lines: one object per line. NaN is read as a missing value.

Every line is one row, and one that cannot be parsed does not affect the others. The keys of a row are
private; the columns that the plan names are not. So an error may say that no row has a certain key, but not
which keys rows have.
"""

from __future__ import annotations

import json
import re
from json.scanner import make_scanner
from shlex import quote
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import whole
from rpsg.errors import DataError
from rpsg.storage.readers.columns import Columns, check_header
from rpsg.storage.readers.rows import Fault, Row, fault
from rpsg.storage.readers.text import Problem, no_usable_row, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.storage.readers.source import Source

_BROKEN = object()
#: White space in JSON.
_SPACE = " \t\n\r"
_DUPLICATE = object()
_TOO_DEEP = object()
#: How an object, or an array of objects, begins.
OBJECT = re.compile(r"\[?\s*\{\s*[\"}]|\[\s*\Z")
NO_KEY = "the object has no key for the text"


class _DuplicateKeyError(Exception):
    """An error without a message, because a key of a row may be private."""


def read_rows(
    source: Source, columns: Columns, *, strict: bool = False, tells: bool = False
) -> Iterator[Row | Fault]:
    """The rows of the file; a blank line is not a row.

    ``strict``: the first object must have every column. ``tells``: an error may name the keys of an object,
    for reads whose result only the operator sees.

    Raises:
        DataError: no row has a wanted column.
    """
    path = source.called
    first: list[str] = []
    begins, objects, values = "", 0, None
    missing = dict.fromkeys(columns.wanted())
    text, names = columns.text, columns.wanted_or_none
    for number, line in read_lines(source):
        parsed = _parse(line)
        if parsed is _BROKEN and str(line).isspace():
            continue
        values = parsed
        begins = begins or str(line).lstrip()[:1]
        if not isinstance(values, dict):
            yield _no_object(source, number, line, values)
            continue
        if strict and not first:
            check_header(path, list(values), columns)
        first = first or list(values)
        objects += 1
        if missing:
            missing = {name: None for name in missing if name not in values}
        row = list(map(values.get, names))
        if "\\" in line and "\\u" in line:  # it is faster to look for a single character first
            # Only such an escape can stand for half of a surrogate pair.
            row = [whole(value) if isinstance(value, str) else value for value in row]
        yield (number, row) if text in values else _no_key(path, number, text)
    if not first:
        _check_kind(source)
    _check_rows_within(source, begins, objects, values if objects == 1 else None, columns)
    for name in missing if first else ():
        if tells:
            check_header(path, first, columns)
        raise _no_column(source, columns, name)


def _no_column(source: Source, columns: Columns, name: str) -> DataError:
    return DataError(
        f"{source.called}: there is no column {name!r} for --{columns.option(name)}.",
        hint="No object of the file has this key. The keys of your rows are private, so they are not "
        f"named here: `rpsg check {quote(str(source.path))}` shows them.",
    )


def _check_kind(source: Source) -> None:
    """Raise DataError if a file without a single object looks like one of another kind."""
    if (found := source.looks_like()) is not None:
        what, hint = found
        raise DataError(f"{source.called} should be JSON Lines, but is {what}.", hint=hint)


def _is_array(begins: str, objects: int) -> bool:
    """Whether a file that begins like this is one array. In such a file, only the last line may be an object
    too.
    """
    return begins == "[" and objects <= 1


def _an_array(source: Source) -> DataError:
    return DataError(
        f"{source.called} is one JSON array, but one object on each line was expected.",
        hint=f"Rewrite it with: jq -c '.[]' {_named(source)}",
    )


def _holds_rows(values: object, columns: Columns) -> bool:
    """Whether the only object of a file holds its rows, as a data frame or a service writes them."""
    if not isinstance(values, dict):
        return False
    if columns.text in values:
        return isinstance(values[columns.text], dict)
    return any(isinstance(value, list) and value and isinstance(value[0], dict) for value in values.values())


def _check_rows_within(source: Source, begins: str, objects: int, only: object, columns: Columns) -> None:
    """Raise DataError if the rows are within one JSON value: an array, or the ``only`` object of the file."""
    if _is_array(begins, objects):
        raise _an_array(source)
    if _holds_rows(only, columns):
        raise DataError(
            f"{source.called} is one JSON object; one object on each line was expected.",
            hint="In pandas, write it with to_json(..., orient='records', lines=True). If the rows are under "
            f"a key of the object, such as data: jq -c '.data[]' {_named(source)}",
        )


def check_columns(source: Source, columns: Columns) -> None:
    """Raise DataError, as ``read_rows``, unless each wanted column is in a row; stops when all were seen."""
    missing, rows, objects, begins = dict.fromkeys(columns.wanted()), 0, 0, ""
    values: object = None
    for _, line in read_lines(source):
        if isinstance(line, str) and line.isspace():
            continue
        rows += 1
        begins = begins or str(line).lstrip()[:1]
        values = _parse(line)
        if isinstance(values, dict):
            objects += 1
            missing = {name: None for name in missing if name not in values}
        is_one = _is_array(begins, objects) or (rows == 1 and _holds_rows(values, columns))
        if not missing and not is_one:
            return
    if not objects:
        _check_kind(source)
    if not rows:
        return  # a file without rows is refused where rows are read
    _check_rows_within(source, begins, objects, values if rows == 1 else None, columns)
    if not objects:
        raise no_usable_row(source.called, source.path)
    raise _no_column(source, columns, next(iter(missing)))


def has_objects(source: Source) -> bool:
    """Whether any line begins like an object or an array of objects; with the errors of ``read_rows``."""
    begins = (line.lstrip() for _, line in read_lines(source) if isinstance(line, str))
    return any(OBJECT.match(line) for line in begins)


def header_of(source: Source) -> list[str]:
    """The keys of the first object, for the operator: they are private."""
    for _, line in read_lines(source):
        values = _parse(line)
        if isinstance(values, dict):
            return list(values)
    return []


def _no_key(path: str, number: int, key: str) -> Fault:
    hint = "Add the key to that line, or remove the line from the file."
    return fault(path, "line", number, NO_KEY, hint, detail=f"the object has no key {key!r}")


def _no_object(source: Source, number: int, line: str | Problem, value: object) -> Fault:
    """Why a line, which was parsed as ``value``, is not an object."""
    path = source.called
    if isinstance(line, Problem):
        return fault(path, "line", number, line.reason, line.hint, detail=line.detail)
    if number == 1 and line.lstrip().startswith("["):
        reason = "this is a JSON array, but one object per line was expected"
        hint = f"Rewrite it with: jq -c '.[]' {_named(source)}"
    elif value is _DUPLICATE:
        reason = "a key occurs twice in one object"
        hint = "Remove one of the two keys, because it is unclear which value is meant."
    elif value is _TOO_DEEP:
        reason = "the JSON is nested too deeply"
        hint = "Remove the lists or objects that are nested by the hundred, or the line."
    elif value is _BROKEN:
        reason = "this is not valid JSON"
        hint = (
            'Each line must be one whole object, such as {"text": "..."}. If one object is spread over '
            f"several lines: jq -c . {_named(source)}"
        )
    else:
        reason = "this is not an object"
        hint = 'Each line must be one object, such as {"text": "..."}.'
    return fault(path, "line", number, reason, hint)


def _named(source: Source) -> str:
    """The arguments of a command that reads the file and writes a new one."""
    if source.is_stdin:
        return "FILE > notes.jsonl"
    return f"{quote(source.path.name)} > {quote(source.path.stem + '-lines.jsonl')}"


def _parse(line: str | Problem) -> Any:
    """The JSON value, or why there is none. The parser's errors quote the line, so they are not passed on."""
    if isinstance(line, Problem):
        return line
    try:
        if line[:1] != "{":
            return _DECODER.decode(line)
        value, end = _SCAN(line, 0)
    except _DuplicateKeyError:
        return _DUPLICATE
    except RecursionError:
        return _TOO_DEEP
    except (ValueError, StopIteration):
        return _BROKEN
    rest = line[end:]
    return _BROKEN if rest != "\n" and rest.strip(_SPACE) else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _DuplicateKeyError
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=lambda _name: None)
_SCAN = make_scanner(_DECODER)  # type: ignore[arg-type]  # typeshed names another argument
