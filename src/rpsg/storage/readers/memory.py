"""Rows that are in memory: a data frame of pandas or polars, an Arrow table, a dataset, a list of dicts.

None of these packages is imported here. The rows are held under a name for as long as they are read, so that
all other code can treat them like a file. They are written nowhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.arguments import named_type
from rpsg.errors import DataError, UsageError
from rpsg.storage.readers.columns import Columns, check_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpsg.storage.readers.rows import Row

#: The name of the data in messages.
CALLED = "The data in memory"
_HELD: dict[str, _Table] = {}
#: The methods that give all rows of a table which is computed or read only when it is asked for.
_WHOLE = {
    ("polars", "LazyFrame"): "collect",
    ("pyarrow", "RecordBatchReader"): "read_all",
    **{("pyarrow", f"{kind}Dataset"): "to_table" for kind in ("FileSystem", "InMemory", "Union")},
}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class _Table:
    """The names of the columns, and the values of each as a list.

    ``keys`` maps each name to the column's own key, which need not be text. The names in a list of dicts are
    keys of its rows, so they are as private as the rows.
    """

    names: list[str] = field(repr=False)
    keys: Mapping[str, Any] = field(repr=False)
    values: Callable[[Any], list[Any]] = field(repr=False)
    is_rows: bool = False


@contextmanager
def held(data: object) -> Iterator[Path]:
    """A path that stands for ``data`` within the block.

    Raises:
        UsageError: this is not a table that can be read here; the error names only its type.
    """
    table = _table(data)
    name = f"memory:{next(_NUMBERS)}"
    _HELD[name] = table
    try:
        yield Path(name)
    finally:
        del _HELD[name]


def is_table(data: object) -> bool:
    """Whether ``data`` is a table, not a path or a list of texts."""
    if isinstance(data, list | tuple):
        return any(isinstance(row, dict) for row in data)
    return type(data).__module__.partition(".")[0] in {"pandas", "polars", "pyarrow", "datasets"}


def is_held(path: Path) -> bool:
    """Whether ``path`` stands for rows in memory."""
    return str(path) in _HELD


def header_of(path: Path) -> list[str]:
    """The names of the columns."""
    return list(_HELD[str(path)].names)


def check_columns(path: Path, columns: Columns) -> None:
    """Raise DataError if a wanted column is missing or occurs twice. The message quotes no key of a row."""
    table = _HELD[str(path)]
    if not table.is_rows:
        check_header(CALLED, table.names, columns)
        return
    for name in columns.wanted():
        if name not in table.keys:
            raise DataError(
                f"{CALLED}: there is no column {name!r} for --{columns.option(name)}.",
                hint="No dict has this key. The keys of your rows are private, so they are not named here.",
            )


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows, numbered from 1; with the errors of ``check_columns``."""
    check_columns(path, columns)
    table = _HELD[str(path)]
    held = (
        table.values(table.keys[name]) if name is not None else itertools.repeat(None)
        for name in columns.wanted_or_none
    )
    for number, values in enumerate(zip(*held, strict=False), start=1):
        yield number, [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    """A value as a type of the standard library: no class of another package decides how it is written.

    Arrays become lists, numpy's times become text, and the NA of pandas becomes None.
    """
    kind = type(value)
    if kind.__name__ in {"NAType", "NaTType"}:
        return None
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        return str(value) if kind.__name__ in {"datetime64", "timedelta64"} else value.tolist()
    if isinstance(value, str):
        return value if kind is str else str.__str__(value)
    if isinstance(value, int) and kind not in {int, bool}:
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) and kind is not float else value


