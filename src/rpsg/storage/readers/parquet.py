"""Parquet, if pyarrow is installed. Only the wanted columns are read, a batch at a time.

The type of a column is in the schema of the file and depends on no row. A value that is not UTF-8 makes only
its own row faulty.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from rpsg.errors import DataError, needed
from rpsg.storage.readers.columns import Columns, check_header
from rpsg.storage.readers.rows import Fault, Row, fault
from rpsg.storage.readers.text import cannot_open, no_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BATCH_ROWS = 16_384
NOT_UTF8 = "a value is not UTF-8 text"
_UNDECODABLE = object()


def header_of(path: Path) -> list[str]:
    """The names of the columns; with the errors of ``read_rows``."""
    return list(_open(path).schema_arrow.names)


def read_rows(path: Path, columns: Columns) -> Iterator[Row | Fault]:
    """The rows, numbered from 1.

    Raises:
        DataError: this is not a complete Parquet file, or lacks these columns.
    """
    file = _checked(path, columns)
    number = 1
    for values in _batches(path, file, columns):
        for row in zip(*values, strict=True):
            if any(value is _UNDECODABLE for value in row):
                yield fault(str(path), "row", number, NOT_UTF8, "Write the row again, or remove it.")
            else:
                yield number, row
            number += 1


def check_columns(path: Path, columns: Columns) -> None:
    """Raise DataError, as ``read_rows``, unless the columns and a row are there."""
    if not _checked(path, columns).metadata.num_rows:
        raise no_rows(path)


def _checked(path: Path, columns: Columns) -> Any:
    """The open file, which has the columns."""
    file = _open(path)
    check_header(path, file.schema_arrow.names, columns)
    _check_text_type(path, file, columns)
    return file


def _open(path: Path) -> Any:
    with needed("parquet", "pyarrow"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    try:
        return pq.ParquetFile(path)
    except pa.ArrowException:
        raise _damaged(path) from None
    except OSError as error:
        raise cannot_open(path, error) from error


def _check_text_type(path: Path, file: Any, columns: Columns) -> None:
    import pyarrow.types as kinds

    for name in (columns.label, columns.user, *columns.beside):
        if name is not None and kinds.is_nested(file.schema_arrow.field(name).type):
            raise DataError(
                f"{path}: the column {name!r} for --{columns.option(name)} holds lists or objects.",
                hint="Give another column, or write the wanted part of this one into a column of its own.",
            )
    kind = file.schema_arrow.field(columns.text).type
    inner = kind.value_type if kinds.is_dictionary(kind) else kind
    if is_turns(kind):
        return
    # Hive and Impala write texts as bytes without a type.
    if not any(is_kind(inner) for is_kind in _texts()):
        raise DataError(
            f"{path}: the column {columns.text!r} holds {kind}, not strings.",
            hint="Give a column of strings (or of turns) with --text, or convert this one in the file.",
        )


def _texts() -> tuple[Callable[[Any], bool], ...]:
    import pyarrow.types as kinds

    texts = (kinds.is_string, kinds.is_large_string, kinds.is_string_view)
    return (*texts, kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view)


def _batches(path: Path, file: Any, columns: Columns) -> Iterator[tuple[Any, ...]]:
    """The columns of each batch in the order of ``Columns.wanted_or_none``; unnamed ones are all None."""
    import pyarrow as pa

    source = file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns.wanted()))
    while True:
        values: tuple[Any, ...] | None = None
        try:
            batch = next(source, None)
            if batch is None:
                return
            values = tuple(
                values_of(batch.column(name)) if name is not None else repeat(None, batch.num_rows)
                for name in columns.wanted_or_none
            )
        except (pa.ArrowException, OSError):
            values = None
        if values is None:
            raise _damaged(path)
        yield values


def values_of(column: Any) -> list[Any]:
    """The values of a column as Python objects; no single value can make this fail.

    Times become text, because Python lacks their nanoseconds and some of their years. Lists of objects may be
    turns of a conversation; from other lists and objects nothing is read, so they become empty lists.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kinds.is_run_end_encoded(column.type):
        import pyarrow.compute as pc

        column = pc.run_end_decode(column)
    if is_turns(column.type):
        return [_listed(value) for value in column]
    if kinds.is_nested(column.type) or kinds.is_interval(column.type):
        return [[] if valid else None for valid in column.is_valid().to_pylist()]
    if kinds.is_temporal(column.type):
        column = column.cast(pa.int64() if kinds.is_duration(column.type) else pa.string())
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        return [_decoded(value) for value in column.cast(pa.large_binary()).to_pylist()]
    return values


def is_turns(kind: Any) -> bool:
    """Whether a type of Arrow is a list of objects, which may be the turns of a conversation."""
    import pyarrow.types as kinds

    return bool((kinds.is_list(kind) or kinds.is_large_list(kind)) and kinds.is_struct(kind.value_type))


def _listed(value: Any) -> list[object] | None:
    """One list of objects, converted value by value: a value that is not text must not affect other rows."""
    try:
        found: list[object] | None = value.as_py()
    except (UnicodeDecodeError, ValueError, OverflowError):
        return []
    return found


def _decoded(value: bytes | None) -> object:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return _UNDECODABLE


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path} is not a complete Parquet file.",
        hint="Write it again, or export it as .jsonl or .csv. If it is a text file with the wrong ending, "
        "add: --format csv",
    )
