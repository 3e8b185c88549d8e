"""``rpsg init``: asks six questions and writes a commented plan file."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, takes_settings
from rpsg.errors import RunError, UsageError

if TYPE_CHECKING:
    from rpsg.plan import Plan
    from rpsg.plan.setting import Section

QUESTIONS = (
    ("data.path", "Where are the private texts (a file or a folder)?"),
    ("data.text", "Which column holds the text?"),
    ("data.label", "Which column holds a label (empty: none)?"),
    ("data.user", "Which column names each text's person (empty: every row is a person of its own)?"),
    ("corpus.about", "What are the texts, in a few public words?"),
    ("privacy.epsilon", "Which epsilon (1 is strong, 4 is usual, 10 is weak)?"),
)


@takes_settings
def init(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The file to write. Default: rpsg.toml.", show_default=False
        ),
    ] = Path("rpsg.toml"),
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            metavar="",
            help="Only print a JSON Schema of plan files, for editors that can check them.",
        ),
    ] = False,
) -> None:
    """Write a commented plan file. On a terminal six questions are asked, unless options answer them."""
    from rpsg.cli.console import Screen
    from rpsg.cli.settings import DEFAULT_FILE, make_plan, option_layer

    if schema:
        typer.echo(json_schema())
        return
    _refuse_existing(out)
    if sys.stdin.isatty() and sys.stdout.isatty():
        given = {**given, **ask(given)}
    plan = make_plan([option_layer(given)])
    _write_new(out, commented(plan))
    screen = Screen.stdout()
    screen.line(f"Wrote {out}. It is public: keep it under version control.")
    screen.line("Next, see what a run would claim and cost:")
    screen.command("rpsg plan" if out == DEFAULT_FILE else f"rpsg plan --config {out}")


def ask(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answers to the questions that no option has answered; an empty answer keeps the default."""
    defaults = {setting.key: setting.default for setting in SETTINGS}
    answers: dict[str, Any] = {}
    for key, question in QUESTIONS:
        if key not in given:
            shown = bool(defaults[key])
            if answer := typer.prompt(question, default=defaults[key], show_default=shown).strip():
                answers[key] = answer
    return answers


def commented(plan: Plan) -> str:
    """The plan as TOML with a comment on each key; settings without a value are commented out."""
    from rpsg.plan import described

    comments = {setting.key: setting.about for setting in described(type(plan))}
    lines = [
        "# The plan of a run of RPSG. Everything in it is public.",
        "# See what it means with: rpsg plan. Run it with: rpsg run -o RUN.",
    ]
    for name in type(plan).model_fields:
        lines += _section(name, getattr(plan, name), comments)
    return "\n".join(lines) + "\n"


def _section(name: str, section: Section, comments: Mapping[str, str]) -> Iterator[str]:
    from rpsg.plan import toml_value

    yield ""
    yield from _comment((inspect.getdoc(type(section)) or "").partition("\n\n")[0])
    yield f"[{name}]"
    values = section.model_dump(mode="json")
    for key in [key for key, value in values.items() if not isinstance(value, Mapping)]:
        yield from _comment(comments[f"{name}.{key}"])
        yield f"# {key} = (not set)" if values[key] is None else f"{key} = {toml_value(values[key])}"
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _section(f"{name}.{key}", getattr(section, key), comments)


def json_schema() -> str:
    """A JSON Schema of ``rpsg.toml``: every setting with its type, default and description."""
    from rpsg.plan import Plan

    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema = {**head, **Plan.model_json_schema(), "title": "rpsg.toml"}
    return json.dumps(schema, indent=1).replace("``", "`")


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="# ", subsequent_indent="# ")


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise UsageError(f"{out} exists already.", hint="Choose another name with: rpsg init -o OTHER.toml")


def _write_new(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_existing(out)
    except OSError as error:
        raise RunError(
            f"{out} cannot be written: {error.strerror}.", hint="Choose another file with -o."
        ) from None
