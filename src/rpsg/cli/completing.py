"""What a shell completes after an option: methods, packs, models, metrics, attacks, and fixed choices.

The names are loaded only when a shell asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rpsg.registry import Kind

    Completer = Callable[[str], list[tuple[str, str]]]


def registered(kind: Kind) -> Completer:
    """The names of a kind; ``openai:MODEL`` and the like are cut before the part to fill in."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        from rpsg import registry

        found = registry.names(kind).items()
        return _beginning({_typed(name): about for name, about in found}, incomplete)

    return complete


def several(kind: Kind) -> Completer:
    """As ``registered``, for a list with commas: the last name is completed, each name is offered once."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        before, comma, last = incomplete.rpartition(",")
        given = set(before.split(","))
        found = registered(kind)(last)
        return [(before + comma + name, about) for name, about in found if name not in given]

    return complete


def packs(incomplete: str) -> list[tuple[str, str]]:
    """The domain packs that come with RPSG."""
    from rpsg.domains import find_pack, pack_names

    return _beginning({name: find_pack(name).title for name in pack_names()}, incomplete)


def assets(incomplete: str) -> list[tuple[str, str]]:
    """The models and data that can be downloaded by name."""
    from rpsg.models.catalog import CATALOGUE

    return _beginning({name: asset.purpose for name, asset in CATALOGUE.items()}, incomplete)


def one_of(choices: Sequence[str]) -> Completer:
    """A fixed choice."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return _beginning(dict.fromkeys(choices, ""), incomplete)

    return complete


def _typed(name: str) -> str:
    before, colon, value_name = name.partition(":")
    return before + colon if value_name.isupper() else name


def _beginning(names: Mapping[str, str], incomplete: str) -> list[tuple[str, str]]:
    found: Iterable[tuple[str, str]] = names.items()
    return [(name, about) for name, about in found if name.startswith(incomplete)]


#: What completes a setting, by its key. Settings with fixed choices are not listed: the plan knows their
#: choices.
COMPLETERS: Mapping[str, Completer] = {
    "corpus.domain": packs,
    "method.name": registered("methods"),
    "models.writer": registered("writers"),
    "models.embedder": registered("embedders"),
    "models.sentiment": registered("classifiers"),
    "metrics": several("metrics"),
    "embedder": registered("embedders"),
}
