"""A server that never gives a text is reported at its first failure, and the run ends soon with the cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.models.openai.asks import ASK
from tests.models.openai.faulty import FaultyServer

from rpsg.errors import ModelError
from rpsg.models.openai.writer import ServerWriter

FOR_EVER: dict[str, tuple[Any, str]] = {
    "an error of the chat template": (
        (500, {"error": {"message": "Jinja Exception: bad template"}}),
        "Jinja Exception: bad template",
    ),
    "an error without JSON": ((500, "CUDA error: out of memory"), "CUDA error: out of memory"),
    "a gateway without its server": ((502, "<html>Bad Gateway</html>"), "HTTP 502"),
    "a server that is still loading": ((503, {"error": {"message": "Loading model"}}), "Loading model"),
    "a gateway that waits too long": ((504, "upstream request timeout"), "upstream request timeout"),
    "connections that are reset": ("reset", "no connection|connection"),
    "answers that are cut": ("cut", "connection"),
}


def test_a_server_that_refuses_everything_is_told_of_before_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit on the rate may pass, so such a server is asked for longer."""
    monkeypatch.setattr("rpsg.models.openai.retry.REFUSED_FOR", 0.05)
    monkeypatch.setattr("rpsg.models.openai.client.MIN_PATIENCE", 0.5)
    told: list[str] = []
    with FaultyServer(lambda _: (429, {"error": {"message": "quota used up"}})) as server:
        writer = ServerWriter("m", server.settings(timeout=0.2), first_pause=0.001)
        writer.tell_trouble(told.append)
        with pytest.raises(ModelError, match="gave no text"):
            writer.write([replace(ASK, seed=seed) for seed in range(4)])
    assert len(told) == 1
    assert "quota used up" in told[0]


@pytest.mark.parametrize(("fault", "words"), FOR_EVER.values(), ids=FOR_EVER)
def test_it_is_told_of_once_and_given_up_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, fault: Any, words: str
) -> None:
    monkeypatch.setattr("rpsg.models.openai.retry.NEVER_CAME", 0.3)
    told: list[str] = []
    with FaultyServer(lambda _: fault) as server:
        writer = ServerWriter("m", server.settings(timeout=0.5), first_pause=0.001)
        writer.tell_trouble(told.append)
        with pytest.raises(ModelError, match=rf"gave no text[\s\S]*(?:{words})"):
            writer.write([replace(ASK, seed=seed) for seed in range(40)])
    assert len(told) == 1
