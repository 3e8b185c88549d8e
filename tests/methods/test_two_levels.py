"""A pack with headings, from the file to the report: few people are counted by groups, many by values."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg import api, registry
from rpsg.domains import find_pack
from rpsg.models.fake import FakeClassifier
from rpsg.release.reader import Release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

DRINKS, FOOD = ("green tea", "dark coffee"), ("dog biscuits", "olive oil", "corn crisps")


@pytest.fixture
def grouped(pack_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "grouped"
    shutil.copytree(pack_folder, folder)
    toml = (folder / "pack.toml").read_text()
    values = 'values = ["green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps"]'
    assert values in toml
    (folder / "pack.toml").write_text(toml.replace(values, 'file = "topics.txt"'))
    (folder / "topics.txt").write_text("\n".join(["# Drinks", *DRINKS, "", "# Food", *FOOD, ""]))
    return folder


def finished(lab: Lab, pack: Path, people: int, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    plan = lab.plan(lab.file(lab.rows(people)), corpus={"domain": str(pack)}, privacy={"epsilon": 2.0})
    return api.run(plan, lab.folder / "run")


def query(run: Run) -> str:
    return str(next(m["query"] for m in run.ledger["mechanisms"] if m["stage"] == "cards"))


@pytest.mark.parametrize(("people", "values"), [(1, {"Drinks", "Food"}), (400, {*DRINKS, *FOOD})])
def test_evaluation_and_verifier_read_the_counts_as_they_were_made(
    lab: Lab, grouped: Path, monkeypatch: pytest.MonkeyPatch, people: int, values: set[str]
) -> None:
    run = finished(lab, grouped, people, monkeypatch)
    assert ("topic groups" in query(run)) == (people == 1)
    assert api.verify(run.path).ok
    counts = Release(run.path).noisy_counts
    assert counts is not None
    assert set(counts.counts["topic"]) == values
    found = rpsg.evaluate(run.path, write_floor=False, metrics=["attribute_coverage"])
    rows = found.line("attribute_coverage").corpus.details["attributes"]["topic"]
    assert {row["value"] for row in rows} == values
    assert sum(row["texts"] for row in rows) == len(run.texts)


def test_the_report_shows_groups_where_groups_were_counted(
    lab: Lab, grouped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(lab, grouped, 1, monkeypatch)
    topic = next(c for c in Release(run.release).coverage if c.attribute == "topic")
    assert [value.name for value in topic.values] == ["Drinks", "Food"]
    assert topic.texts == len(run.texts)
    assert topic.counted is not None


def test_a_heading_changes_what_is_asked_and_so_the_schema(grouped: Path) -> None:
    before = find_pack(str(grouped)).schema_sha256
    (grouped / "topics.txt").write_text("\n".join(["# Sweet", *DRINKS, "", "# Food", *FOOD, ""]))
    assert find_pack(str(grouped)).schema_sha256 != before
