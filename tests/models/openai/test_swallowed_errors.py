"""An error of our own while a server is asked comes out where the answers are awaited.

If it were swallowed, these tests would wait for ever: so each has a short time of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.asks import ASK
from tests.models.openai.faulty import FaultyServer

from rpsg.models.openai.client import BatchClient
from rpsg.models.openai.http_request import HttpClient
from rpsg.models.openai.retry import RetryPolicy
from rpsg.models.openai.writer import ServerWriter

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(20)


class OurOwnError(Exception):
    """Nothing in the program expects it."""


def fails(*_: Any, **__: Any) -> Any:
    raise OurOwnError


PLACES: dict[str, tuple[type, str]] = {
    "opening the connections": (HttpClient, "__init__"),
    "sending": (HttpClient, "post"),
    "one attempt": (RetryPolicy, "attempt"),
    "reading an answer": (RetryPolicy, "read_answer"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_unexpected_error_reaches_whoever_waits_for_the_answers(
    place: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*place, fails)
    with FaultyServer() as server:
        writer = ServerWriter("m", server.settings(concurrency=2))
        with pytest.raises(OurOwnError):
            writer.write([ASK, ASK, ASK])


def test_an_error_between_two_requests_reaches_whoever_waits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchClient, "pause", fails)
    with FaultyServer() as server, pytest.RaisesGroup(OurOwnError):
        ServerWriter("m", server.settings()).write([ASK])


def test_an_error_after_the_first_answers_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    read: Callable[..., Any] = RetryPolicy.read_answer
    asked: list[int] = []

    def fails_at_the_third(self: Any, job: Any, *rest: Any) -> Any:
        asked.append(job.index)
        return read(self, job, *rest) if len(asked) < 3 else fails()

    monkeypatch.setattr(RetryPolicy, "read_answer", fails_at_the_third)
    with FaultyServer() as server:
        writer = ServerWriter("m", server.settings(concurrency=1))
        with pytest.raises(OurOwnError):
            writer.write([ASK] * 5)
    assert len(asked) == 3


def test_a_test_that_waits_for_ever_fails(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """With the settings of the project, only sooner: what a swallowed error leads to is told in time."""
    waits = tmp_path / "test_waits.py"
    waits.write_text("from queue import SimpleQueue\n\ndef test_waits():\n    SimpleQueue().get()\n")
    assert 0 < float(pytestconfig.getini("timeout")) <= 300
    settings = Path(str(pytestconfig.rootpath)) / "pyproject.toml"
    command = [sys.executable, "-m", "pytest", "-c", str(settings), "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, "-o", "timeout=0.5", str(waits)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Timeout" in ended.stdout
