"""``rpsg purge``: destroy the private half of a run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from shlex import quote
from typing import Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError


def purge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy what is private in a published run: its key first, then embeddings, stages and replies.

    The release, the commitment and the account remain. `rpsg verify` and `rpsg report` work as before;
    `rpsg verify --with-vault` and the private picture of real texts need what was destroyed.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.pipeline.purge import purge as purge_run
    from rpsg.pipeline.purge import require_published

    require_published(run)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "There is no terminal on which to ask.",
                hint=f"To purge for good: rpsg purge {quote(str(run))} --yes",
            )
        typer.confirm(f"Destroy the private half of {run} for good?", abort=True)
    done = purge_run(run)
    if as_json:
        print_json({"purged": {**asdict(done), "path": str(done.path)}})
        return
    screen = Screen.stdout()
    screen.heading("Destroyed")
    screen.items(done.destroyed or ("nothing: it was purged before",))
    screen.heading("What a purge does not reach")
    screen.items(done.not_reached)
