"""A run's floor belongs to the run wherever that lies, and has the labels that the release shows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.cli import main
from rpsg.errors import RunError
from rpsg.evaluation.floor import read_finished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def floor_texts(run: Path) -> bytes:
    return (run / "private" / "floor" / "release" / "corpus.jsonl").read_bytes()


def test_a_moved_run_finds_its_floor_by_every_way_to_it(
    finished: Path, held_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    rpsg.evaluate(run, held_out, metrics=["length_mean"])
    before = floor_texts(run)
    moved = run.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    for way in (moved, "moved", "./moved/../moved"):
        assert rpsg.evaluate(way, held_out, metrics=["length_mean"]).line("length_mean").floor is not None
    monkeypatch.chdir(moved)
    assert rpsg.evaluate(".", held_out, metrics=["length_mean"]).line("length_mean").floor is not None
    assert floor_texts(moved) == before


def test_a_floor_of_another_plan_is_refused_with_what_to_do(
    finished: Path, held_out: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    rpsg.evaluate(run, held_out, metrics=["length_mean"])
    about = run / "private" / "floor" / "run.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "plan_fingerprint": "0" * 64}))
    with pytest.raises(RunError) as caught:
        rpsg.evaluate(run, held_out, metrics=["length_mean"])
    assert "Remove that folder" in caught.value.hint
    shutil.rmtree(about.parent)
    assert rpsg.evaluate(run, held_out, metrics=["length_mean"]).line("length_mean").floor is not None


def test_models_are_those_of_the_run_s_own_plan_for_a_release_tells_no_path(
    finished: Path, held_out: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    public = run / "release" / "evidence" / "plan.toml"
    public.write_text(public.read_text().replace('writer = "fake"', 'writer = "a-file-s-name.gguf"'))
    assert read_finished(run).plan.models.writer == "fake"
    assert rpsg.evaluate(run, held_out, metrics=["length_mean"]).line("length_mean").floor is not None


@pytest.mark.parametrize("method", ["strict", "paper"])
def test_a_floor_has_labels_though_none_were_declared(lab: Lab, method: str) -> None:
    held_out = lab.file(lab.rows(120, seed=7), "held-out.jsonl")
    data: dict[str, Any] = {"label": "label"}
    run = lab.run(lab.plan(lab.file(lab.rows(1200)), data=data, method={"name": method}))
    assert read_finished(run.path).release.labels == ("drink", "food")
    report = rpsg.evaluate(run.path, held_out, metrics=["downstream_accuracy"])
    line = report.line("downstream_accuracy")
    assert line.floor is not None
    assert line.floor.value is not None, line.floor.reason
    assert line.score is not None or line.floor.value == line.ceiling.value  # type: ignore[union-attr]
    assert not [note for note in report.notes if "no labels" in note]


def test_a_run_whose_texts_have_one_label_says_why_its_floor_has_none(lab: Lab) -> None:
    rows = [{**row, "label": "food"} for row in lab.rows(60)]
    run = lab.run(lab.plan(lab.file(rows), data={"label": "label"}, method={"name": "paper"}))
    report = rpsg.evaluate(run.path, lab.file(lab.rows(40, seed=2), "real.jsonl"), metrics=["length_mean"])
    assert any("floor has no labels" in note for note in report.notes)


def test_a_corpus_without_texts_is_refused_with_what_to_do(
    finished: Path, held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "release" / "corpus.jsonl").write_text("")
    assert main(["evaluate", str(run), "--real", str(held_out), "-q"]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "has no text" in said
    assert "rpsg report RUN" in said


def test_a_floor_of_which_nothing_was_left_is_told_of(finished: Path, held_out: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    rpsg.evaluate(run, held_out, metrics=["length_mean"])
    (run / "private" / "floor" / "release" / "corpus.jsonl").write_text("")
    report = rpsg.evaluate(run, held_out, metrics=["length_mean"])
    assert report.line("length_mean").floor is None
    assert any("None of the floor's texts can be used" in note for note in report.notes)
