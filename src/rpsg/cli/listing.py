"""``rpsg list``: the names that a plan can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.registry import Kind

Listed = Literal[
    "domains",
    "methods",
    "writers",
    "embedders",
    "scorers",
    "classifiers",
    "recognizers",
    "metrics",
    "attacks",
]


def list_names(
    kind: Annotated[
        Listed,
        typer.Argument(
            metavar="KIND",
            help="domains, methods, writers, embedders, scorers, classifiers, recognizers, metrics or "
            "attacks.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List the names that a plan can use: domain packs, methods, models."""
    from rpsg.cli.console import Screen, print_json
    from rpsg.domains import find_pack, pack_names

    found = {name: find_pack(name).title for name in pack_names()} if kind == "domains" else _registered(kind)
    if as_json:
        print_json({kind: [{"name": name, "about": about} for name, about in found.items()]})
    else:
        Screen.stdout().table(("name", "what it is"), list(found.items()))


def _registered(kind: Kind) -> Mapping[str, str]:
    """One line about each name. Only methods of other packages are loaded for it."""
    from rpsg import registry

    if kind == "metrics":
        return registry.names(kind)
    return {name: _about(kind, name) for name in registry.names(kind)}


def _about(kind: Kind, name: str) -> str:
    from rpsg.models.catalog import CATALOGUE
    from rpsg.registry import built_in

    if name in CATALOGUE:
        return CATALOGUE[name].purpose
    if name == "fake":
        return "Needs no weights; for tests and first attempts."
    if known := built_in(kind).get(name):
        return known[1]
    if kind == "methods":
        return _declared(name)
    return "From another package."


def _declared(method: str) -> str:
    """What a method of another package says of itself; its module is imported for this."""
    from rpsg.errors import UsageError
    from rpsg.methods.named import find_method

    try:
        return find_method(method).about
    except UsageError as error:
        return f"Cannot be used. {error.message}"
