"""Excel workbooks and OpenDocument sheets, if python-calamine is installed.

The header of a sheet is its first row that is not empty, or the first that has the wanted columns, below the
rows of a title, which have one cell each. Of several sheets, the one with the wanted columns is read. A
workbook keeps every number as a float; 12.0 is the person 12, as in any other format.
"""

from __future__ import annotations

import zipfile
from shlex import quote
from typing import TYPE_CHECKING, Any

from rpsg.errors import DataError, needed
from rpsg.storage.readers.columns import Columns, check_header, is_below_title
from rpsg.storage.readers.text import cannot_open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.storage.readers.rows import Fault, Row
    from rpsg.storage.readers.source import Source

#: The most rows that a title may have.
_TITLE = 20


def read_rows(source: Source, columns: Columns) -> Iterator[Row | Fault]:
    """The rows under the header, numbered as in the sheet; a row of empty cells is no row.

    Raises:
        DataError: this is not a complete workbook, no sheet has the columns, or several sheets have them.
        MissingExtraError: python-calamine is not installed.
    """
    sheets = _sheets(source)
    untitled = [_without_title(rows, columns) for rows in sheets.values()]
    having = [
        (rows, above) for rows, above in untitled if set(columns.wanted()) <= set(_header(rows[above:]))
    ]
    if len(having) > 1:
        raise DataError(
            f"{source.called}: {len(having)} sheets have these columns, but only one sheet is read.",
            hint="Save the right sheet as a separate workbook or as a .csv file.",
        )
    rows, above = having[0] if having else next(iter(untitled), ([], 0))
    header = _header(rows[above:])
    check_header(source.called, header, columns)
    indices = columns.of(header)
    for number, cells in enumerate(rows[above + 1 :], start=above + 2):
        if not _is_blank(cells):
            yield number, [cells[index] if index is not None else None for index in indices]


def header_of(source: Source, columns: Columns | None = None) -> list[str]:
    """The names of the columns of the first sheet; with the errors of ``read_rows``.

    ``columns`` finds them below a title.
    """
    rows, above = _without_title(next(iter(_sheets(source).values()), []), columns or Columns("text"))
    return _header(rows[above:])


def _without_title(rows: list[list[Any]], columns: Columns) -> tuple[list[list[Any]], int]:
    """The rows, and the place of the header among them."""
    filled = [n for n, cells in enumerate(rows) if not _is_blank(cells)]
    wanted = set(columns.wanted())
    top = filled[:_TITLE]
    names = [_header([rows[n]]) for n in top]
    index = next((i for i, found in enumerate(names) if wanted <= set(found)), 0)
    if index and not is_below_title(names[index], names[:index]):
        index = 0
    return rows, top[index] if top else 0


def _header(rows: list[list[Any]]) -> list[str]:
    first = next((cells for cells in rows if not _is_blank(cells)), [])
    names = [str(cell).strip() for cell in first]
    while names and not names[-1]:
        names.pop()
    return names


def _is_blank(cells: list[Any]) -> bool:
    return all(cell == "" for cell in cells)  # an empty cell is an empty text


def _is_other_archive(source: Source) -> bool:
    """Whether it is a complete zip archive, but without the list of parts that a workbook has."""
    try:
        with source.raw() as file, zipfile.ZipFile(file) as archive:
            return not {"[Content_Types].xml", "mimetype"} & set(archive.namelist())
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
            f"{source.called} is a zip archive, but not an Excel workbook.",
            hint=f"Unpack it first: unzip {quote(source.path.name)}",
        )
    if sheets is None:
        raise DataError(
            f"{source.called} is not a complete Excel workbook, or is locked with a password.",
            hint="Open it and save it again without a password, or save the sheet as a .csv file.",
        )
    return {name: rows for name, rows in sheets.items() if any(not _is_blank(cells) for cells in rows)}
