"""A title above the header of a table is skipped, and no row of a table is taken for its header."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest
from tests.storage.tables import ROWS, pairs
from tests.storage.workbooks import workbook

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, header_of, read_by_rule
from rpsg.storage.readers.columns import Columns

if TYPE_CHECKING:
    from pathlib import Path

EXCEL = pytest.mark.skipif(
    importlib.util.find_spec("python_calamine") is None, reason="needs python-calamine"
)


@EXCEL
def test_a_title_above_the_header_of_a_sheet_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"One": [("Complaints 2024",), (), ("text", "user"), (ROWS[0][0], "u0")]}))
    assert pairs(path) == ROWS[:1]
    check_columns(DataSection(path=str(path), user="user"))


def test_lines_below_a_title_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Complaints of the year\n\ntext,user\nfine,u\nfine,\n")
    reading = open_private(read_by_rule(DataSection(path=str(path), user="user"), tells=True))
    assert {why: places.first for why, places in reading.left_out.items()} == {"the user is missing": [5]}


def test_a_line_far_below_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" * 30 + "text,user\nfine,u\n")
    with pytest.raises(DataError, match="no column 'text'"):
        check_columns(DataSection(path=str(path), user="user"))


@pytest.mark.parametrize(
    "above",
    [
        "id,note\n1,fine\n",  # a header without the column
        "note\nfine\n",
        'note\n"fine\n',  # the line is inside of somebody's text
    ],
)
def test_a_row_with_the_name_of_the_column_is_no_header(tmp_path: Path, above: str) -> None:
    """It would leave out the rows above it, and decide whether a run is refused."""
    path, row = tmp_path / "a.csv", "text,9\n" if "," in above else "text\n"
    for content in (above, above + row + "fine,1\n"):
        path.write_text(content)
        with pytest.raises(DataError, match="no column 'text'"):
            check_columns(DataSection(path=str(path)))
        with pytest.raises(DataError, match="no column 'text'"):
            read_by_rule(DataSection(path=str(path)))


ONE_COLUMN = ["note", "fine", "rather good", "Anna Miller,text", "slow", "bad, too", "fine"]


@pytest.mark.parametrize("ending", ["", ","])
def test_nor_is_one_below_rows_of_one_field(tmp_path: Path, ending: str) -> None:
    """It is shown by no message, and ``rpsg init`` offers none of its values as columns."""
    path = tmp_path / "a.csv"
    path.write_text("".join(line + ending * (line.count(",") < 1) + "\n" for line in ONE_COLUMN))
    data = DataSection(path=str(path))
    for read_it in (check_columns, read_by_rule):
        with pytest.raises(DataError, match="no column 'text'") as refused:
            read_it(data)
        assert (
            "Columns in the file: note. Correct the name of the column; upper and lower case count. Or, if"
            in refused.value.hint
        )
        assert "Anna" not in refused.value.hint
    assert header_of(path) == header_of(path, columns=Columns("text")) == ["note"]


@EXCEL
def test_nor_is_one_below_rows_of_one_cell_in_a_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"One": [tuple(line.split(",")) for line in ONE_COLUMN]}))
    with pytest.raises(DataError, match="no column 'text'"):
        check_columns(DataSection(path=str(path)))
    assert header_of(path) == ["note"]


def test_a_title_is_one_whatever_a_few_rows_of_the_table_look_like(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ["fine,u", "alone", "", "good,v", "a, b,c", "bad,w", "only text,", "slow,x"]
    path.write_text("\n".join(["Complaints 2024", "text,user", *rows]))
    assert header_of(path) == ["text", "user"]
    reading = open_private(read_by_rule(DataSection(path=str(path), user="user"), tells=True))
    assert [row.text for row in reading.corpus] == ["fine", "good", "bad", "slow"]


@pytest.mark.parametrize("sign", ["^", "~", "\xa6", "\x01"])
def test_nor_is_one_with_a_sign_that_no_other_row_has(tmp_path: Path, sign: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"id,note\n1,fine\n2,fine\ntext{sign}mine\nonly this{sign}row is read\n3,fine\n")
    with pytest.raises(DataError, match="no column 'text'"):
        read_by_rule(DataSection(path=str(path)))


@EXCEL
def test_nor_is_one_of_another_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    other = [("id", "note"), ("1", "fine"), ("text", "user")]
    path.write_bytes(workbook({"One": [("text", "user"), (ROWS[0][0], "u0")], "Two": other}))
    assert pairs(path) == ROWS[:1]
