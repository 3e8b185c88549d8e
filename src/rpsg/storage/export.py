"""Writes the synthetic corpus as JSON Lines, CSV and Parquet, with the same bytes every time.

JSON Lines is the canonical file and loses nothing. CSV is made safe to open in a spreadsheet, which
changes cells that would run as a formula. Texts that are shown on a terminal go through ``printable`` first.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rpsg.disk.files import write_chunks
from rpsg.disk.json_text import canonical_json, whole
from rpsg.errors import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.records import Turn

ExportFormat = Literal["jsonl", "csv", "parquet"]

_FIRST = ("id", "text", "label", "claim")
_FORMULA_STARTS = frozenset("=+-@\t\r\n\0|%\uff1d\uff0b\uff0d\uff20")  # the last four are full-width = + - @
_CHUNK = 1 << 20
#: The rows of a Parquet file that are in one group, and in memory together.
GROUP = 1 << 16


@dataclass(frozen=True, slots=True)
class SyntheticText:
    """One row of a release; a row that is not an output of mechanisms says so in ``claim``.

    ``turns`` are those of a conversation: (speaker, words) each. ``columns`` are the columns beside the text,
    under their own names; ``attributes`` are the other card values.
    """

    id: int
    text: str
    label: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    claim: str = ""
    turns: tuple[Turn, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def write_corpus(
    folder: Path, rows: Sequence[SyntheticText], formats: Collection[ExportFormat] = ("jsonl", "csv")
) -> dict[str, str]:
    """Write ``corpus.jsonl``, ``corpus.csv``, ``corpus.parquet`` as asked; returns each file's SHA-256 in
    hex.

    Raises:
        RunError: the files cannot be written.
        MissingExtraError: Parquet without pyarrow; nothing is written then.
    """
    writers: dict[ExportFormat, Callable[[Path, Sequence[SyntheticText]], str]] = {
        "parquet": write_parquet,  # first, because it may be missing
        "jsonl": write_jsonl,
        "csv": write_csv,
    }
    return {
        f"corpus.{kind}": write(folder / f"corpus.{kind}", rows)
        for kind, write in writers.items()
        if kind in formats
    }


def write_jsonl(path: Path, rows: Sequence[SyntheticText]) -> str:
    """One canonical JSON object per row (id, text, attributes; label, columns, turns); returns the file's
    SHA-256.
    """
    return write_chunks(path, (canonical_json(_object(row)) + b"\n" for row in rows))


def _object(row: SyntheticText) -> dict[str, Any]:
    value: dict[str, Any] = {"id": row.id, "text": whole(row.text), "attributes": dict(row.attributes)}
    if row.label is not None:
        value["label"] = row.label
    if row.claim:
        value["claim"] = row.claim
    if row.turns:
        value["turns"] = [{"speaker": speaker, "text": whole(said)} for speaker, said in row.turns]
    return value | dict(row.columns)


def write_csv(path: Path, rows: Sequence[SyntheticText], *, raw: bool = False) -> str:
    """RFC 4180 CSV in UTF-8 with every field quoted; returns its SHA-256.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe, unless ``raw``.
    """
    return write_chunks(path, _csv_lines(rows, str if raw else neutral))


def _csv_lines(rows: Sequence[SyntheticText], cell: Callable[[str], str]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    columns = _columns(rows)
    for record in (list(columns), *zip(*columns.values(), strict=True)):
        writer.writerow([cell(whole(str(value))) if value is not None else "" for value in record])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _columns(rows: Sequence[SyntheticText]) -> dict[str, list[Any]]:
    """Column by column: id, text, label if any row has one, columns by name, then attributes by name."""
    columns: dict[str, list[Any]] = {"id": [row.id for row in rows], "text": [row.text for row in rows]}
    if any(row.label is not None for row in rows):
        columns["label"] = [row.label for row in rows]
    if any(row.claim for row in rows):
        columns["claim"] = [row.claim for row in rows]
    for name in sorted({name for row in rows for name in row.columns}):
        columns[name] = [row.columns.get(name) for row in rows]
    taken = {*_FIRST, *columns}
    for name in sorted({name for row in rows for name in row.attributes}):
        title = f"attribute_{name}" if name in taken else name
        columns[title] = [row.attributes.get(name) for row in rows]
    return columns


def neutral(cell: str) -> str:
    """The cell, with a leading apostrophe if a spreadsheet would run it as a formula.

    Spreadsheets skip spaces and invisible characters before the sign, so the first visible one counts.
    The list of signs is that of OWASP ASVS 1.2.10, with ``|``, line feed and the full-width forms.
    """
    for character in cell:
        if character in _FORMULA_STARTS:
            return "'" + cell
        if not character.isspace() and unicodedata.category(character) not in {"Cf", "Cc"}:
            return cell
    return cell


def write_parquet(path: Path, rows: Sequence[SyntheticText]) -> str:
    """The same columns as the CSV, with unchanged texts and the turns of conversations; returns the SHA-256.

    The bytes are the same for the same rows and the same version of pyarrow, which writes its name into the
    file.
    """
    return write_chunks(path, _parquet(rows))


def same_table(content: bytes, rows: Sequence[SyntheticText]) -> bool:
    """Whether a Parquet file holds exactly these rows.

    A file of another version of pyarrow must have the same columns, rows and metadata. A file of this version
    must have the same bytes, so it is not parsed at all. Raises MissingExtraError.
    """
    made = b"".join(_parquet(rows))
    if content == made:
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        theirs, ours = pq.ParquetFile(io.BytesIO(content)), pq.ParquetFile(io.BytesIO(made))
        told, kept = theirs.metadata, ours.metadata
        sizes = [
            sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
            for meta in (told, kept)
        ]
        alike = (
            told.created_by != kept.created_by
            and told.num_rows == kept.num_rows
            and told.metadata == kept.metadata
            and 0 <= sizes[0] <= 2 * sizes[1] + _CHUNK
            and theirs.schema_arrow.equals(ours.schema_arrow, check_metadata=True)
            and _summed_up(told) == _summed_up(kept)  # readers of Parquet use statistics to skip rows
            and len(content) <= 2 * len(made) + _CHUNK
        )
        return bool(alike and theirs.read().equals(ours.read(), check_metadata=True))
    except (pa.ArrowException, OSError, ValueError, TypeError):
        return False


def is_of_this_version(content: bytes) -> bool:
    """Whether a Parquet file was written by the installed version of pyarrow, according to its footer."""
    import pyarrow as pa

    size = int.from_bytes(content[-8:-4], "little")
    return f"parquet-cpp-arrow version {pa.__version__}".encode() in content[-8 - size :]


def _summed_up(metadata: Any) -> list[Any]:
    """The statistics of a Parquet file's row groups: rows, smallest and largest values, nulls."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    return [
        (
            group.num_rows,
            [
                None if (told := group.column(j).statistics) is None else told.to_dict()
                for j in range(group.num_columns)
            ],
        )
        for group in groups
    ]


