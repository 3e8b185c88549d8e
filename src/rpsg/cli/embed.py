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
        typer.Option("--out", "-o", metavar="RUN", help="Folder of the run, which rpsg run then continues."),
    ],
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Embed the private texts of a run, and then stop. This is the slow part of reading them.

    `rpsg run` with the same settings and the same RUN then continues from there and does not embed the texts
    again. So you can embed a large number of texts when a machine is free. You can also embed them on another
    machine, with a fast embedder (a GPU with --embedder st:MODEL), if RUN and RPSG_HOME are on a disk that
    both machines share.

    As in a run, the account must have enough budget left for the plan, the writer is tested on public
    prompts, and the file is read. No noisy answer is drawn, so no budget is spent, and none is reserved while
    the texts are embedded. The embeddings are stored in RUN/private, encrypted like everything private there.

    You can stop the command at any time. The same command continues after the last block of 8,192 texts that
    was finished. If the file has changed since then, all texts are embedded again. If you change the writer
    or the prompts, the embeddings are kept. If you change the budget, the schema, the embedder or the choice
    of rows, `rpsg run` embeds the texts again.
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
    screen.line("The private texts have been embedded. No budget was spent. To continue:")
    screen.command(shlex.join(["rpsg", "run", *retyped(given, config), "-o", str(out)]))
