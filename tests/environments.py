"""New environments of Python, in which tests install the package as its users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[1]


def new_environment(folder: Path, *words: str | Path) -> Path:
    """The programs of a new environment in ``folder``, in which ``pip install`` was typed with these words.

    Where no index of packages can be reached, the packages of others are those of this environment.
    """
    _do(sys.executable, "-m", "venv", "--without-pip", folder)
    # Typed in the checkout. Modules are compiled when they are used: most never are.
    try:
        _pip(folder, "install", "--no-compile", *words)
    except AssertionError:
        if _reaches_an_index(folder):
            raise
        (site,) = folder.glob("lib/python*/site-packages")
        others = [path for path in sys.path if path.endswith("site-packages")]
        (site / "others.pth").write_text("\n".join(others), encoding="utf-8")
        _pip(folder, "install", "--no-deps", "--no-index", "--no-build-isolation", *words)
    return folder / "bin"


def _reaches_an_index(folder: Path) -> bool:
    try:
        _pip(folder, "download", "--no-deps", "--dest", folder / "downloads", "pip")
    except AssertionError:
        return False
    return True


def _pip(folder: Path, command: str, *words: str | Path) -> None:
    _do(sys.executable, "-m", "pip", "--python", folder, command, "--quiet", *words)


def _do(*words: str | Path) -> None:
    done = subprocess.run(
        list(map(str, words)),
        cwd=TREE,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