def _table(data: object) -> _Table:
    if is_table(data) and isinstance(data, list | tuple):
        # What is not a dict counts as a row without a text: one such row must not decide whether there is a
        # release.
        rows = [row if isinstance(row, dict) else {} for row in data]
        names = list(dict.fromkeys(name for row in rows for name in row if isinstance(name, str)))
        return _made(names, lambda name: [row.get(name) for row in rows], is_rows=True)
    kind, package = type(data).__name__, type(data).__module__.partition(".")[0]
    frame: Any = data
    match package, kind:
        case "pandas", "DataFrame":
            return _of_pandas(frame)
        case "polars", "DataFrame":
            return _made(list(frame.columns), lambda name: frame[name].to_list())
        case "pyarrow", "Table" | "RecordBatch":
            return _made(list(frame.schema.names), lambda name: _of_arrow(frame, name))
        case "datasets", "Dataset":
            return _of_dataset(frame.with_format(None))
    if whole := _WHOLE.get((package, kind)):
        return _table(_computed(getattr(frame, whole), kind))
    if (package, kind) == ("datasets", "DatasetDict"):
        hint = f"Give one of its splits: {', '.join(map(str, frame))}."
        raise UsageError("This dataset has several splits. Nothing was read.", hint=hint)
    given = named_type(data)
    if isinstance(data, list | tuple):
        given += " without dicts" if data else " without rows"
    raise UsageError(f"Rows cannot be read from {given}. Nothing was read.", hint=_hint(data))


def _computed(whole: Callable[[], object], kind: str) -> object:
    """A table that is computed now. The error of its package may quote a value, so it is not passed on."""
    failed = ""
    try:
        return whole()
    except Exception as error:  # noqa: BLE001  # packages raise whatever they like
        failed = type(error).__name__
    raise DataError(
        f"The {kind} cannot be computed ({failed}). Nothing was read.",
        hint=f"Compute it yourself to see why, and give the result: data.{whole.__name__}().",
    )


def _of_dataset(frame: Any) -> _Table:
    """A data set of ``datasets``, which keeps names of labels apart and -1 for a missing label."""
    names = {name: getattr(kind, "names", ()) for name, kind in frame.features.items()}

    def values(name: Any) -> list[Any]:
        if not names[name]:
            return list(frame[name])
        labels = dict(enumerate(names[name]))
        return [labels.get(number) for number in frame[name]]

    return _made(list(frame.column_names), values)


def _hint(data: object) -> str:
    """How to make a table of other data that contain texts."""
    package, kind = type(data).__module__.partition(".")[0], type(data).__name__
    if isinstance(data, list | tuple) and any(isinstance(row, str) for row in data):
        return 'Make dicts from the texts: [{"text": text} for text in texts].'
    hints = (
        (isinstance(data, dict), "Make a data frame from it: pandas.DataFrame(data)."),
        (
            kind == "Series" and package in {"pandas", "polars"},
            'Make a data frame from it: data.to_frame("text").',
        ),
        (kind == "ndarray", 'Make a data frame from it: pandas.DataFrame(data, columns=["text", ...]).'),
        # A file that pandas reads in pieces.
        (
            isinstance(data, Iterator) and package == "pandas",
            "Make one data frame from it: pandas.concat(data).",
        ),
        (isinstance(data, Iterator) or package == "datasets", "Make a list from it: list(data)."),
    )
    other = 'Give the path of a file, a data frame, an Arrow table, or dicts: [{"text": "..."}, ...].'
    return next((hint for applies, hint in hints if applies), other)


def _of_pandas(frame: Any) -> _Table:
    """A data frame; a named index is a column too, as it is in a file that pandas writes."""
    columns = list(frame.columns)
    index = [name for name in frame.index.names if name is not None and name not in columns]

    def values(name: Any) -> list[Any]:
        return list((frame.index.get_level_values(name) if name in index else frame[name]).tolist())

    return _made([*columns, *index], values)


def _made(keys: list[Any], values: Callable[[Any], list[Any]], *, is_rows: bool = False) -> _Table:
    names = [str(key) for key in keys]
    return _Table(names, dict(zip(names, keys, strict=True)), values, is_rows)


def _of_arrow(table: Any, name: str) -> list[Any]:
    from rpsg.storage.readers.parquet import values_of  # needs pyarrow, which made the table

    column = table.column(name)
    return [value for chunk in getattr(column, "chunks", [column]) for value in values_of(chunk)]
