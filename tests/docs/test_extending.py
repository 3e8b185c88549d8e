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
from rpsg.audit import audit
from rpsg.cli import main
from rpsg.testing.lab import install, invented
from rpsg.testing.planted import texts

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILE = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
TOML = re.compile(r"^In `pyproject\.toml`:\n\n```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
SECTIONS = ("A method", "A metric", "An attack", "A writer", "A domain pack")


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


@pytest.fixture
def there(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin's folder, as somebody who installed the package and works there has it."""
    monkeypatch.chdir(plugin)
    monkeypatch.syspath_prepend(plugin)
    return plugin


def typed(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of a command, and all that it said."""
    program, *words = shlex.split(line)
    assert program == "rpsg", line
    code = main(words)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_every_section_brings_a_file_and_its_laws() -> None:
    for title in SECTIONS:
        names = [name for name, _ in FILE.findall(section(title))]
        assert any(name.startswith("tests/") for name in names), title
        assert any(not name.startswith("tests/") for name in names), title


@pytest.mark.slow
def test_each_example_keeps_its_laws(plugin: Path) -> None:
    """In a process of its own, as the page says it is done."""
    paths = os.pathsep.join([str(plugin), str(Path(rpsg.__file__).parents[1])])
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-W", "error", "tests"]
    done = subprocess.run(
        command,
        cwd=plugin,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for kind in ("TestLengths", "TestQuestionRate", "TestRarePairs", "TestListWriter", "TestClinic"):
        assert f"{kind}::test_" in done.stdout


@pytest.mark.parametrize("title", SECTIONS)
@pytest.mark.usefixtures("there")
def test_the_commands_of_a_section_work_as_printed(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in "".join(CONSOLE.findall(section(title))).splitlines():
        code, said = typed(line, capsys)
        assert code == 0, (line, said)


@pytest.mark.usefixtures("there")
def test_the_attack_of_the_page_is_found_by_its_name_and_finds_a_leak() -> None:
    rows = texts(600, 0)
    members, others, corpus = rows[:100], rows[100:200], rows[200:]
    found = audit([*members[:50], *corpus[50:]], members, others, attacks=["rare-pairs", "copies"])
    assert found.verdict == "refuted"
    assert found.finding("rare-pairs").verdict == "refuted"
    assert audit(corpus, members, others, attacks=["rare-pairs", "copies"]).verdict == "no violation seen"


def test_the_method_of_the_page_is_accounted_and_sealed_under_its_own_name(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = "rpsg run reviews.csv --text review --method lengths --writer fake --embedder fake -o SEALED"
    code, said = typed(run, capsys)
    assert code == 0, said
    ledger = rpsg.read_run(there / "SEALED").ledger
    assert (ledger["method"], ledger["reads"]) == ("lengths", "noisy_answers")
    assert ledger["claim"]["type"] == "end_to_end_dp"
    assert [line["stage"] for line in ledger["mechanisms"]] == ["lengths"]
    code, said = typed("rpsg verify SEALED", capsys)
    assert code == 8
    assert "--allow-plugin" in said
