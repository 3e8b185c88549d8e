"""``rpsg init``: asks what matters and writes a short plan file with comments."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, takes_settings
from rpsg.errors import RpsgError, RunError, UsageError

if TYPE_CHECKING:
    from rpsg.plan import Plan
    from rpsg.plan.setting import Section

QUESTIONS = (
    ("data.path", "Where are the private texts (a file or a folder)?"),
    ("data.text", "Which column holds the text?"),
    ("data.label", "Which column holds a label (empty: none)?"),
    ("data.user", "Which column says whose text each one is (empty: every row counts as a person)?"),
    ("data.language", "In which language are the texts: en, de, fr, ... (empty: not declared)?"),
    ("corpus.about", "What kind of texts are they, in a few words that will be public?"),
    ("corpus.domain", "Which domain pack fits the texts and their language (see: rpsg list domains)?"),
    ("corpus.size", "How many synthetic texts?"),
    ("privacy.epsilon", "Which epsilon (1 is strong, 4 is usual, 10 is weak)?"),
    ("corpus.license", "Which licence for the release, such as cc-by-4.0 (empty: none yet)?"),
)
#: Settings that are written even at their default, because nearly everybody has to decide them.
DECIDED = (
    *("data.path", "data.text", "data.user", "corpus.about", "corpus.domain", "corpus.size"),
    *("privacy.epsilon", "privacy.delta", "models.writer"),
)
_COLUMNS = ("data.text", "data.label", "data.user")
#: Words in the name of a column that probably holds the text; the first word that is found counts.
_TEXTS = (
    *("text", "comment", "message", "review", "body", "feedback", "answer", "note", "description"),
    *("complaint", "content", "abstract", "happened"),
)
#: The schema of plan files; editors find it by the first line of a plan, also without a network.
SCHEMA_FILE = "rpsg.schema.json"


@takes_settings
def init(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The file to write. Default: rpsg.toml.", show_default=False
        ),
    ] = Path("rpsg.toml"),
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="Write every setting, including those at their default.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            metavar="",
            help="Only print a JSON Schema of plan files, for editors that can check them.",
        ),
    ] = False,
    editor: Annotated[
        bool,
        typer.Option(
            "--editor",
            metavar="",
            help="Also write the schema next to the plan file, for editors. The first line of the plan then "
            "names it.",
        ),
    ] = False,
) -> None:
    """Write a plan file with comments. On a terminal the command asks for the main settings.

    It offers the columns of DATA to choose from. Settings at their default are left out, unless you give
    --all.
    """
    from rpsg.cli.console import Screen
    from rpsg.cli.settings import DEFAULT_FILE, Layer, make_plan, option_layer

    if schema:
        typer.echo(json_schema())
        return
    _refuse_existing(out)
    if sys.stdin.isatty() and sys.stdout.isatty():
        given = {**given, **ask(given)}
    licence = given.pop("corpus.license", "")
    asked = Layer({"corpus": {"license": licence}}, {"corpus.license": "your answer"})
    plan = make_plan([option_layer(given), asked])
    text = commented(plan) if every else short(plan)
    _write_new(out, f"#:schema ./{SCHEMA_FILE}\n{text}" if editor else text)
    if editor:
        with _written(out.with_name(SCHEMA_FILE)) as file:
            file.write_text(json_schema() + "\n", encoding="utf-8")
    screen = Screen.stdout()
    screen.line(f"Wrote {out}. It is public: keep it under version control.")
    if not plan.data.path:
        screen.line(f"Write the path of the private texts into {out}, under [data]: path = 'FILE'", "yellow")
    elif problem := _problem(plan):
        screen.line(f"A run could not read the private texts yet. {problem}", "yellow")
    screen.line("Next, see what a run would claim and cost:")
    screen.command("rpsg plan" if out == DEFAULT_FILE else f"rpsg plan --config {out}")


def _problem(plan: Plan) -> str:
    """Why a run could not read the data, and what to do; empty if it can, or reads standard input."""
    from rpsg.storage.readers import check_columns
    from rpsg.storage.readers.source import STDIN

    try:
        if plan.data.path != STDIN:
            check_columns(plan.data)
    except RpsgError as error:
        return f"{error.message} {error.hint}"
    return ""


def ask(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answers to the questions that no option has answered; an empty answer keeps the default."""
    defaults = {setting.key: setting.default for setting in SETTINGS}
    answers: dict[str, Any] = {}
    for key, question in QUESTIONS:
        if key not in given:
            known = {**given, **answers}
            names = _columns(known) if key in _COLUMNS else []
            usual = _usual(key, defaults.get(key, ""), names)
            words = f"{question} Columns: {', '.join(names)}." if names else question
            if key == "corpus.domain" and (packs := _packs_in(known.get("data.language", ""))):
                usual, words = packs[0], f"{question} Packs in this language: {', '.join(packs)}."
            if answer := _answer(words, usual, names):
                answers[key] = answer
    return answers


