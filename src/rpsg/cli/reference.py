"""The manual of the command line, written from the commands themselves: ``python -m rpsg.cli.reference``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from rpsg.cli.app import EXIT_CODES, app
from rpsg.cli.options import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# The command line

This page is written by `python -m rpsg.cli.reference`.

Settings come from four places; later ones win: the defaults, a plan file (`rpsg.toml`), the environment
(`RPSG_PRIVACY__EPSILON=2` sets `epsilon` in `[privacy]`: two underscores stand between section and key), and
the options of the command. `rpsg plan` shows where each value was written. `NO_COLOR=1` turns colours off,
`RPSG_DEBUG=1` shows the way to an unexpected error, without messages or values, and `RPSG_HOME` moves the
folder in which models and the account of spent budgets are kept.

With `--json` a command prints one object on stdout and nothing else; an error is
`{"error": {"type", "message", "hint", "exit_code"}}`. Progress always goes to stderr. No option takes a key.
"""
_STANDARD = {"--install-completion", "--show-completion", "--help"}


def reference() -> str:
    """The whole page as Markdown."""
    lines = [_HEAD]
    for path, command in _commands("rpsg", get_command(app)):
        lines += _command(path, command)
    lines += _settings()
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    return "\n".join(lines) + "\n"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command and all below it that do something, with the words to type."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(f"{path} {name}", child)


def _settings() -> list[str]:
    """The options of the plan, once for all commands that take them."""
    lines = [
        "## Settings",
        "",
        "`rpsg init`, `rpsg plan` and `rpsg run` take all of these, `rpsg check` the first ones.",
    ]
    for panel in dict.fromkeys(setting.panel for setting in SETTINGS):
        lines += ["", f"### {panel}", "", "| option | what it says | in `rpsg.toml` |", "|---|---|---|"]
        for s in SETTINGS:
            if s.panel == panel:
                option = f"`{s.option}` `{s.value}`" if s.option else f"`{s.value}`"
                lines.append(f"| {option} | {_cell(s.told)} | `{s.key}` |")
    return [*lines, ""]


def _command(path: str, command: Any) -> list[str]:
    settings = {setting.parameter for setting in SETTINGS}
    takes_settings = any(p.name in settings for p in command.params)
    shown = [p for p in command.params if not _STANDARD & set(p.opts) and p.name not in settings]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    options = [p for p in shown if p.param_type_name == "option"]
    data = ["[DATA]", "[SETTINGS]"] if takes_settings else []
    words = [path, *data, *(_argument(p) for p in arguments), *(["[OPTIONS]"] if options else [])]
    lines = [f"## {path}", "", f"`{' '.join(words)}`", "", command.help.strip(), ""]
    if shown:
        lines += ["| option | what it does |", "|---|---|"]
        lines += [f"| {_name(p)} | {_cell(p.help + (' Required.' if p.required else ''))} |" for p in shown]
        lines += [""]
    return lines


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar)
    return name if parameter.required else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = ", ".join(f"`{option}`" for option in parameter.opts)
    return f"{names} `{parameter.metavar}`" if parameter.metavar else names


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