def _parquet(rows: Sequence[SyntheticText]) -> Iterator[bytes]:
    """The bytes of the Parquet file, piece by piece; each ``GROUP`` rows are one group of the file."""
    with needed("parquet", "pyarrow"):
        import pyarrow.parquet as pq
    values, turns = _columns(rows), any(row.turns for row in rows)
    schema = _table(values, rows[:0], turns=turns).schema

    def pieces() -> Iterator[bytes]:
        sink = _Pieces()
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            for start in range(0, max(len(rows), 1), GROUP):
                part = slice(start, start + GROUP)
                some = {name: column[part] for name, column in values.items()}
                writer.write_table(_table(some, rows[part], turns=turns))
                yield sink.taken()
        yield sink.taken()

    return pieces()


def _table(values: Mapping[str, Sequence[Any]], rows: Sequence[SyntheticText], *, turns: bool) -> Any:
    """Some rows as a table of Arrow, whose types do not depend on them."""
    import pyarrow as pa

    columns = {
        name: pa.array(column[: len(rows)], pa.int64())
        if name == "id"
        else pa.array([None if value is None else whole(value) for value in column[: len(rows)]], pa.string())
        for name, column in values.items()
    }
    if turns:
        kind = pa.list_(pa.struct([("speaker", pa.string()), ("text", pa.string())]))
        columns["turns"] = pa.array([_object(row).get("turns") for row in rows], kind)
    return pa.table(columns)


class _Pieces(io.RawIOBase):
    """A file that keeps in memory only what was written since ``taken`` was called."""

    def __init__(self) -> None:
        self._new: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._new.append(bytes(data))
        self._size += len(self._new[-1])
        return len(self._new[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        """What was written since the last time."""
        found, self._new = b"".join(self._new), []
        return found
