"""``rpsg report`` as it is typed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.release.run import Run


@pytest.fixture
def run(reported: Callable[[str], Run], tmp_path: Path) -> Path:
    return shutil.copytree(reported("strict").path, tmp_path / "run")


def typed(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["report", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_where_the_page_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, run)
    assert code == 0
    assert out == f"Written:\n  {run / 'report.html'}\n"
    assert (run / "report.html").is_file()


def test_a_private_page_is_told_as_such(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, run, "--private")
    assert code == 0
    assert out.startswith("PRIVATE, never share it:\n")
    assert (run / "private/report.html").is_file()
    assert not (run / "report.html").exists()


def test_the_text_is_the_summary_and_writes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, run, "--text")
    assert code == 0
    assert out.strip() == (run / "release/summary.md").read_text().strip()
    assert not (run / "report.html").exists()


def test_json_holds_the_facts_and_no_text(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, run, "--json")
    assert code == 0
    told: dict[str, Any] = json.loads(out)["report"]
    assert told["file"] == str(run / "report.html")
    assert told["texts"] == 20
    assert told["claim"]["epsilon"] == 4.0
    assert [answer["stage"] for answer in told["answers"]] == ["size", "cards", "sketch"]
    assert sum(drop["texts"] for drop in told["drops"]) + told["texts"] + 8 == told["writing"]["replies"]
    assert told["metrics"] is None
    corpus = [json.loads(line)["text"] for line in (run / "release/corpus.jsonl").read_text().splitlines()]
    assert not any(text in out for text in corpus)


@pytest.mark.parametrize("name", ["floor", "paper"])
def test_json_of_a_run_that_promises_nothing_has_no_epsilon(
    reported: Callable[[str], Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = shutil.copytree(reported(name).path, tmp_path / "run")
    code, out, _ = typed(capsys, copy, "--json")
    assert code == 0
    assert "epsilon" not in out
    assert "mu2" not in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--text", "--private"], 2),
        (["--text", "--json"], 2),
        (["--private", "-o", "{run}/release/mine.html"], 10),
        (["-o", "{run}/release/mine.html"], 7),
        (["-o", "{run}/nowhere/mine.html"], 7),
    ],
    ids=["text-and-private", "text-and-json", "private-in-release", "in-release", "no-such-folder"],
)
def test_what_cannot_be_is_said_with_its_code(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    found, out, err = typed(capsys, run, *(word.format(run=run) for word in words))
    assert found == code
    assert "Traceback" not in out + err


def test_an_unfinished_run_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = typed(capsys, tmp_path)
    assert code == 7
    assert "There is no finished run in" in " ".join(err.split())
