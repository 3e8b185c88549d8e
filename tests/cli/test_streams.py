"""An output that goes away, or is full, ends no command that has work to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg.cli.streams import UNWRITTEN, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A run on invented rows."""
    rows = "".join(f'{{"text": "The soup number {n} came late.", "user": {n}}}\n' for n in range(400))
    (tmp_path / "rows.jsonl").write_text(rows)
    options = "--user user --writer fake --embedder fake --epsilon 8 --delta 1e-5 --size 8 -o run"
    return [sys.executable, "-m", "rpsg.cli", "run", "rows.jsonl", *options.split()]


def ledger(tmp_path: Path) -> bool:
    return (tmp_path / "run" / "release" / "ledger.json").is_file()


@needs_full
def test_a_run_whose_page_cannot_be_printed_is_finished(command: list[str], tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 0
    assert "its output could not be written: No space left on device" in " ".join(done.stderr.split())
    assert "bug" not in done.stderr
    assert ledger(tmp_path)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_from_the_beginning_ends_no_command(closed: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m rpsg.cli explain {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if closed == "2>&-" else UNWRITTEN)
    assert "Traceback" not in done.stdout + done.stderr
    assert "bug" not in done.stderr


@needs_full
@pytest.mark.parametrize("line", ["explain", "--help", "run --help", "list metrics", "budget"])
def test_any_other_command_whose_page_cannot_be_printed_says_so_by_its_code(
    tmp_path: Path, line: str
) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rpsg.cli", *line.split()],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == UNWRITTEN
    assert "bug" not in done.stderr
    assert "Repeat the command with an output that can be written" in done.stderr


def closed_after_a_line(command: list[str], folder: Path, *, both: bool) -> int:
    """The exit code of a command whose reader leaves, as ``| head -1`` does; ``both``: of ``2>&1`` too."""
    err = subprocess.STDOUT if both else subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=err) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        return process.wait(60)


@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stdout and stderr"])
def test_a_run_goes_on_when_its_reader_leaves(command: list[str], tmp_path: Path, both: bool) -> None:
    assert closed_after_a_line(command, tmp_path, both=both) == 0
    assert ledger(tmp_path)


def test_a_stream_that_failed_drops_the_rest_without_a_word(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as broken:
        stream = Stream(broken)
        lines: list[Callable[[], object]] = [lambda: stream.write("a\n"), stream.flush] * 3
        for line in lines:
            line()
        assert isinstance(stream.failure, BrokenPipeError)
        assert not stream.is_full


def test_a_run_reads_standard_input_if_it_has_an_account(command: list[str], tmp_path: Path) -> None:
    rows = (tmp_path / "rows.jsonl").read_bytes()
    piped = [word if word != "rows.jsonl" else "-" for word in command]
    refused = subprocess.run(piped, cwd=tmp_path, input=rows, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"--account" in refused.stderr
    assert not (tmp_path / "run").exists()
    done = subprocess.run(
        [*piped, "--account", "ward 7"], cwd=tmp_path, input=rows, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ledger(tmp_path)
