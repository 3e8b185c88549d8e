"""A process that has read private text leaves no core dump, however it dies; nor does a child of it.

A full disk while a mapped file is written is a SIGBUS. With dumps allowed that put the memory of the process
into the working folder, 141 MB with the private texts in it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import rpsg

#: What a user may have: dumps allowed, as far as the machine allows.
ALLOWED = """
import os, resource, signal, sys
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
"""
#: Everything that lets private text into a process.
READINGS = {
    "a run": """
from rpsg.pipeline import execute as running
from rpsg.plan import resolve
try:
    running.execute(resolve({"corpus": {"domain": "no such pack"}}), None)
except Exception: pass
""",
    "a file": """
from rpsg.storage.readers import read_corpus
read_corpus("notes.jsonl")
""",
    "an evaluation of texts in memory": """
import rpsg
try:
    rpsg.evaluate(["a text"], ["a private text"], metrics=["no such metric"])
except Exception: pass
""",
    "the command line": """
from rpsg.cli import main
main(["--version"])
""",
}
DEATHS = {
    "by its own signal": "os.kill(os.getpid(), signal.{})",
    "in a child": "import subprocess\nsubprocess.run(['sh', '-c', 'kill -{} $$'])",
}


def dumped(program: str, folder: Path) -> list[str]:
    """What lies in the working folder of a process after it ran ``program`` and died."""
    names = {"PATH": os.environ["PATH"], "HOME": str(folder), "RPSG_HOME": str(folder / "state")}
    environment = {**names, "PYTHONPATH": str(Path(rpsg.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    (folder / "notes.jsonl").write_text('{"text": "a private text"}\n')
    done = subprocess.run(
        [sys.executable, "-c", ALLOWED + program],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return sorted(file.name for file in folder.iterdir() if file.name not in {"notes.jsonl", "state"})


#: Who reads, and how the process dies: each reading by two deaths, and one by all of them.
ENDS = {
    *((reading, "by its own signal", "BUS") for reading in READINGS),
    *((reading, "in a child", "SEGV") for reading in READINGS),
    *(("a file", death, name) for death in DEATHS for name in ("SEGV", "BUS", "ABRT")),
}


@pytest.fixture(scope="module")
def dumps_go_into_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where this machine makes no core files in the working folder, so that nothing could be seen."""
    control = tmp_path_factory.mktemp("control")
    if not dumped("os.kill(os.getpid(), signal.SIGBUS)", control):
        pytest.skip("this machine writes no core files into the working folder")


@pytest.mark.usefixtures("dumps_go_into_files")
@pytest.mark.parametrize(("reading", "death", "name"), sorted(ENDS))
def test_no_core_file_is_left(reading: str, death: str, name: str, tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    last = DEATHS[death].format(f"SIG{name}" if "own" in death else name)
    assert dumped(f"{READINGS[reading]}\n{last}", place) == []


@pytest.mark.parametrize("reading", READINGS)
def test_the_limit_allows_neither_a_file_nor_a_program_to_take_a_dump(reading: str, tmp_path: Path) -> None:
    """To a program that takes dumps (a pipe in ``core_pattern``) Linux sends none at a limit of exactly 1."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    wanted = 1 if sys.platform == "linux" and most != 0 else 0
    limits = "print(resource.getrlimit(resource.RLIMIT_CORE), file=open('limits', 'w'))"
    assert dumped(f"{READINGS[reading]}\n{limits}", tmp_path) == ["limits"]
    assert (tmp_path / "limits").read_text().strip() == f"({wanted}, {wanted})"
