"""``rpsg ledger``: what a ledger says, in the form that others ask for."""

from __future__ import annotations

import json
import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated

import typer

from rpsg.errors import UsageError

ledger = typer.Typer(no_args_is_help=True, help="Hand on what a ledger says in the form that others ask for.")


@ledger.callback()
def about() -> None:
    """Hand on what a ledger says in the form that others ask for."""


@ledger.command("export")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or the release folder of one.")],
    registry: Annotated[
        bool,
        typer.Option("--registry", metavar="", help="An entry for the public registry of DP deployments."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where it goes. Default: the screen.")
    ] = None,
) -> None:
    """Print a release's ledger as an entry of the public registry of differential-privacy deployments.

    What no ledger can know, such as who publishes and why epsilon was chosen, is null: fill it in. Check the
    release first with `rpsg verify`; nothing is checked here.
    """
    from rpsg.cli.console import Screen  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.files import write_atomic  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.pipeline.release_files import PUBLIC_MODE  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.report.deployment import missing  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.verification.registry_entry import registry_entry  # noqa: PLC0415  # only when it is needed: the help must be quick

    if not registry:
        raise UsageError("Say in which form.", hint=f"There is one: rpsg ledger export {run} --registry")
    entry = registry_entry(run)
    text = json.dumps(entry, indent=1)  # ASCII: a stranger's words may hold what moves a terminal
    if out is None:
        typer.echo(text)
        return
    if os.path.lexists(out):
        raise UsageError(f"{out} is there already.", hint="Choose another name for the entry with -o.")
    write_atomic(out, f"{text}\n".encode(), PUBLIC_MODE)
    screen = Screen.stdout()
    screen.heading(f"Written to {out}. Still to fill in")
    screen.items(tuple(missing(entry)))
