"""``rpsg models``: list, download and check weights."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rpsg.cli.completing import assets
from rpsg.cli.options import AsJson, Quiet  # noqa: TC001  # typer reads them at run time
from rpsg.errors import ModelError

if TYPE_CHECKING:
    from rpsg.cli.console import Screen
    from rpsg.models.download import AssetRow

models = typer.Typer()


@models.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """List, download and check the models and public data that RPSG knows by name."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List what can be downloaded by name: its purpose, size and licence, and whether you have it."""
    from rpsg.cli.console import Screen, print_json
    from rpsg.models import download

    rows = download.listing()
    if as_json:
        print_json({"models": rows})
        return
    screen = Screen.stdout()
    for row in rows:
        screen.heading(row.name)
        screen.facts(_facts(row))


def _facts(row: AssetRow) -> list[tuple[str, str]]:
    here = "yes" if row.present else f"no; get it with: rpsg models pull {row.name}"
    return [(row.kind, row.purpose), ("size", _size(row.size)), ("licence", row.licence), ("here", here)]


@models.command("pull")
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A name from `rpsg models list`, or hf:OWNER/REPO/FILE.gguf.",
            autocompletion=assets,
        ),
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", metavar="", help="Accept the model's terms of use, if it has any."),
    ] = False,
) -> None:
    """Download a model or public data. The same command resumes a download that stopped."""
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.progress import progress_for
    from rpsg.models import download

    if (terms := download.terms(name)) and not as_json and (accept_licence or can_be_asked()):
        Screen.stdout().line(terms)
        accept_licence = accept_licence or typer.confirm("Do you accept these terms?")
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        path = download.pull(name, progress=progress, accepted=accept_licence)
    if as_json:
        print_json({"pulled": {"name": name, "path": path}})
        return
    screen = Screen.stdout()
    screen.line(f"{name} is on this machine:")
    screen.command(str(path))


def can_be_asked() -> bool:
    """Whether a question can be answered on a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@models.command("check")
def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A name from `rpsg models list`. Default: all that are on this machine."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read models in full and compare them with their digests. The exit code is 6 if a model is damaged."""
    from rpsg.cli.console import Screen, print_json
    from rpsg.models import download

    wanted = [name] if name else [row.name for row in download.listing() if row.present]
    problems = {each: _problem(each) for each in wanted}
    if as_json:
        print_json(
            {"checked": [{"name": n, "ok": p is None, "problem": p and str(p)} for n, p in problems.items()]}
        )
    else:
        _show_checked(Screen.stdout(), problems)
    if any(problems.values()):
        raise typer.Exit(ModelError.exit_code)


def _problem(name: str) -> ModelError | None:
    from rpsg.models import download

    try:
        download.check(name)
    except ModelError as error:
        return error
    return None


def _show_checked(screen: Screen, problems: dict[str, ModelError | None]) -> None:
    if not problems:
        screen.line(
            "None of the models in `rpsg models list` is on this machine yet. Get the default writer with:"
        )
        screen.command("rpsg models pull gemma-3-270m")
    for name, problem in problems.items():
        sign, style = ("✗", "red") if problem else ("✓", "green")
        screen.items([f"{name}: {problem}" if problem else f"{name} matches its digest."], sign, style)


def _size(number: int) -> str:
    return f"{number / 1e6:,.0f} MB" if number >= 5e5 else f"{number / 1e3:,.0f} kB"
