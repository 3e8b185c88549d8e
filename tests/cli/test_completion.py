"""A shell completes commands, options, and the names that options take."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rpsg import registry
from rpsg.cli import main
from rpsg.cli.completing import registered, several
from rpsg.cli.options import SETTINGS
from rpsg.domains import pack_names
from rpsg.models.catalog import CATALOGUE
from rpsg.plan import Plan, described

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Completed = Callable[[str], list[str]]


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Completed:
    """What bash is offered for the last word of a line."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_RPSG_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([])
        assert ended.value.code in (0, None)
        return capsys.readouterr().out.split()

    return ask


def test_commands_and_options_are_completed(completed: Completed) -> None:
    assert completed("rpsg ver") == ["verify"]
    assert completed("rpsg run --n-p") == ["--n-public"]
    assert "--log-json" in completed("rpsg --log")


@pytest.mark.parametrize(
    ("option", "kind"),
    [("--method", "methods"), ("--writer", "writers"), ("--embedder", "embedders")],
)
def test_an_option_that_takes_a_name_offers_all_there_are(
    completed: Completed, option: str, kind: registry.Kind
) -> None:
    offered = completed(f"rpsg run {option} ")
    known = registry.names(kind)
    assert len(offered) == len(known)
    assert set(known) & set(offered) == {name for name in known if ":" not in name}


def test_the_packs_and_the_downloads_are_offered(completed: Completed) -> None:
    assert completed("rpsg run --domain ") == pack_names()
    assert completed("rpsg models pull ") == list(CATALOGUE)
    assert completed("rpsg preview --domain sup") == ["support", "support-es"]


def test_a_name_on_a_server_is_completed_up_to_its_place(completed: Completed) -> None:
    assert completed("rpsg run --writer op") == ["openai:"]


def test_every_fixed_choice_of_the_plan_is_offered(completed: Completed) -> None:
    fixed = [setting for setting in described(Plan) if setting.choices and setting.option]
    assert {"data.format", "privacy.adjacency", "vault.key"} <= {setting.key for setting in fixed}
    for setting in fixed:
        assert completed(f"rpsg run {setting.option} ") == list(setting.choices)
    assert {s.key for s in SETTINGS if s.choices} == {setting.key for setting in fixed}


def test_the_last_name_of_a_list_is_completed_and_each_is_offered_once(completed: Completed) -> None:
    assert completed("rpsg evaluate run --metrics fid,mau") == ["fid,mauve"]
    assert "fid" not in [name for name, _ in several("metrics")("fid,")]
    assert completed("rpsg audit --attacks pp") == ["ppl"]


def test_kinds_and_levels_are_offered(completed: Completed) -> None:
    assert "writers" in completed("rpsg list ")
    assert completed("rpsg --log-level w") == ["warning"]


def test_each_name_comes_with_a_line_about_it() -> None:
    assert dict(registered("methods")(""))["floor"]


def test_completion_is_installed_for_a_shell(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "rpsg", "--install-completion", "bash"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "completion installed" in done.stdout
    script = next(file for file in tmp_path.rglob("rpsg.sh"))
    assert "_RPSG_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
