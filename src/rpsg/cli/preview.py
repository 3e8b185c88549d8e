"""``rpsg preview``: five texts as a run would write them, without any private data."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, AsJson, Config, takes_settings
from rpsg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.cli.console import Screen
    from rpsg.plan.previews import Sample

_SECTIONS = ("corpus.", "models.", "server.", "generation.")


@functools.partial(takes_settings, settings=tuple(s for s in SETTINGS if s.key.startswith(_SECTIONS)))
def preview(
    given: dict[str, Any],
    config: Config = None,
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="How many texts to write.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Write a few texts with the writer and the pack of a plan. No private data is read, nothing is spent.

    The texts show what the writer can write, and in which language. A run also uses noisy answers about the
    private texts, to steer and choose its own. The exit code is 6 if no text is usable.
    """
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.settings import gather, make_plan

    found = api.samples(make_plan(gather(given, config, os.environ)), count)
    if as_json:
        print_json({"samples": found})
    else:
        _show(Screen.stdout(), found)
    if all(sample.reason for sample in found):
        raise typer.Exit(ModelError.exit_code)


def _show(screen: Screen, found: Sequence[Sample]) -> None:
    for number, sample in enumerate(found, 1):
        screen.heading(f"Text {number}: {'; '.join(filter(None, sample.card.values()))}")
        screen.line(sample.text)
        if sample.reason:
            screen.items([f"A run would drop it: {sample.reason}."], sign="!", style="yellow")
    screen.heading("Next")
    screen.line("  No private data was read. If these texts are of the right kind, see what a run costs:")
    screen.command("rpsg plan DATA, with the same options")
