"""The outcome is written where it harms nothing, and what was computed is shown even if it cannot be."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.evaluation.conftest import GARDEN, sentences

from rpsg.cli import main
from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.evaluation import output
from rpsg.evaluation.output import output_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is typed: two corpora, one of them a folder of texts too."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("corpus", "real", "train", "floor")):
        rows = [json.dumps({"text": text}) + "\n" for text in sentences(12, GARDEN, seed=i)]
        (tmp_path / f"{name}.jsonl").write_text("".join(rows))
    (tmp_path / "texts").mkdir()
    for i, text in enumerate(sentences(12, GARDEN, seed=9)):
        (tmp_path / "texts" / f"{i:02d}.txt").write_text(text)
    return tmp_path


def typed(out: str, *more: str) -> int:
    what = ("--synthetic=corpus.jsonl", "--metrics=length_mean", "--embedder=fake", "--quiet")
    return main(["evaluate", *what, "--out", out, *more])


@pytest.mark.parametrize("name", ["corpus", "real", "train", "floor"])
def test_a_file_that_is_read_is_never_written_over(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / f"{name}.jsonl"
    before = file.read_bytes()
    reads = ("--real=real.jsonl", "--train-real=train.jsonl", "--floor=floor.jsonl")
    assert typed(f"texts/../{name}.jsonl", *reads) == 2
    assert "which this evaluation reads" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_file_that_is_read_is_known_under_another_name(folder: Path) -> None:
    (folder / "soft.jsonl").symlink_to(folder / "real.jsonl")
    os.link(folder / "real.jsonl", folder / "hard.jsonl")
    for name in ("soft.jsonl", "hard.jsonl"):
        with pytest.raises(UsageError, match="which this evaluation reads"):
            output_path(folder / "corpus.jsonl", folder / name, real=True, reads=[folder / "real.jsonl"])


def test_nothing_is_written_into_a_folder_that_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("texts/00.txt", "--real=texts") == 2
    assert "lies inside" in capsys.readouterr().err
    assert len(list((folder / "texts").iterdir())) == 12


def test_a_folder_is_answered_with_a_file_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(".") == 2
    seen = capsys.readouterr().err
    assert "is a folder" in seen
    assert "--out evaluation.json" in seen


def test_a_missing_folder_is_told_before_anything_is_computed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("none/out.json") == 2
    seen = capsys.readouterr()
    assert "mkdir -p none" in seen.err
    assert not seen.out


def test_a_folder_that_cannot_be_written_is_told_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="not writable"):
        output_path(folder / "corpus.jsonl", folder / "out.json", real=True)


def test_only_an_earlier_evaluation_is_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("out.json") == 0
    assert typed("out.json", "--seed=1") == 0
    assert json.loads((folder / "out.json").read_text())["seed"] == 1
    (folder / "mine.txt").write_text("mine")
    assert typed("mine.txt") == 2
    assert "is not an evaluation" in capsys.readouterr().err
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_run_s_own_files_are_no_place_but_for_its_outcome(finished: Path) -> None:
    kept = finished / "private" / "evaluation.json"
    assert output_path(finished, kept, real=True) == kept
    for name in ("run.json", "private/ledger.private.json", "private/evaluation-public.json"):
        with pytest.raises(UsageError, match="lies inside"):
            output_path(finished, finished / name, real=True)
    with pytest.raises(PrivacyError):
        output_path(finished, finished / "release" / "corpus.jsonl", real=True)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the outcome is to be written."""

    def fail(path: Path, data: bytes) -> None:  # as the function it stands for
        raise RunError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(output, "write_atomic", fail)


@pytest.mark.usefixtures("full", "folder")
def test_what_was_computed_is_shown_though_it_cannot_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("out.json") == RunError.exit_code
    seen = capsys.readouterr()
    assert "length_mean" in seen.out
    assert "out.json" not in seen.out
    assert "The disk is full." in seen.err


@pytest.mark.usefixtures("full", "folder")
def test_json_holds_what_was_computed_and_why_it_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("out.json", "--json") == RunError.exit_code
    content = json.loads(capsys.readouterr().out)
    assert content["evaluation"]["metrics"][0]["corpus"]["value"]
    assert content["file"] is None
    assert content["error"]["message"] == "The disk is full."
