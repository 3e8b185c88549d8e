"""Settings as command-line options.

They are read from ``options.json``, which ``make reference`` generates from the plan: importing the plan
itself would load pydantic, and ``--help`` must be fast.
"""

from __future__ import annotations

import csv
import functools
import inspect
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.completing import COMPLETERS, one_of

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path(__file__).with_name("options.json")
#: A list is typed with commas, or by repeating its option. A value with a comma in it needs double quotes.
_KINDS = {"str": str, "int": int, "float": float, "path": Path, "list": list[str], "bool": bool}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that can be typed; without an ``option`` it is an argument."""

    key: str
    option: str
    metavar: str
    kind: str
    about: str
    default: str = ""
    panel: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def parameter(self) -> str:
        """The name of its parameter in Python."""
        return self.key.replace(".", "__")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "RPSG_" + self.key.upper().replace(".", "__")

    @property
    def help(self) -> str:
        return f"{self.about} Default: {self.default}." if self.default else self.about

    def value(self, typed: Any) -> Any:
        """What was typed; only lists are split here, other types are converted when the plan is checked."""
        if self.kind == "list":
            lines = [typed] if isinstance(typed, str) else typed
            if not lines:  # the option was not typed
                return None
            rows = csv.reader(lines, skipinitialspace=True)
            return tuple(part.strip() for row in rows for part in row if part.strip())
        return typed

    def retyped(self, value: Any) -> str:
        """The text to type for a value; "" for a switch, which is typed without a value."""
        if self.kind == "bool":
            return ""
        if self.kind != "list":
            return str(value)
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(value)
        return line.getvalue()

    def as_parameter(self) -> inspect.Parameter:
        option = (
            typer.Option(
                self.option,
                metavar=self.metavar,
                help=self.help,
                rich_help_panel=self.panel,
                autocompletion=COMPLETERS.get(self.key) or (one_of(self.choices) if self.choices else None),
            )
            if self.option
            else typer.Argument(metavar=self.metavar, help=self.help, show_default=False)
        )
        return inspect.Parameter(
            self.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_KINDS[self.kind] | None, option],
        )


#: Every setting of the plan that can be typed.
SETTINGS = tuple(
    Setting(**{**row, "choices": tuple(row.get("choices", ()))})
    for row in json.loads(FILE.read_text(encoding="utf-8"))
)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Plan file. Default: rpsg.toml in this folder, if there is one."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object instead of a page.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Show no progress.")]


def takes_settings(
    command: Callable[..., None], settings: tuple[Setting, ...] = SETTINGS
) -> Callable[..., None]:
    """``command`` with an option for each setting; those that were typed are passed as ``given``, by key."""

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        typed = {s.key: s.value(values.pop(s.parameter)) for s in settings}
        command(given={key: value for key, value in typed.items() if value is not None}, **values)

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "given"]
    wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads options from
        [
            *(setting.as_parameter() for setting in settings),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        ]
    )
    return wrapper
