"""The page about shards: its script and its commands are executed by a shell, as they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.blocks import columns, write_rows

from rpsg.testing.lab import invented

PAGE = (Path(__file__).parents[2] / "docs" / "shards.md").read_text(encoding="utf-8")
SCRIPT, ARRAY, LOOP, *SITES = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
#: Does what Slurm does with an array: one task after the other.
SBATCH = """#!/bin/sh
test "$1" = --wait && shift
SLURM_ARRAY_TASK_COUNT=$(sed -n 's/^#SBATCH --array=1-\\([0-9]*\\).*/\\1/p' "$1")
export SLURM_ARRAY_TASK_COUNT
for SLURM_ARRAY_TASK_ID in $(seq "$SLURM_ARRAY_TASK_COUNT"); do
    export SLURM_ARRAY_TASK_ID
    sh -eu "$@" || exit 1
done
"""


def executed(folder: Path, commands: str) -> str:
    """What the commands print, in a shell that finds ``rpsg``, ``sbatch`` and models without weights."""
    programs = folder / "programs"
    programs.mkdir()
    here = f'#!/bin/sh\nexec {sys.executable} -m rpsg "$@"\n'
    for name, content in {"sbatch": SBATCH, "rpsg": here}.items():
        (programs / name).write_text(content)
        (programs / name).chmod(0o700)
    settings = {"MODELS__WRITER": "fake", "MODELS__EMBEDDER": "fake", "CORPUS__SIZE": "10"}
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        **{f"RPSG_{name}": value for name, value in settings.items()},
    }
    typed = ["sh", "-eu", "-c", commands]
    done = subprocess.run(typed, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_job_array_ends_in_a_verified_release_and_a_loop_counts_what_it_counts(tmp_path: Path) -> None:
    """The array answers the second question, and the first as well; then the loop answers that one again."""
    write_rows(tmp_path / "notes.csv", columns(invented(200)))
    (tmp_path / "count.sh").write_text(SCRIPT)
    submitted = "sbatch --wait count.sh run/question-1.json first\n"
    assert submitted in ARRAY
    both = f"{submitted}mv first of-the-array; mkdir first\n{LOOP}"
    assert "The claim holds" in executed(tmp_path, ARRAY.replace(submitted, both))
    ledger = json.loads((tmp_path / "run" / "release" / "ledger.json").read_text())
    assert ledger["privacy_unit"]["shards"] == 3
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "of-the-array").iterdir()}
    assert sizes == {file.name: file.stat().st_size for file in (tmp_path / "first").iterdir()}


@pytest.mark.slow
def test_two_sites_end_in_a_verified_release(tmp_path: Path) -> None:
    rows = columns(invented(200))
    write_rows(tmp_path / "north.csv", rows[:120])
    write_rows(tmp_path / "south.csv", rows[120:])
    said = executed(tmp_path, "".join(SITES))
    assert "The claim holds" in said
    marks = re.findall(r"((?:[0-9a-f]{4}-){7}[0-9a-f]{4})", said)
    assert sorted(map(marks.count, set(marks))) == [3, 3], "of each question the run and both sites print it"
    ledger = json.loads((tmp_path / "run" / "release" / "ledger.json").read_text())
    assert ledger["privacy_unit"]["divided_by"] == "site"
