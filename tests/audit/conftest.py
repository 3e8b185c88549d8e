"""A shop whose people are audited, and its method, whose corpus a test can exchange."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.audit.shop import Shop, honest, one_count

from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Lab

    from rpsg.methods.base import Job


@pytest.fixture
def shop(lab: Lab) -> Shop:
    return Shop(lab)


def _made(how: dict[str, Callable[[Job], list[str]]], job: Job) -> list[str]:
    return how["corpus"](job)


@pytest.fixture
def method() -> Iterator[dict[str, Callable[[Job], list[str]]]]:
    """The method one-count, whose corpus a test can exchange."""
    how: dict[str, Callable[[Job], list[str]]] = {"corpus": honest}
    with plugged("methods", {"one-count": one_count(partial(_made, how))}):
        yield how
