"""``rpsg models``: which weights there are, fetching them, and checking what is on this machine."""

from __future__ import annotations

import typer

models = typer.Typer(
    help="List, fetch and check the model weights that RPSG knows by name.", no_args_is_help=False
)
