"""Parquet, if pyarrow is installed. Only the wanted columns are read, a batch at a time."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from rpsg.errors import DataError, MissingExtraError
from rpsg.store.readers.columns import Columns, check_header
from rpsg.store.readers.lines import cannot_open
from rpsg.store.readers.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BATCH = 16_384


def read_rows(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows, numbered from 1. DataError says the row, never what is in it."""
    file = _open(path)
    check_header(path, file.schema_arrow.names, columns)
    _check_text_type(path, file, columns)
    number = 1
    for values in _batches(path, file, columns):
        for text, label, user in zip(*values, strict=True):
            yield Row(number, text, label, user)
            number += 1


def _open(path: Path) -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- heavy and optional
        import pyarrow.parquet as pq  # noqa: PLC0415 -- heavy and optional
    except ImportError:
        raise MissingExtraError("parquet", "pyarrow") from None
    try:
        return pq.ParquetFile(path)
    except pa.ArrowException:
        raise _damaged(path) from None
    except OSError as error:
        raise cannot_open(path, error) from error


def _check_text_type(path: Path, file: Any, columns: Columns) -> None:
    import pyarrow.types as kinds  # noqa: PLC0415 -- heavy and optional

    kind = file.schema_arrow.field(columns.text).type
    inner = kind.value_type if kinds.is_dictionary(kind) else kind
    if not (kinds.is_string(inner) or kinds.is_large_string(inner) or kinds.is_string_view(inner)):
        raise DataError(
            f"{path}: the column {columns.text!r} holds {kind}, not strings.",
            hint="Give a column of strings with --text, or convert this one in the file.",
        )


def _batches(path: Path, file: Any, columns: Columns) -> Iterator[tuple[Any, Any, Any]]:
    """(texts, labels, users) of each batch; a column nobody asked for is an endless None."""
    import pyarrow as pa  # noqa: PLC0415 -- heavy and optional

    source = file.iter_batches(batch_size=_BATCH, columns=list(columns.wanted()))
    while True:
        values: tuple[Any, Any, Any] | None = None
        try:
            batch = next(source, None)
            if batch is None:
                return
            texts, labels, users = (
                batch.column(name).to_pylist() if name is not None else repeat(None, batch.num_rows)
                for name in (columns.text, columns.label, columns.user)
            )
            values = (texts, labels, users)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            values = None
        if values is None:
            raise _damaged(path)
        yield values


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path} is not a whole Parquet file of UTF-8 text.",
        hint="Write it again, or export it as .jsonl or .csv.",
    )
