"""Generates files from the commands and the plan: ``make reference``, in a checkout.

These are ``docs/cli.md``, ``docs/settings.md``, ``docs/api.md``, and the table of options that the command
line loads.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs.api_reference import api_page

from rpsg.cli.app import EXIT_CODES, parser
from rpsg.cli.options import SETTINGS
from rpsg.plan import Plan, described, toml_value
from rpsg.plan.setting import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.plan import Described

_DOCS = Path(__file__).parent
_OF_A_PLAN = (
    "If a run could not start now, `rpsg plan` and `rpsg run --dry-run` show the plan, and end with the exit "
    "code with which\nthe run would end: 2, 3, 4, 5, 6, 7, 9 or 10. `rpsg plan --json` has it as `exit_code`."
)
#: In the checkout, whichever RPSG is installed.
_OPTIONS = _DOCS.parent / "src" / "rpsg" / "cli" / "options.json"
_CLI = """\
# The command line

This page is written by `make reference`.

Settings come from four places, and a later one overrides an earlier one: the defaults, a plan file
(`rpsg.toml`), the environment (`RPSG_PRIVACY__EPSILON=2` sets `epsilon` in `[privacy]`: two underscores
separate section and key), and the options of the command. `rpsg plan` shows where each value comes from.
`NO_COLOR=1` turns colours off, `RPSG_DEBUG=1` shows the traceback of an unexpected error, without messages or
values, and `RPSG_HOME` moves the folder with the models and the accounts of spent budget.

A command with `[SETTINGS]` below accepts all options on [the page of settings](settings.md); `rpsg check`
accepts only those of `[data]` and `[vault]`.

With `--json` a command prints one object on stdout and nothing else; an error is
`{"error": {"type", "message", "hint", "exit_code"}}`. Progress is always written to stderr. No option takes
an API key.

Before the command, as in `rpsg --log-level info run ...`:

| option | what it does |
|---|---|
"""
_SETTINGS = """\
# Settings

This page is written by `make reference`.

These are all settings of a plan. `rpsg init --all` writes them into `rpsg.toml`, with a comment on each. They
can also be set in the environment (`RPSG_PRIVACY__EPSILON=2`), and many have an option. A setting marked * is
not part of a run's identity: it may change when the run is resumed.

`rpsg init --schema` prints a JSON Schema of `rpsg.toml`, with which editors can check the file and complete
its keys; `rpsg init --editor` writes this schema where editors find it.
"""
_STANDARD = {"--install-completion", "--show-completion", "--help"}


def option_table() -> str:
    """The settings that have an option, as JSON: what ``rpsg.cli.options`` reads."""
    rows = [
        {
            "key": found.key,
            "option": found.option,
            "metavar": found.metavar,
            "kind": found.kind,
            "about": found.about,
            "default": "" if found.default in (None, "", ()) else str(found.default),
            "panel": found.panel,
        }
        | ({"choices": found.choices} if found.choices else {})
        for found in described(Plan)
        if found.option or found.metavar
    ]
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def settings_page() -> str:
    """All settings, section by section, as Markdown."""
    return "\n".join([_SETTINGS, *_sections("", Plan)])


def _sections(prefix: str, section: type[Section]) -> Iterator[str]:
    own = [found for found in described(section, prefix) if found.key.count(".") == prefix.count(".")]
    if prefix:
        yield f"## [{prefix[:-1]}]\n"
        yield (inspect.getdoc(section) or "").replace("``", "`") + "\n"
        yield "| setting | default | what it is | option |"
        yield "|---|---|---|---|"
        yield from (_row(found) for found in own)
        yield ""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _sections(f"{prefix}{name}.", field.annotation)


def _row(found: Described) -> str:
    name = f"`{found.key.rpartition('.')[2]}`" + ("" if found.identity else " *")
    default = "" if found.default is None else f"`{toml_value(found.default)}`"
    typed = " ".join(filter(None, (found.option, found.metavar)))
    option = f"`{typed}`" if typed else ""
    return f"| {name} | {default} | {_cell(found.about)} | {option} |"


def reference() -> str:
    """All commands with their options, as Markdown."""
    main: Any = parser
    shown = [p for p in main.params if p.help and not {"--help"} & set(p.opts)]
    lines = [_CLI + "\n".join(f"| {_name(p)} | {_cell(p.help)} |" for p in shown) + "\n"]
    for path, command in _commands("rpsg", main):
        lines += _command(path, command)
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    lines += ["", _OF_A_PLAN]
    return "\n".join(lines) + "\n"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command and its subcommands, leaves only, with the words to type."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(f"{path} {name}", child)


def _command(path: str, command: Any) -> list[str]:
    settings = {setting.parameter for setting in SETTINGS}
    taken = settings & {p.name for p in command.params}
    wanted = [*(["[DATA]"] if "data__path" in taken else []), *(["[SETTINGS]"] if taken else [])]
    own = [p for p in command.params if not _STANDARD & set(p.opts) and p.name not in settings]
    shown = sorted(own, key=lambda p: p.param_type_name != "argument")
    arguments = [
        str(p.metavar) if p.required else f"[{p.metavar}]" for p in shown if p.param_type_name == "argument"
    ]
    options = ["[OPTIONS]"] if any(p.param_type_name == "option" for p in shown) else []
    words = [path, *wanted, *arguments, *options]
    lines = [f"## {path}", "", f"`{' '.join(words)}`", ""]
    for paragraph in command.help.strip().split("\n\n"):
        lines += [textwrap.fill(paragraph, 110, break_on_hyphens=False, break_long_words=False), ""]
    if shown:
        lines += ["| option | what it does |", "|---|---|"]
        lines += [f"| {_name(p)} | {_cell(p.help + (' Required.' if p.required else ''))} |" for p in shown]
        lines += [""]
    return lines


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = ", ".join(f"`{option}`" for option in parameter.opts)
    return f"{names} `{parameter.metavar}`" if parameter.metavar else names


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    _OPTIONS.write_text(option_table(), encoding="utf-8")
    (_DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
    (_DOCS / "cli.md").write_text(reference(), encoding="utf-8")
    (_DOCS / "api.md").write_text(api_page(), encoding="utf-8")
