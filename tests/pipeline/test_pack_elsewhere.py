"""A run knows its pack by what stands in it, not by where it lies."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import RunError

if TYPE_CHECKING:
    from tests.conftest import Lab


def test_a_run_goes_on_however_the_way_to_its_pack_is_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = shutil.copytree(lab.pack, lab.folder / "mypack")
    data = lab.file(lab.rows(200))
    monkeypatch.chdir(lab.folder)
    first = lab.run(lab.plan(data, corpus={"domain": str(pack)}))
    again = lab.run(lab.plan(data, corpus={"domain": "mypack"}))
    assert again.ledger["ledger_id"] == first.ledger["ledger_id"]
    pack.rename(lab.folder / "moved")
    assert list(lab.run(lab.plan(data, corpus={"domain": "./moved"})).records) == list(first.records)


def test_a_changed_pack_under_the_same_name_is_another_plan(lab: Lab) -> None:
    pack = shutil.copytree(lab.pack, lab.folder / "mypack")
    plan = lab.plan(lab.file(lab.rows(200)), corpus={"domain": str(pack)})
    lab.run(plan)
    prompt = pack / "system.txt"
    prompt.write_text(prompt.read_text() + " Be brief.")
    with pytest.raises(RunError, match="a run of another plan"):
        lab.run(plan)
