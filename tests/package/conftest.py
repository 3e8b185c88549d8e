"""What the tests of the package and of the image are built from."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]


def called(*words: str | Path, cwd: Path = TREE, **variables: str) -> str:
    """What a command prints, when it ends well."""
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="package")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a clone of this checkout has: what git ignores, or does not know, is not among them."""
    if not (TREE / ".git").exists():
        pytest.skip("this is no checkout of the repository")
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, called("git", "ls-files", "-z").split("\0")):
        if (TREE / name).is_file():  # a file that was deleted, and not yet in a commit, is in the list
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, folder / name)
    return folder