def _answer(words: str, usual: str, names: Sequence[str]) -> str:
    """What was typed; if there are columns to choose from, it is one of them, or empty."""
    spelled = {name.casefold(): name for name in names} | {name: name for name in names}
    while True:
        typed = str(typer.prompt(words, default=usual, show_default=bool(usual))).strip()
        if not names or not typed:
            return typed
        if found := spelled.get(typed, spelled.get(typed.casefold())):
            return found
        typer.echo("The file has no such column. Type the name of one of its columns.", err=True)


def _packs_in(language: str) -> list[str]:
    """The packs in the declared language that come with RPSG; none for English or without a language."""
    from rpsg.domains import find_pack, pack_names
    from rpsg.textstats.languages import ENGLISH

    if language in ENGLISH:
        return []
    return [name for name in pack_names() if find_pack(name).language == language]


def _columns(given: Mapping[str, Any]) -> list[str]:
    """The columns of the named file, if they look like names; none if the file cannot be read."""
    from rpsg.storage.readers import header_of
    from rpsg.storage.readers.columns import nameable

    path = given.get("data.path")
    if not path or path == "-":
        return []
    try:
        names = header_of(path, given.get("data.encoding", ""), given.get("data.format"))
    except RpsgError as error:
        typer.echo(f"{error.message} {error.hint}", err=True)
        return []
    return nameable(names)


def _usual(key: str, default: str, names: Sequence[str]) -> str:
    """The default answer; a column is offered only if the file has it."""
    if key != "data.text" or not names or default in names:
        return default
    return next((n for word in _TEXTS for n in names if word in n.casefold()), "" if names[1:] else names[0])


def short(plan: Plan) -> str:
    """The plan as TOML with comments: what everybody has to decide, and what differs from its default."""
    from rpsg.plan import described, toml_value

    lines = [
        "# The plan of a run of RPSG. Everything in it is public.",
        "# See what it means with: rpsg plan. Run it with: rpsg run -o RUN.",
        "# All other settings are at their default; docs/settings.md and rpsg init --all show them.",
    ]
    section = ""
    for setting in described(type(plan)):
        where, _, name = setting.key.rpartition(".")
        value = functools.reduce(getattr, setting.key.split("."), plan)
        if value is None or (value == setting.default and setting.key not in DECIDED):
            continue
        if where != section:
            lines += ["", f"[{where}]"]
            section = where
        value = list(value) if isinstance(value, tuple) else value
        lines += [*_comment(setting.about), f"{name} = {toml_value(value)}"]
    return "\n".join(lines) + "\n"


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
    with _written(out), out.open("x", encoding="utf-8") as file:
        file.write(text)


@contextmanager
def _written(out: Path) -> Iterator[Path]:
    """The path of a file for the block to write; its errors say what to do."""
    try:
        yield out
    except FileExistsError:
        _refuse_existing(out)
    except OSError as error:
        raise RunError(
            f"{out} cannot be written: {error.strerror}.", hint="Choose another file with -o."
        ) from None
