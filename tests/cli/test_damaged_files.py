"""Files of a plan or a run that are damaged, hostile or gone end in a sentence, never in "This is a bug"."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Rpsg

    from rpsg.testing.lab import Lab

DEEP = "a = " + "[" * 5000 + "]" * 5000
FAKES = ["--writer", "fake", "--embedder", "fake"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("option", ["--config", "--prices"])
def test_a_file_of_settings_that_is_nested_without_end_is_a_wrong_setting(rpsg: Rpsg, option: str) -> None:
    Path("deep.toml").write_text(DEEP)
    failed = rpsg("plan", *FAKES, option, "deep.toml")
    assert failed.code == 2
    assert "deep.toml is nested too deeply" in " ".join(failed.err.split())


def test_a_pack_that_is_nested_without_end_is_a_wrong_setting(rpsg: Rpsg) -> None:
    Path("pack").mkdir()
    Path("pack", "pack.toml").write_text(DEEP)
    failed = rpsg("plan", *FAKES, "--domain", "pack")
    assert failed.code == 2
    assert "nested too deeply" in " ".join(failed.err.split())


@pytest.fixture
def run(lab: Lab, rpsg: Rpsg) -> list[str]:
    """A finished run, and the command that made it."""
    (lab.folder / "plan.toml").write_text(lab.plan(lab.file(lab.rows(300))).to_toml())
    command = ["run", "--config", str(lab.folder / "plan.toml"), *FAKES, "-o", "made", "-q"]
    assert rpsg(*command).code == 0
    return command


@pytest.mark.parametrize("content", ['{"a": "x', "[1]", "[" * 100_000, '{"a": "b"}'])
def test_a_damaged_table_of_times_ends_nothing(rpsg: Rpsg, run: list[str], content: str) -> None:
    Path("made", "private", "timings.json").write_text(content)
    assert rpsg(*run).code == 0
    assert rpsg("report", "made", "--text").code == 0


def test_a_run_whose_private_folder_was_deleted_says_so(rpsg: Rpsg, run: list[str]) -> None:
    shutil.rmtree("made/private")
    shutil.rmtree("made/release")
    failed = rpsg(*run)
    assert failed.code == 7
    said = " ".join(failed.err.split())
    assert "made/private is missing" in said
    assert "backup" in said
