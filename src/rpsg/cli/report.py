"""``rpsg report``: a finished run as one HTML page, or as a summary on the terminal."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import TYPE_CHECKING, Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError
from rpsg.storage.layout import PRIVATE, REPORT

if TYPE_CHECKING:
    from rpsg.release.reader import Release


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or the release folder of one.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=f"The file to write. Default: RUN/{REPORT}, or RUN/{PRIVATE}/{REPORT}.",
            show_default=False,
        ),
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            metavar="",
            help=(
                "Also show internal metrics, and how close the corpus comes to the real texts. Never share "
                "this report."
            ),
        ),
    ] = False,
    as_text: Annotated[
        bool, typer.Option("--text", metavar="", help="Print a summary and write no file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a report of a finished run: one HTML page with pictures, which needs no network.

    The public page shows only what was already public, and noisy answers that the privacy budget covers.
    RUN/release contains the page that was made with the release.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.release.reader import Release
    from rpsg.report.as_json import facts_of
    from rpsg.report.files import write_private, write_public

    release = Release(run)
    if as_text:
        _print_summary(release, out=out, private=private, as_json=as_json)
        return
    file, scores = (write_private if private else write_public)(release, out)
    if as_json:
        print_json({"report": {"file": file, "private": private, **facts_of(release, scores)}})
        return
    screen = Screen.stdout()
    screen.line("PRIVATE, never share it:" if private else "Written:", "bold red" if private else "")
    screen.command(str(file))


def _print_summary(release: Release, *, out: Path | None, private: bool, as_json: bool) -> None:
    from rpsg.cli.console import Screen
    from rpsg.report.summary import summary

    if out is not None or private or as_json:
        raise UsageError(
            "--text prints the public summary and cannot be combined with other options.",
            hint="Try: rpsg report RUN --text",
        )
    Screen.stdout().markdown(summary(release))
