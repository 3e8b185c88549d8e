"""``rpsg view``: the runs and comparisons of a folder in the browser."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time

ENDED = "The viewer has ended."


def view(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A folder of runs and comparisons.", show_default="this folder"
        ),
    ] = Path(),
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="N",
            help="The port to listen on; if it is in use, the viewer takes another. 0: any free port.",
        ),
    ] = 8765,
    opened: Annotated[
        bool,
        typer.Option(
            "--open/--no-open",
            help="Open the page in the browser. Other users of this machine may then see the address and its "
            "token in the list of processes.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the runs and comparisons of a folder in the browser, until Ctrl-C.

    The pages are those of the report. Other pages show all texts with the history of each, two releases side
    by side, and the progress of a run. Nothing can be changed, and private folders are never read. Only this
    machine can reach the viewer, and only with the token in the address that is printed.

    The command needs the extra view, and says how to install it if it is missing.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.viewer.server import Viewer

    viewer = Viewer(folder, port)
    if as_json:
        print_json({"view": {"address": viewer.address, "port": viewer.port, "folder": viewer.folder}})
    else:
        screen = Screen.stdout()
        if port not in {0, viewer.port}:
            screen.line(f"Port {port} is in use, so the viewer listens on {viewer.port}.")
        screen.line("Open this address in a browser on this machine. Ctrl-C ends the viewer.")
        screen.command(viewer.address)
    sys.stdout.flush()
    if opened:
        import webbrowser

        webbrowser.open(viewer.address)
    with suppress(KeyboardInterrupt):  # in the background Ctrl-C is ignored, and serve() returns without it
        viewer.serve()
    Screen.stderr().line(ENDED)
