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
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", metavar="", help="Do not ask for confirmation.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy what is private in a published run: its key first, then embeddings, stages and replies.

    The release, the commitment and the account remain. `rpsg verify` and `rpsg report` work as before; `rpsg
    verify --with-vault` and the picture of real texts in the private report no longer work.

    A run that waits for its shards can be purged too. Then nobody can open the shards' files, and the run
    cannot be resumed.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.pipeline.purge import is_published, require_finished_or_shards
    from rpsg.pipeline.purge import purge as purge_run

    require_finished_or_shards(run)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "This must be confirmed, but there is no terminal to ask on.",
                hint=f"To purge for good: rpsg purge {quote(str(run))} --yes",
            )
        rest = "" if is_published(run) else " It has no release, and there will never be one."
        typer.confirm(f"Destroy the private part of {run} for good?{rest}", abort=True)
    done = purge_run(run)
    if as_json:
        print_json({"purged": {**asdict(done), "path": str(done.path)}})
        return
    screen = Screen.stdout()
    screen.heading("Destroyed")
    screen.items(done.destroyed or ("nothing: it was purged before",))
    screen.heading("What a purge does not reach")
    screen.items(done.not_reached)
