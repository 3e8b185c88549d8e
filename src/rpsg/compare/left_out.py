"""Which cells a comparison leaves out: those that match every list of a rule."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.compare.keys import CellKey
    from rpsg.compare.matrix import LeftOut

#: The lists of a rule, each with the part of a cell's key that it is about.
LISTS = {
    "methods": "method",
    "data": "data",
    "writers": "writer",
    "epsilon": "epsilon",
    "seeds": "seed",
    "people": "people",
    "sizes": "size",
    "temperatures": "temperature",
}


def matches(rule: LeftOut, key: CellKey) -> bool:
    """Whether a cell is left out by the rule; a list that is empty matches everything."""
    given = ((getattr(rule, name), getattr(key, part)) for name, part in LISTS.items())
    return all(not values or value in values for values, value in given)


def check_rules(rules: Sequence[LeftOut], keys: Sequence[CellKey]) -> None:
    """UsageError for a rule with a value that leaves no cell out, because it would silently have no
    effect.
    """
    for rule in rules:
        found = [key for key in keys if matches(rule, key)]
        # Report a value that no cell has at all, or else one that no cell has together with the other values.
        idle = next(chain(_idle(rule, keys), _idle(rule, found)), None)
        if idle is not None:
            name, value = idle
            raise UsageError(
                f"leave_out ({rule.reason!r}): no cell is left out by {name} = {_shown(value)}.",
                hint=_known(rule, name, keys),
            )


def _idle(rule: LeftOut, keys: Sequence[CellKey]) -> Iterator[tuple[str, Any]]:
    """The values of a rule's lists that none of these cells has."""
    for name, part in LISTS.items():
        here = {getattr(key, part) for key in keys}
        yield from ((name, value) for value in getattr(rule, name) if value not in here)


def _known(rule: LeftOut, name: str, keys: Sequence[CellKey]) -> str:
    """The values that the rule could have: those of the cells that match its other lists."""
    others = rule.model_copy(update={name: ()})
    values = dict.fromkeys(getattr(key, LISTS[name]) for key in keys if matches(others, key))
    known = ", ".join(_shown(value) for value in values if value not in {None, ""})
    return f"With its other lists it can have: {known}." if known else "No cell matches its other lists."


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
