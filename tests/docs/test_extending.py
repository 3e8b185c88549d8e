"""The page about extensions is run exactly as it is printed: files, entry points, laws and commands."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

import rpsg
from rpsg.testing.lab import install, invented

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILE = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
TOML = re.compile(r"^In `pyproject\.toml`:\n\n```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
SECTIONS = ("A method", "A metric", "A writer", "A domain pack")


def section(title: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    return re.split(r"^## ", text.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files of the page, an installed package's entry points, and some private reviews."""
    folder = tmp_path_factory.mktemp("plugin")
    page = PAGE.read_text(encoding="utf-8")
    for name, content in FILE.findall(page):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "my_plugin" / "__init__.py").touch()
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for block in TOML.findall(page):
        for group, places in tomllib.loads(block)["project"]["entry-points"].items():
            groups[group] |= places
    install(folder, groups, "my-plugin")
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["review"])
        rows.writeheader()
        rows.writerows({"review": row["text"]} for row in invented(400))
    return folder


def run_there(plugin: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(plugin), str(Path(rpsg.__file__).parents[1])])
    there = {**os.environ, "PYTHONPATH": paths, "RPSG_HOME": str(plugin / "home"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *words], cwd=plugin, env=there, capture_output=True, text=True, check=False
    )


def test_every_section_brings_a_file_and_its_laws() -> None:
    for title in SECTIONS:
        names = [name for name, _ in FILE.findall(section(title))]
        assert any(name.startswith("tests/") for name in names), title
        assert any(not name.startswith("tests/") for name in names), title


def test_each_example_keeps_its_laws(plugin: Path) -> None:
    done = run_there(plugin, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests")
    assert done.returncode == 0, done.stdout
    for kind in ("TestLengths", "TestQuestionRate", "TestListWriter", "TestClinic"):
        listed = run_there(plugin, "-m", "pytest", "--collect-only", "-q", "tests").stdout
        assert kind in listed


@pytest.mark.parametrize("title", SECTIONS)
def test_the_commands_of_a_section_work_as_printed(plugin: Path, title: str) -> None:
    for line in "".join(CONSOLE.findall(section(title))).splitlines():
        program, *words = shlex.split(line)
        assert program == "rpsg", line
        done = run_there(plugin, "-m", "rpsg", *words)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_the_method_of_the_page_is_accounted_and_sealed_under_its_own_name(plugin: Path) -> None:
    words = shlex.split("run reviews.csv --text review --method lengths --writer fake --embedder fake --json")
    done = run_there(plugin, "-m", "rpsg", *words, "-o", "SEALED")
    assert done.returncode == 0, done.stderr
    ledger = rpsg.read_run(plugin / "SEALED").ledger
    assert (ledger["method"], ledger["reads"]) == ("lengths", "noisy_answers")
    assert ledger["claim"]["type"] == "end_to_end_dp"
    assert [line["stage"] for line in ledger["mechanisms"]] == ["lengths"]
    refused = run_there(plugin, "-m", "rpsg", "verify", "SEALED")
    assert refused.returncode == 8
    assert "--allow-plugin" in refused.stdout
