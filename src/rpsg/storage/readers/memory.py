"""Rows that are in memory: a data frame of pandas or polars, an Arrow table, a dataset, a list of dicts.

None of these packages is imported here. What is given is held under a name for as long as it is read, so that
everything else deals with one kind of source; nothing of it is written anywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.arguments import named_type
from rpsg.errors import UsageError
from rpsg.storage.readers.columns import Columns, check_header
from rpsg.storage.readers.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.storage.readers.rows import Row

#: The data in a message.
CALLED = "The data in memory"
_HELD: dict[str, _Table] = {}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class _Table:
    """The names of the columns, and the values of each as a list."""

    names: list[str]
    values: Callable[[str], list[Any]] = field(repr=False)


@contextmanager
def held(data: object) -> Iterator[Path]:
    """A path that stands for ``data`` within the block.

    Raises:
        UsageError: this is no table that can be read here; the error names its type alone.
    """
    table = _table(data)
    name = f"memory:{next(_NUMBERS)}"
    _HELD[name] = table
    try:
        yield Path(name)
    finally:
        del _HELD[name]


def is_table(data: object) -> bool:
    """Whether ``data`` is a table, and no path and no list of texts."""
    if isinstance(data, list | tuple):
        return any(isinstance(row, dict) for row in data)
    return type(data).__module__.partition(".")[0] in {"pandas", "polars", "pyarrow", "datasets"}


def is_held(path: Path) -> bool:
    """Whether ``path`` stands for rows in memory."""
    return str(path) in _HELD


def header_of(path: Path) -> list[str]:
    """The names of the columns."""
    return list(_HELD[str(path)].names)


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows, numbered from 1.

    Raises:
        DataError: there is no such column.
    """
    table = _HELD[str(path)]
    check_header(CALLED, table.names, columns)
    held = (
        table.values(name) if name is not None else itertools.repeat(None) for name in columns.wanted_or_none
    )
    for number, values in enumerate(zip(*held, strict=False), start=1):
        yield row_of(number, map(_plain, values))


def _plain(value: Any) -> Any:
    """A value of the standard library, also for numpy's numbers and arrays; None for pandas' NA."""
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else value


def _table(data: object) -> _Table:
    if is_table(data) and isinstance(data, list | tuple):
        # What is no dict is a row without a text: one such row must not decide whether there is a release.
        rows = [row if isinstance(row, dict) else {} for row in data]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return _made(names, lambda name: [row.get(name) for row in rows])
    kind, package = type(data).__name__, type(data).__module__.partition(".")[0]
    frame: Any = data
    match package, kind:
        case "pandas", "DataFrame":
            return _made(list(frame.columns), lambda name: frame[name].tolist())
        case "polars", "DataFrame":
            return _made(list(frame.columns), lambda name: frame[name].to_list())
        case "polars", "LazyFrame":
            return _table(frame.collect())
        case "pyarrow", "Table" | "RecordBatch":
            return _made(list(frame.schema.names), lambda name: _of_arrow(frame, name))
        case "datasets", "Dataset":
            return _made(list(frame.column_names), lambda name: list(frame[name]))
        case "datasets", "DatasetDict":
            hint = f"Give one of its splits: {', '.join(map(str, frame))}."
            raise UsageError("This is a dataset of several splits. Nothing was read.", hint=hint)
    given = named_type(data)
    if isinstance(data, list | tuple):
        given += " without dicts" if data else " without rows"
    raise UsageError(f"Rows cannot be read from {given}. Nothing was read.", hint=_hint(data))


def _hint(data: object) -> str:
    """How to make a table of something else that holds texts."""
    package, kind = type(data).__module__.partition(".")[0], type(data).__name__
    if isinstance(data, list | tuple) and any(isinstance(row, str) for row in data):
        return 'Make dicts of the texts: [{"text": text} for text in texts].'
    if isinstance(data, dict):
        return "Make a data frame of it: pandas.DataFrame(data)."
    if (package, kind) in {("pandas", "Series"), ("polars", "Series")}:
        return 'Make a data frame of it: data.to_frame("text").'
    if isinstance(data, Iterator):
        return "Make a list of it: list(data)."
    return 'Give the path of a file, a data frame, an Arrow table, or dicts: [{"text": "..."}, ...].'


def _made(names: list[Any], values: Callable[[str], list[Any]]) -> _Table:
    return _Table([str(name) for name in names], values)


def _of_arrow(table: Any, name: str) -> list[Any]:
    from rpsg.storage.readers.parquet import values_of  # it needs pyarrow, which a table of it shows is there

    column = table.column(name)
    return [value for chunk in getattr(column, "chunks", [column]) for value in values_of(chunk)]
