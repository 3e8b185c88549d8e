"""``rpsg evaluate`` and ``rpsg list metrics`` as they are typed."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, sentences

from rpsg.cli import main
from rpsg.measures import INTERNAL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with corpora in three formats, which is also where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    texts = sentences(60, GARDEN, seed=1)
    (tmp_path / "corpus.csv").write_text("note\n" + "".join(f"{text}\n" for text in texts))
    real = sentences(90, GARDEN, seed=2)
    (tmp_path / "real.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in real))
    (tmp_path / "floor").mkdir()
    for i, text in enumerate(sentences(50, HARBOUR, seed=3)):
        (tmp_path / "floor" / f"{i:03d}.txt").write_text(text)
    return tmp_path


ARGUMENTS = (
    "evaluate",
    "--synthetic=corpus.csv",
    "--real=real.jsonl",
    "--floor=floor",
    "--text=body",
    "--synthetic-text=note",
    "--embedder=fake",
)


def test_corpora_of_three_formats_are_compared(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ARGUMENTS, "--metrics=fid,self_bleu,sentiment_agreement"]) == 0
    seen = capsys.readouterr()
    assert "fid" in seen.out
    assert "Not measured" in seen.out
    assert INTERNAL.capitalize() in seen.out
    assert "measuring" in seen.err


def test_the_table_says_what_chance_may_do_and_which_models_measured(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ARGUMENTS, "--metrics=self_bleu,perplexity"]) == 0
    page = capsys.readouterr().out
    lines = {line.split()[0]: line for line in page.splitlines() if "±" in line}
    assert lines["self_bleu"].count("±") == 3, "corpus, floor and ceiling"
    assert "Kneser-Ney" in page.split("Models and rules used")[1].split("perplexity")[0]


def test_a_score_of_too_few_texts_is_shown_with_a_question_mark(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (files / "real.jsonl").read_text().splitlines(keepends=True)
    (files / "real.jsonl").write_text("".join(rows[:24]))
    assert main([*ARGUMENTS, "--metrics=fid"]) == 0
    assert "(?)" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("fid"))


def test_everything_can_be_had_as_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ARGUMENTS, "--metrics=word_distance", "--json", "-q", "-o", "out.json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["evaluation"]["metrics"][0]["informative"] is True
    assert content["evaluation"]["internal"] == INTERNAL
    assert stat.S_IMODE((files / "out.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("arguments", [[], ["RUN", "--synthetic=corpus.csv"]])
def test_one_corpus_must_be_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments]) == 2
    assert "Name one corpus" in capsys.readouterr().err


def test_a_missing_column_is_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--synthetic=corpus.csv", "--real=real.jsonl"]) == 3
    assert "there is no column" in capsys.readouterr().err


def test_no_real_text_is_shown_or_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "real.jsonl").write_text('{"body": "quokka zugzwang"}\n' * 40)
    assert main([*ARGUMENTS, "-o", "out.json"]) == 0
    seen = capsys.readouterr()
    written = (files / "out.json").read_text()
    assert "quokka" not in seen.out + seen.err + written
    assert "zugzwang" not in seen.out + seen.err + written


def test_metrics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "metrics"]) == 0
    assert "self_bleu" in capsys.readouterr().out
