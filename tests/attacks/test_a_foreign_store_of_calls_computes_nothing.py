"""`rpsg calls` on a stranger's folder: views, triggers and links in place of tables are not read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import RunError
from rpsg.storage.call_report import read_public_calls

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


def finished(lab: Lab) -> Path:
    lab.run(lab.plan("", method={"name": "floor"}))
    run = lab.folder / "run"
    assert read_public_calls(run).calls
    return run


@pytest.mark.parametrize(
    "hostile",
    [
        f"ALTER TABLE batches RENAME TO other; CREATE VIEW batches AS {ENDLESS}",
        f"CREATE VIEW more AS {ENDLESS}",
        "CREATE TABLE more (a)",
        "CREATE TRIGGER t AFTER INSERT ON calls BEGIN DELETE FROM calls; END",
        "ALTER TABLE calls ADD COLUMN big TEXT AS (hex(zeroblob(900000000)))",
    ],
)
@pytest.mark.timeout(20)
def test_a_store_that_holds_anything_else_is_refused(lab: Lab, hostile: str) -> None:
    run = finished(lab)
    with closing(sqlite3.connect(run / "evidence" / "calls.sqlite")) as store:
        store.executescript(hostile)
    with pytest.raises(RunError, match=r"calls\.sqlite is not a call store of RPSG"):
        read_public_calls(run)


def test_a_link_is_not_followed(lab: Lab) -> None:
    run = finished(lab)
    store = run / "evidence" / "calls.sqlite"
    store.rename(lab.folder / "elsewhere.sqlite")
    store.symlink_to(lab.folder / "elsewhere.sqlite")
    with pytest.raises(RunError, match="is a link"):
        read_public_calls(run)
