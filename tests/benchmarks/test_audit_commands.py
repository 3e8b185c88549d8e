"""The commands by which the figures of docs/audit.md were made are commands that their programs take."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.core import TyperGroup

from rpsg.cli.app import parser

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
#: The commands in blocks and in sentences; ``audit_page.py`` takes no arguments.
PROGRAM = re.compile(r"python benchmarks/(audit(?!_page)\w*)\.py ([^`\n]+)")


class ParsedError(Exception):
    """The arguments were understood: stop before anything is measured."""


def test_every_run_has_options_that_rpsg_takes_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    runs = importlib.import_module("audit_run_plans").RUNS
    assert len(runs) > 10
    assert isinstance(parser, TyperGroup)
    for name, ((command, *words), _) in runs.items():
        given = [*words, "-o", name, "--account", name, "--quiet", "--json"]
        options = [word for word in given if word.startswith("-")]
        assert len(options) == len(set(options)), name
        parser.commands[command].make_context(command, given)


def test_every_command_of_the_page_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    understood = argparse.ArgumentParser.parse_args

    def parsed(self: argparse.ArgumentParser, args: Sequence[str] | None = None) -> Any:
        raise ParsedError(understood(self, args))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    page = (ROOT / "docs" / "audit.md").read_text("utf-8").replace("$(seq 0 39)", "0 1")
    commands = PROGRAM.findall(page)
    assert len(commands) > 20
    for program, words in commands:
        monkeypatch.setattr("sys.argv", [program, *shlex.split(words)])
        with pytest.raises(ParsedError):
            importlib.import_module(program).main()


def test_the_commands_for_leaks_name_the_leaks_of_their_table() -> None:
    page = (ROOT / "docs" / "audit.md").read_text("utf-8")
    commands = [words for program, words in PROGRAM.findall(page) if words.startswith("power")]
    assert commands
    assert all("--kinds" in words for words in commands)
