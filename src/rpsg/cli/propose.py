"""``rpsg propose``: a draft of a domain pack from one public line."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated

import typer

from rpsg.errors import UsageError


def propose(
    about: Annotated[
        str, typer.Option("--about", help="What the texts are, in one line that will be public.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PACK", help="New folder for the pack.")],
    writer: Annotated[
        str,
        typer.Option(
            "--writer", help="The model that proposes: a name, a GGUF file, or hf:OWNER/REPO/FILE.gguf."
        ),
    ] = "gemma-3-270m",
    embedder: Annotated[
        str, typer.Option("--embedder", help="The model that recognizes topics with the same meaning.")
    ] = "minilm",
    size: Annotated[
        int, typer.Option("--size", min=8, max=200, help="Maximum number of topics to propose.")
    ] = 60,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="A different seed proposes different topics.")
    ] = 0,
) -> None:
    """Let the writer propose a domain pack from one public line. The writer sees no private text.

    Read and edit topics.txt in the folder before you look at the data; then use the folder as --domain.
    """
    from rpsg.cli.console import Screen
    from rpsg.disk.files import nearest
    from rpsg.domains import pack_folder, read_pack
    from rpsg.pipeline.models_of_run import load_tools
    from rpsg.plan import resolve
    from rpsg.stages.propose_schema import propose_topics, write_pack

    if out.exists():
        raise UsageError(f"{out} exists already.", hint="Choose a new folder with -o.")
    if not os.access(nearest(out.absolute()), os.W_OK):
        raise UsageError(f"{out} cannot be made: permission denied.", hint="Choose another folder with -o.")
    tools = load_tools(resolve({"models": {"writer": writer, "embedder": embedder}}))
    topics = propose_topics(about, tools.writer, tools.embedder, size=size, seed=seed)
    write_pack(pack_folder("generic"), out, out.name, about, topics)
    read_pack(out)
    screen = Screen.stdout()
    screen.heading(f"{len(topics)} topics, in {out / 'topics.txt'}")
    screen.items(topics)
    screen.heading("Next: read and edit the topics, then")
    screen.command(f"rpsg plan --domain {out} ...")
