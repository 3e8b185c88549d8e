"""How private people are divided: one more or less in the file changes a run by one person, not by most."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import small, written

from rpsg.compare.matrix import read_matrix
from rpsg.compare.splits import prepare, split_files
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Lab


def read_by_a_run(lab: Lab, rows: Sequence[Any], out: str, **data: Any) -> set[str]:
    settings = small(lab)
    file = lab.file(rows, f"{out}.jsonl")
    settings["data"][0] |= {"public": False, "path": str(file), **data}
    matrix = read_matrix(written(lab.folder / f"{out}.toml", settings))
    prepare(matrix, matrix.data[0], lab.folder / out)
    part = split_files(lab.folder / out, matrix.data[0], 0).private(150)
    return {json.loads(line)["text"] for line in part.read_text().splitlines()}


@pytest.mark.parametrize("named", [True, False], ids=["people", "rows without a person"])
@pytest.mark.parametrize("gone", [0, 77, 219])
def test_somebody_who_leaves_a_private_file_moves_at_most_one_other_person_into_a_run(
    lab: Lab, gone: int, *, named: bool
) -> None:
    rows = [{"text": f"text number {i}", "user": f"person {i}"} for i in range(220)]
    data: dict[str, Any] = {} if named else {"settings": {}}
    whole = read_by_a_run(lab, rows, "whole", **data)
    fewer = read_by_a_run(lab, rows[:gone] + rows[gone + 1 :], "fewer", **data)
    assert len(whole) == len(fewer) == 150
    assert len(fewer - whole) <= 1


def test_equal_rows_without_a_person_are_rows_of_their_own(lab: Lab) -> None:
    rows = [{"text": f"text number {i % 110}"} for i in range(220)]
    assert len(read_by_a_run(lab, rows, "twins", settings={})) > 75


def test_columns_beside_the_text_are_refused_before_anything_is_read(lab: Lab) -> None:
    settings = small(lab)
    settings["data"][0]["settings"] = {"data": {"columns": ["priority=low|high"]}}
    matrix = read_matrix(written(lab.folder / "columns.toml", settings))
    with pytest.raises(UsageError, match="no columns beside the text"):
        prepare(matrix, matrix.data[0], lab.folder / "columns")
