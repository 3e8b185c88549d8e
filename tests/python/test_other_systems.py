"""Without what Windows lacks, every module can be imported and plans work; a run says why it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rpsg
from rpsg.disk.system import CANNOT, is_able

PROGRAM = Path(__file__).with_name("without_posix.py")
SOURCES = Path(rpsg.__file__).parent
MODELS = ("--writer", "fake", "--embedder", "fake")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    rows = [f"u{i},The cat number {i} sat on a mat." for i in range(300)]
    (tmp_path / "notes.csv").write_text("\n".join(["who,text", *rows]), encoding="utf-8")
    return tmp_path


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES.parent), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_this_system_has_what_is_hidden_from_the_others() -> None:
    assert is_able()


@pytest.mark.slow
def test_every_module_can_be_imported(tmp_path: Path) -> None:
    done = typed(tmp_path)
    assert done.returncode == 0, done.stderr
    packages = [file.parent for file in SOURCES.rglob("__init__.py")]
    modules = [file for file in SOURCES.rglob("*.py") if file.parent in packages]
    assert int(done.stdout) == len(modules) - 1  # the package itself is not below itself


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("plan", "notes.csv", "--text", "text", "--user", "who", *MODELS),
        ("check", "notes.csv", "--text", "text"),
    ],
    ids=lambda words: words[0],
)
def test_what_keeps_nothing_private_works(notes: Path, words: tuple[str, ...]) -> None:
    done = typed(notes, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_says_what_it_needs_and_leaves_no_text(notes: Path) -> None:
    done = typed(notes, "run", "notes.csv", "--text", "text", *MODELS, "-o", "run")
    assert done.returncode == 7, done.stdout + done.stderr
    assert CANNOT in done.stderr
    assert "WSL" in done.stderr
    assert not [file for file in (notes / "run").rglob("*") if file.is_file()]


def test_the_doctor_says_it_before_a_run(notes: Path) -> None:
    done = typed(notes, "doctor", *MODELS)
    assert done.returncode == 1
    assert CANNOT in done.stdout
    assert "broke" not in done.stdout
