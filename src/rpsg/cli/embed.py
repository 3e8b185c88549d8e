"""``rpsg embed``: the private embeddings of a run, before the run."""

from __future__ import annotations

import os
import shlex
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated, Any

import typer

from rpsg.cli.options import AsJson, Config, Quiet, takes_settings


@takes_settings
def embed(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder of the run, which rpsg run then goes on with."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Embed the private texts of a run and stop: the slow part of reading them, as a step of its own.

    `rpsg run` with the same settings and the same RUN then goes on from there, and does not embed them again.
    So many texts can be embedded while a machine is free, or on one whose embedder is faster (a GPU, with
    --embedder st:MODEL), if the data, RUN and RPSG_HOME are on a disk that both machines share.

    As in a run, the account must have room for the plan, the writer is tried on public prompts, and the file
    is read. No noisy answer is drawn, so no budget is spent. It is reserved until the command ends or, if
    that is killed, until the run goes on. The embeddings are stored in RUN/private, encrypted like all that
    is private there.

    It can be stopped at any time; the same command goes on after the last 8,192 texts that were finished. If
    the file has changed since, all texts are embedded again. You can still change the writer and its prompts.
    After a change of budget, schema, embedder or data settings the run begins anew, without the embeddings.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.progress import progress_for
    from rpsg.cli.settings import gather, make_plan, retyped
    from rpsg.pipeline.embedding import embed as embed_texts

    plan = make_plan(gather(given, config, os.environ))
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        finished = embed_texts(plan, out, progress=progress)
    if as_json:
        print_json({"embedded": {"path": str(out), "finished": finished is not None}})
        return
    screen = Screen.stdout()
    if finished is not None:
        screen.line(f"The run in {out} is finished already; nothing was embedded.")
        return
    screen.line("The private texts are embedded, and nothing was spent. To go on:")
    screen.command(shlex.join(["rpsg", "run", *retyped(given, config), "-o", str(out)]))
