"""A model that fails on one private text must not end the run: that it ended would tell of that text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rpsg.errors import RpsgError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def each_or_none(count: int, ask: Callable[[slice], Iterable[T]]) -> list[T | None]:
    """What ``ask`` gives for the texts of a slice, one each; None for a text on which it fails even alone.

    Raises:
        RpsgError: ``ask`` says on purpose, and without looking at a text, that it cannot work.
    """
    found = _asked(slice(0, count), ask)
    if found is not None:
        return found
    return [one[0] if one else None for one in (_asked(slice(i, i + 1), ask) for i in range(count))]


def _asked(part: slice, ask: Callable[[slice], Iterable[T]]) -> list[T | None] | None:
    try:
        found: list[T | None] = list(ask(part))
    except (RpsgError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001  # a panic of a library in Rust is no Exception
        return None
    return found if len(found) == part.stop - part.start else None
