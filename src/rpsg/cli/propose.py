"""``rpsg propose``: a draft of a domain pack from one public line."""

from __future__ import annotations

import functools
import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, Config, takes_settings
from rpsg.errors import UsageError


@functools.partial(
    takes_settings, settings=tuple(s for s in SETTINGS if s.key.startswith(("models.", "server.")))
)
def propose(
    given: dict[str, Any],
    about: Annotated[
        str, typer.Option("--about", help="What the texts are, in one line that will be public.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PACK", help="New folder for the pack.")],
    config: Config = None,
    like: Annotated[
        str,
        typer.Option(
            "--like",
            metavar="PACK",
            help="The pack that it starts from: its prompts, lengths and examples stay. Default: the "
            "English pack for the most similar texts, or generic.",
        ),
    ] = "",
    size: Annotated[
        int, typer.Option("--size", min=8, max=200, help="Maximum number of topics to propose.")
    ] = 60,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="A different seed proposes different topics.")
    ] = 0,
) -> None:
    """Let the writer propose a domain pack from one public line. The writer sees no private text.

    The new pack is a copy of the one for the most similar texts, with other topics: those that the writer
    proposes, and those of the old pack that fit. Read and edit it before you look at the data; then use its
    folder as --domain.
    """
    from rpsg.cli.console import Screen
    from rpsg.cli.settings import gather, make_plan
    from rpsg.disk.files import nearest
    from rpsg.domains import find_pack, pack_folder, pack_names, read_pack
    from rpsg.pipeline.models_of_run import load_tools
    from rpsg.stages.propose_schema import (
        check_replaceable,
        headings,
        propose_topics,
        similar_pack,
        write_pack,
    )

    if out.exists():
        raise UsageError(f"{out} exists already.", hint="Choose a new folder with -o.")
    if not os.access(nearest(out.absolute()), os.W_OK):
        raise UsageError(f"{out} cannot be made: permission denied.", hint="Choose another folder with -o.")
    folder = pack_folder(like) if like else None
    if folder:
        check_replaceable(read_pack(folder))
    tools = load_tools(make_plan(gather(given, config, os.environ)))
    if folder is None:
        english = [pack for pack in map(find_pack, pack_names()) if pack.language == "en"]
        found = similar_pack(about, english, tools.embedder)
        folder = pack_folder(found.name if found else "generic")
    topics = propose_topics(about, read_pack(folder), tools.writer, tools.embedder, size=size, seed=seed)
    grouped = headings(topics, tools.embedder)
    write_pack(folder, out, about, topics, grouped)
    screen = Screen.stdout()
    screen.heading(f"{len(topics)} topics under {len(grouped)} headings, in {out / 'topics.txt'}")
    screen.items(f"{heading}: {', '.join(members)}" for heading, members in grouped.items())
    screen.heading("Next")
    screen.line(
        f"  Prompts, lengths and examples are those of the pack {folder.name}. Edit the topics, and in "
        "pack.toml above all the examples, because the writer imitates them. Then see what texts it "
        "gives, without private data:"
    )
    screen.command(f"rpsg preview --domain {out}")
