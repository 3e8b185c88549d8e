"""Which kind of file it is: by its first bytes, by its name, or by what was declared."""

from __future__ import annotations

from shlex import quote
from typing import Literal, cast, get_args

from rpsg.errors import DataError, UsageError
from rpsg.storage.readers import jsonl, memory
from rpsg.storage.readers.source import PACKED_SUFFIXES, Source, codec_of
from rpsg.storage.readers.text import cannot_open, no_file

Format = Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel"]
Kind = Literal["jsonl", "csv", "tsv", "txt", "parquet", "excel", "memory"]

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}


def kind_of(source: Source, chosen: Format | None) -> Kind:
    """The kind of a file, or the one that was ``chosen``.

    Raises:
        DataError: there is no such file, or nothing says what it is.
        UsageError: there is no such format or encoding.
    """
    path = source.path
    if memory.is_held(path):
        return "memory"
    if source.encoding:
        codec_of(source.encoding)
    if chosen is not None and chosen not in get_args(Format):
        raise UsageError(
            f"There is no format {chosen!r}.", hint=f"Choose one of {', '.join(get_args(Format))}."
        )
    if path.is_dir() and chosen in {None, "txt"}:
        return "txt"
    if not source.is_stdin and not path.is_file():
        raise no_file(path)
    if source.is_stdin and chosen in {"txt", "parquet"}:
        raise _not_from_standard_input(chosen)
    if chosen == "txt" or (chosen is None and path.suffix.lower() == ".txt"):
        raise DataError(
            f"{path} is a single .txt file, but a folder of .txt files was expected.",
            hint="Give the folder, with one document in each file. If it is a table, name its format: "
            "--format tsv (or csv, or jsonl).",
        )
    kind = chosen or _told(source)
    if chosen in {"csv", "tsv"} and (shows := _shown(source)) is not None:
        what = {"parquet": "a Parquet file", "excel": "an Excel workbook"}[shows]
        raise DataError(f"{source.called} is {what}, not {chosen}.", hint="Leave --format out.")
    if kind not in {"jsonl", "txt"}:  # they begin with a row
        _check_other(source)
    return kind


def _check_other(source: Source) -> None:
    """Raise DataError for a file whose first bytes show a kind of file that RPSG does not read."""
    try:
        found = source.is_other()
    except OSError as error:
        raise cannot_open(source.called, error) from error
    if found is not None:
        raise DataError(f"{source.called} is {found[0]}.", hint=found[1])


def _shown(source: Source) -> str | None:
    try:
        return source.kind()
    except OSError as error:
        raise cannot_open(source.called, error) from error


def _told(source: Source) -> Format:
    """The format that the first bytes show; else that of the name; else JSON Lines if any line is
    an object.
    """
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    if suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    named = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    shows = _shown(source)
    packed = source.is_packed()
    file = quote(source.path.name)
    if packed and named in {"parquet", "excel"}:
        raise DataError(f"{source.called} is compressed.", hint=f"Unpack it first: gunzip -k {file}")
    if shows == "parquet" and source.is_stdin:
        raise _not_from_standard_input("parquet")
    if shows in {"parquet", "excel"}:
        if suffixes[-1:] == [".zip"]:
            raise DataError(f"{source.called} is an archive.", hint=f"Unpack it first: unzip {file}")
        return cast("Format", shows)
    if named is None and not jsonl.has_objects(source):
        _check_other(source)
        raise DataError(
            f"{source.called}: neither the name nor the content says what kind of file it is.",
            hint=f"If it is a plan, give it with --config {file}"
            if suffixes[-1:] == [".toml"]
            else _name_its_format(source),
        )
    return named or "jsonl"


def _name_its_format(source: Source) -> str:
    """What to do about a file of an unknown kind. Not every command has the option --format."""
    if source.is_stdin:
        return (
            "If it is a table, name its format: --format csv (or tsv). rpsg evaluate and rpsg audit have no "
            "such option: save it as a file with the right ending, such as .csv, and give its path."
        )
    return (
        "Give the file a name with the right ending (.jsonl, .csv, .tsv, .parquet or .xlsx), or name its "
        "format for rpsg plan, check and run: --format jsonl|csv|tsv|parquet|excel"
    )


def _not_from_standard_input(chosen: Format) -> DataError:
    if chosen == "txt":
        return DataError("A folder of .txt files cannot be read from standard input.", hint="Give its path.")
    return DataError("A Parquet file cannot be read from standard input.", hint="Give its path.")
