"""The server writer keeps every law of a writer, with a real llama.cpp server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.models.openai.conftest import KEY

from rpsg.errors import ModelError
from rpsg.models.openai.embedder import ServerEmbedder
from rpsg.models.openai.writer import ServerWriter
from rpsg.protocols import Message, Request, Writer
from rpsg.testing.laws.embedder import TEXTS
from rpsg.testing.laws.writer import BATCH, WriterLaws, request

if TYPE_CHECKING:
    from rpsg.plan import ServerSection


@pytest.mark.weights
class TestChatOfARealServer(WriterLaws):
    @pytest.fixture
    def writer(self, llama: ServerSection) -> Writer:
        return ServerWriter("any", llama)

    def test_a_text_cut_by_its_length_says_so(self, writer: Writer) -> None:
        assert writer.write([request("honey", 1, tokens=3)])[0].finish == "length"

    def test_a_request_too_long_for_the_context_fails_alone(self, writer: Writer) -> None:
        long = Request((Message("user", "word " * 2000),), max_tokens=4, seed=1)
        first, failed, last = writer.write([BATCH[0], long, BATCH[1]])
        assert (first.finish != "error", last.finish != "error") == (True, True)
        assert (failed.text, failed.error) == ("", "longer than the context of the model")

    def test_a_wrong_key_stops_everything_with_a_hint(
        self, llama: ServerSection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY, "not-this-one")
        with pytest.raises(ModelError, match=rf"does not accept the credentials[\s\S]*{KEY}"):
            ServerWriter("any", llama).write(BATCH)


@pytest.mark.weights
def test_completions_go_on_from_the_prompt_and_the_beginning(llama: ServerSection) -> None:
    writer = ServerWriter("any", llama.model_copy(update={"api": "completions"}))
    ask = replace(BATCH[0], begins="To our surprise the green tea", max_tokens=8)
    begun, plain = writer.write([ask, BATCH[1]])
    assert begun.text.startswith(ask.begins)
    assert begun.text.count(ask.begins) == 1
    assert plain.finish in {"stop", "length"}
    assert plain.completion_tokens > 0


@pytest.mark.weights
def test_a_row_of_a_local_server_depends_on_its_own_text_only(llama_rows: ServerSection) -> None:
    embedder = ServerEmbedder("any", llama_rows)
    texts = TEXTS[:3]
    together = embedder.embed(texts)
    assert together.shape == (len(texts), embedder.dim)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    for index, text in enumerate(texts):
        assert np.array_equal(embedder.embed([text])[0], together[index])
    assert not embedder.embed(["", "tea"])[0].any()
