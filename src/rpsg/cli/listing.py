"""``rpsg list``: which names can be used where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["domains", "methods", "writers", "embedders", "scorers"]


def list_names(
    kind: Annotated[
        Kind, typer.Argument(metavar="KIND", help="domains, methods, writers, embedders or scorers.")
    ],
    as_json: AsJson = False,
) -> None:
    """List the names that a plan can use: domain packs, methods, models."""
    from rpsg.cli.screen import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick

    found = names(kind)
    if as_json:
        print_json({kind: [{"name": name, "about": about} for name, about in found.items()]})
    else:
        Screen.stdout().table(("name", "what it is"), list(found.items()), numbers=())


def names(kind: Kind) -> Mapping[str, str]:
    """By name, a line about it."""
    if kind == "domains":
        from rpsg.domains import find_pack, pack_names  # noqa: PLC0415  # only when it is needed: the help must be quick

        return {name: find_pack(name).title for name in pack_names()}
    raise NotImplementedError
