"""Embeddings of a server."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.models.openai.asks import ASK, written
from tests.models.openai.faulty import Asked, FaultyServer

from rpsg.errors import ModelError
from rpsg.models.openai.embedder import ServerEmbedder
from rpsg.protocols import Message


def rows(asked: Asked) -> Any:
    data = [{"index": i, "embedding": [3.0, 4.0, float(len(t))]} for i, t in enumerate(asked.body["input"])]
    return {"data": data[::-1]}


def test_rows_come_back_in_order_and_of_unit_length() -> None:
    texts = ["a", "bb", "", "cccc", "d"]
    with FaultyServer(rows) as server:
        embedder = ServerEmbedder("e", server.settings(), batch=2)
        found = embedder.embed(texts)
    assert (found.shape, found.dtype) == ((5, 3), np.dtype("float32"))
    assert not found[2].any()
    assert np.allclose(np.linalg.norm(found[[0, 1, 3, 4]], axis=1), 1)
    assert found[3][2] / found[3][0] == pytest.approx(4 / 3)
    assert [asked.path for asked in server.asked] == ["/v1/embeddings"] * 3


def test_a_server_on_this_machine_is_given_one_text_at_a_time() -> None:
    with FaultyServer(rows, latency=0.005) as server:
        ServerEmbedder("e", server.settings()).embed(["a", "b", "c"])
    assert {len(asked.body["input"]) for asked in server.asked} == {1}
    assert server.most_under_way == 1


def test_a_text_that_the_server_declines_is_a_zero_row_and_its_neighbours_are_not() -> None:
    def behave(asked: Asked) -> Any:
        long = max(map(len, asked.body["input"])) > 10
        return (400, {"error": {"code": "context_length_exceeded"}}) if long else rows(asked)

    with FaultyServer(behave) as server:
        found = ServerEmbedder("e", server.settings(), batch=3).embed(["a", "b" * 50, "c"])
    assert found.any(axis=1).tolist() == [True, False, True]


def test_a_text_that_the_server_has_no_row_for_is_a_zero_row_not_an_error() -> None:
    odd = {"b": {"data": []}, "c": {"data": [{"embedding": ["x"]}]}, "d": {"data": [{"embedding": [1.0]}]}}
    with FaultyServer(lambda a: odd.get(a.body["input"][0]) or rows(a)) as server:
        found = ServerEmbedder("e", server.settings(retries=0)).embed(["a", "b", "c", "d", "e"])
    assert found.any(axis=1).tolist() == [True, False, False, False, True]


def test_a_server_that_goes_out_of_order_is_an_error_and_not_a_row_of_zeros_each() -> None:
    def behave(asked: Asked) -> Any:
        return rows(asked) if len(server.asked) < 2 else {"data": []}

    with FaultyServer(behave) as server, pytest.raises(ModelError, match="not even of one plain word"):
        ServerEmbedder("e", server.settings(retries=0)).embed(["a", "b"])


@pytest.mark.parametrize(
    "said",
    [
        {"data": []},
        {"data": [{"embedding": [0.0, 0.0]}]},
        {"data": [{"embedding": ["x"]}]},
        {"rows": 1},
        "not-json",
    ],
)
def test_rows_that_are_none_are_an_error(said: Any) -> None:
    with FaultyServer(lambda _: said) as server, pytest.raises(ModelError, match="gave no embedding"):
        ServerEmbedder("e", server.settings()).embed(["a"])


def test_no_text_stands_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    private = "ZQXMARKER"
    with FaultyServer(
        lambda a: rows(a) if private not in json.dumps(a.body) else (400, {"error": private})
    ) as server:
        ServerEmbedder("e", server.settings()).embed(["tea", private])
        written(server, replace(ASK, messages=(Message("user", private),)))
    assert private not in caplog.text
