"""Releases that version 0.1.0 made are derived again, byte for byte, by the program of today."""

from __future__ import annotations

import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rpsg
from rpsg.privacy.schema import ledger_schema

KEPT = Path(__file__).parents[1] / "data" / "releases"
#: A release of each method, and one of the method strict with votes and found labels, for rows.
STORED = ("strict", "votes", "split", "paper", "floor")


@pytest.fixture(params=STORED)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(KEPT / f"{request.param}-0.1.0.tar.gz") as packed:
        # Python 3.11 has the argument from its fourth release on.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(tmp_path, **safely)
    return tmp_path / "release"


def ledger_of(release: Path) -> Any:
    return json.loads((release / "ledger.json").read_bytes())


def test_every_check_holds(release: Path) -> None:
    found = rpsg.verify(release)
    assert [check for check in found.checks if not check.ok] == []
    assert found.ok


def test_the_ledger_names_the_version_that_made_it_and_the_answer_says_so(release: Path) -> None:
    assert ledger_of(release)["code"]["version"] == "0.1.0" != rpsg.__version__
    assert any("version '0.1.0' of rpsg" in line for line in rpsg.verify(release).cannot_show)


def test_the_schema_of_today_describes_its_ledger(release: Path) -> None:
    jsonschema.Draft202012Validator(ledger_schema()).validate(ledger_of(release))


def test_a_changed_text_is_still_found(release: Path) -> None:
    corpus = release / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("the", "teh", 1), encoding="utf-8")
    assert not rpsg.verify(release).ok


def test_there_is_one_of_each_kind_of_claim() -> None:
    names = [f"{name}-0.1.0.tar.gz" for name in STORED]
    assert sorted(file.name for file in KEPT.iterdir()) == sorted(names)


def test_packaging_reads_the_version_that_ledgers_name() -> None:
    project = tomllib.loads((KEPT.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    told = KEPT.parents[2] / project["tool"]["hatch"]["version"]["path"]
    assert f'VERSION = "{rpsg.__version__}"' in told.read_text(encoding="utf-8")
