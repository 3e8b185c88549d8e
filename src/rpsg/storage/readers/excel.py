"""Excel workbooks and OpenDocument sheets, if python-calamine is installed.

The header of a sheet is its first row that is not empty. If a title comes first, whose rows have one cell
each, the header is the first row below it that has the wanted columns, provided that at least half of the
rows below that one have several cells. Of several sheets, the one with the wanted columns is read. A workbook
keeps every number as a float; 12.0 is the person 12, as in any other format.
"""

from __future__ import annotations

import zipfile
from shlex import quote
from typing import TYPE_CHECKING, Any

from rpsg.errors import DataError, needed
from rpsg.storage.readers.columns import Columns, check_header, is_below_title, name_in_header
from rpsg.storage.readers.spelling import spelled
from rpsg.storage.readers.text import cannot_open, no_content, no_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.storage.readers.rows import Fault, Row
    from rpsg.storage.readers.source import Source

#: The most rows that a title may have.
_TITLE = 20


def read_rows(source: Source, columns: Columns) -> Iterator[Row | Fault]:
    """The rows under the header, numbered as in the sheet; a row of empty cells does not count.

    Raises:
        DataError: this is not a complete workbook, no sheet has the columns, or several sheets have them.
        MissingExtraError: python-calamine is not installed.
    """
    rows, above, indices = _chosen(source, columns.in_header)
    for number, cells in enumerate(rows[above + 1 :], start=above + 2):
        if not _is_blank(cells):
            yield number, [cells[index] if index is not None else None for index in indices]


def check_columns(source: Source, columns: Columns) -> None:
    """Raise DataError, as ``read_rows``, unless a sheet has the columns and a row under them."""
    rows, above, _ = _chosen(source, columns.in_header)
    if all(map(_is_blank, rows[above + 1 :])):
        raise no_rows(source.called)


def header_of(source: Source, columns: Columns | None = None) -> list[str]:
    """The names of the columns of the sheet that has the wanted columns, or of the first sheet.

    ``columns`` finds them below a title; errors as ``read_rows``.
    """
    rows, above, _ = _of_sheet(_sheets(source), (columns or Columns("text")).in_header)[0]
    return _header(rows[above:])


def _chosen(source: Source, columns: Columns) -> tuple[list[list[Any]], int, list[int | None]]:
    """The rows of the sheet with the columns, the index of its header, and the positions of the columns."""
    found = _of_sheet(_sheets(source), columns)
    having = sum(has_all for _, _, has_all in found)
    if having > 1:
        raise DataError(
            f"{source.called}: {having} sheets have these columns, and one is read.",
            hint="Save the right sheet as a separate workbook or as a .csv file.",
        )
    rows, above, _ = found[0]
    header = _header(rows[above:])
    check_header(source.called, header, columns, may_be_title=True)
    return rows, above, columns.of(header)


def _of_sheet(
    sheets: dict[str, list[list[Any]]], columns: Columns
) -> list[tuple[list[list[Any]], int, bool]]:
    """The rows of each sheet, the index of its header, and whether it has the columns; sheets that have them
    come first.
    """
    wanted, found = set(columns.wanted()), list[tuple[list[list[Any]], int, bool]]()
    for rows in sheets.values():
        above = _without_title(rows, wanted)
        found.append((rows, above, wanted <= set(_header(rows[above:]))))
    return sorted(found, key=lambda sheet: not sheet[2])


def _without_title(rows: list[list[Any]], wanted: set[str]) -> int:
    """The index of the header among the rows."""
    top = [n for n, cells in enumerate(rows) if not _is_blank(cells)][: 2 * _TITLE]
    names = [_header([rows[n]]) for n in top]
    index = next((i for i, found in enumerate(names[:_TITLE]) if wanted <= set(found)), 0)
    if index and not is_below_title(names[:index], names[index], names[index + 1 :][:_TITLE]):
        index = 0
    return top[index] if top else 0


def _header(rows: list[list[Any]]) -> list[str]:
    first = next((cells for cells in rows if not _is_blank(cells)), [])
    names = [name_in_header(cell if isinstance(cell, str) else spelled(cell) or "") for cell in first]
    while names and not names[-1]:
        names.pop()
    return names


def _is_blank(cells: list[Any]) -> bool:
    return all(cell == "" for cell in cells)  # an empty cell is an empty text


def _is_other_archive(source: Source) -> bool:
    """Whether it is a whole zip archive without the parts of a workbook, such as a document of Word."""
    try:
        with source.raw() as file, zipfile.ZipFile(file) as archive:
            return not any(name.startswith("xl/") or name == "content.xml" for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _sheets(source: Source) -> dict[str, list[list[Any]]]:
    """The rows of each sheet that has any."""
    with needed("excel", "python-calamine"):
        from python_calamine import CalamineError, CalamineWorkbook
    sheets: dict[str, list[list[Any]]] | None
    try:
        with source.raw() as file:
            book = CalamineWorkbook.from_filelike(file)
            sheets = {
                name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                for name in book.sheet_names
            }
    except OSError as error:
        raise cannot_open(source.called, error) from error
    except (CalamineError, ValueError):  # their messages may quote a cell
        sheets = None
    if sheets is None and _is_other_archive(source):
        raise DataError(
            f"{source.called} is an archive and not an Excel workbook.",
            hint=f"Unpack it first: unzip {quote(source.path.name)}; or give a table of the texts.",
        )
    if sheets is None:
        raise DataError(
            f"{source.called} is not a complete Excel workbook, or it is locked with a password.",
            hint="Open it and save it again without a password, or save the sheet as a .csv file. If it is "
            "text that is only called so, add: --format csv",
        )
    filled = {name: rows for name, rows in sheets.items() if any(not _is_blank(cells) for cells in rows)}
    if not filled:
        raise no_content(source.called)
    return filled
