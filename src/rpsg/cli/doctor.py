"""``rpsg doctor``: is everything here that a run needs?"""

from __future__ import annotations

import functools
import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, AsJson, Config, takes_settings

if TYPE_CHECKING:
    from rpsg.cli.console import Screen
    from rpsg.release.run import Diagnosis

_SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@functools.partial(takes_settings, settings=tuple(s for s in SETTINGS if s.key != "data.path"))
def doctor(
    given: dict[str, Any],
    where: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA|RUN",
            help="The private texts, whose header is checked; or a run folder, whose permissions are.",
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine: packages, weights, keys, file permissions, randomness, and that the writer works.

    It takes the options of rpsg run. Each problem comes with what to do about it; if there is a problem, the
    exit code is 1. No private row is used.
    """
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.settings import gather, make_plan
    from rpsg.storage.layout import RUN

    run = where if where is not None and _is_file(where / RUN) else None
    if where is not None and run is None:
        given["data.path"] = str(where)
    plan = make_plan(gather(given, config, os.environ))
    screen, found = Screen.stdout(), []
    for finding in api.examine(plan, run):
        found.append(finding)
        if not as_json:
            _show(screen, finding)
    broken = [finding for finding in found if finding.status == "fail"]
    if as_json:
        print_json({"doctor": {"ok": not broken, "findings": found}})
    else:
        screen.line()
        if broken:
            screen.line(f"{len(broken)} of these must be fixed before a run.", "red")
        else:
            screen.line("A run can start.", "green")
    if broken:
        raise typer.Exit(1)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or the folder cannot be searched
        return False


def _show(screen: Screen, finding: Diagnosis) -> None:
    sign, style = _SIGNS[finding.status]
    screen.items([f"{finding.name}: {finding.detail}"], sign, style)
    if finding.fix:
        screen.command(f"    {finding.fix}")
