"""``rpsg ledger``: the JSON Schema of ledgers, and a ledger as an entry of a public registry."""

from __future__ import annotations

import json
import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated

import typer

from rpsg.errors import UsageError

ledger = typer.Typer(
    no_args_is_help=True, help="Print the JSON Schema of ledgers, or convert a ledger to another format."
)


@ledger.callback()
def about() -> None:
    """Print the JSON Schema of ledgers, or convert a ledger to another format."""


@ledger.command("export")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or the release folder of one.")],
    registry: Annotated[
        bool,
        typer.Option(
            "--registry",
            metavar="",
            help="As an entry for the public registry of differential-privacy deployments.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file to write. Default: print it.")
    ] = None,
) -> None:
    """Print a release's ledger as an entry of the public registry of differential-privacy deployments.

    What a ledger cannot know, such as who publishes and why epsilon was chosen, is null: fill it in. This
    command checks nothing: check the release first with `rpsg verify`.
    """
    from rpsg.cli.console import Screen
    from rpsg.disk.files import PUBLIC_MODE, write_atomic
    from rpsg.release.reader import Release
    from rpsg.report.deployment import deployment, missing

    if not registry:
        raise UsageError(
            "No format was named.", hint=f"So far there is only one: rpsg ledger export {run} --registry"
        )
    entry = deployment(Release(run))
    text = json.dumps(entry, indent=1)  # ASCII: a release of somebody else may contain control characters
    if out is None:
        typer.echo(text)
        return
    if os.path.lexists(out):
        raise UsageError(f"{out} exists already.", hint="Choose another name for the entry with -o.")
    write_atomic(out, f"{text}\n".encode(), PUBLIC_MODE)
    screen = Screen.stdout()
    screen.heading(f"Written to {out}. Fill in these fields before you submit the entry")
    screen.items(tuple(missing(entry)))


@ledger.command("schema")
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of the ledger.json of every release.

    The schema describes the form rpsg-ledger/2, which releases of version 0.1.0 have too. What a schema
    cannot say, such as that the figures follow from each other, is checked by `rpsg verify`.
    """
    from rpsg.privacy.schema import ledger_schema

    typer.echo(json.dumps(ledger_schema(), indent=1, ensure_ascii=False))
