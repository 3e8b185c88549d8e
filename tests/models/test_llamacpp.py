"""The local writer before any weights are loaded, and what the server's words become."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import MissingExtraError, ModelError
from rpsg.models.gguf import read_header
from rpsg.models.llamacpp import server as llama_server
from rpsg.models.llamacpp import writer as llamacpp
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from pathlib import Path

    from tests.models.conftest import MakeGguf

ASK = Request((Message("user", "Say hello."),), max_tokens=8, seed=2**32 - 1, temperature=0.7, stop=("END",))


def test_the_name_tells_the_file_and_its_content(make_gguf: MakeGguf) -> None:
    one, other = LlamaCppWriter(make_gguf("a.gguf")), LlamaCppWriter(make_gguf("b.gguf", data=96))
    assert one.name.startswith("llamacpp:a@")
    assert one.name.rpartition("@")[2] != other.name.rpartition("@")[2]


def test_a_damaged_file_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\xff" * 40)
    with pytest.raises(ModelError, match="damaged"):
        LlamaCppWriter(bad)


def test_a_file_that_only_looks_right_is_refused_when_it_is_loaded(make_gguf: MakeGguf) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(ModelError, match="could not load"):
        LlamaCppWriter(make_gguf(), slots=1).write([ASK])


def test_defaults_shrink_until_they_fit_into_memory(
    make_gguf: MakeGguf, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make_gguf(llama__block_count=100, llama__embedding_length=4096, llama__context_length=8192)
    monkeypatch.setattr(llamacpp, "available_memory", lambda: 6 << 30)
    roomy = LlamaCppWriter(make_gguf("tiny.gguf"), threads=2)
    tight = LlamaCppWriter(big, threads=2)
    assert roomy.slots == 16
    assert 1 <= tight.slots < 8


def test_more_slots_than_memory_holds_are_refused(
    make_gguf: MakeGguf, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make_gguf(llama__block_count=100, llama__embedding_length=4096, llama__context_length=8192)
    monkeypatch.setattr(llamacpp, "available_memory", lambda: 6 << 30)
    with pytest.raises(ModelError, match="MB of memory") as caught:
        LlamaCppWriter(big, slots=64)
    assert "fewer slots" in caught.value.hint


@pytest.mark.parametrize(("slots", "threads", "expected"), [(6, 2, 6), (1, 4, 1), (None, 1, 8), (5, 2, 6)])
def test_slots_are_shared_out_among_the_cores(
    make_gguf: MakeGguf, slots: int | None, threads: int, expected: int
) -> None:
    assert LlamaCppWriter(make_gguf(), slots=slots, threads=threads).slots == expected


@pytest.mark.parametrize(("kind", "slots"), [(0, 8), (3, 8), (6, 7), (8, 7), (12, 7), (14, 7)])
def test_weights_not_known_to_be_even_run_in_narrow_steps(make_gguf: MakeGguf, kind: int, slots: int) -> None:
    """F32 and Q4_1 may run wide; Q5_0, Q8_0, Q4_K and Q6_K layers may not."""
    path = make_gguf(kind=kind)
    assert llamacpp._is_narrow(read_header(path)) is (slots == 7)
    assert LlamaCppWriter(path, threads=1).slots == slots


def test_without_the_package_the_extra_is_named(make_gguf: MakeGguf, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "xllamacpp":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"rpsg\[local\]"):
        LlamaCppWriter(make_gguf()).write([ASK])


def test_every_sampler_is_set_by_the_request_and_none_by_the_server() -> None:
    payload = llama_server._payload(ASK, 3, chat=True)
    assert payload["samplers"] == ["top_k", "temperature", "top_p"]
    assert (payload["temperature"], payload["top_p"], payload["min_p"]) == (0.7, 0.95, 0.0)
    assert (payload["stop"], payload["id_slot"], payload["max_tokens"]) == (["END"], 3, 8)
    assert payload["messages"] == [{"role": "user", "content": "Say hello."}]


def test_no_seed_means_a_random_one() -> None:
    """The largest 32-bit number asks llama.cpp for a random seed: it must never be sent."""
    assert llama_server._payload(ASK, 0, chat=True)["seed"] != 2**32 - 1


def test_a_model_without_a_chat_template_goes_on_with_a_document() -> None:
    shown = (
        Message("user", "Topic: tea\nReview:"),
        Message("assistant", "Good."),
        Message("user", "Topic: oil\nReview:"),
    )
    payload = llama_server._payload(replace(ASK, messages=shown, begins="I tried"), 0, chat=False)
    assert payload["prompt"] == "Topic: tea\nReview: Good.\n\nTopic: oil\nReview: I tried"
    assert payload["stop"] == ["END", "\n\n", "\nTopic:", "\nReview:"]
    assert "messages" not in payload


def test_a_beginning_is_the_start_of_the_answer_that_the_model_goes_on_with() -> None:
    payload = llama_server._payload(replace(ASK, begins="Hello to"), 0, chat=True)
    assert payload["messages"][-1] == {"role": "assistant", "content": "Hello to"}


def test_weights_with_a_template_used_for_text_have_a_name_of_their_own(make_gguf: MakeGguf) -> None:
    chats = make_gguf("chats.gguf", tokenizer__chat_template="{{ messages }}")
    assert LlamaCppWriter(chats, form="text").name == f"{LlamaCppWriter(chats).name}+text"
    assert LlamaCppWriter(chats, form="chat").name == LlamaCppWriter(chats).name
    base = make_gguf("base.gguf")
    assert LlamaCppWriter(base, form="text").name == LlamaCppWriter(base).name


def test_a_base_model_is_not_asked_to_chat(make_gguf: MakeGguf) -> None:
    with pytest.raises(ModelError, match="no chat template"):
        LlamaCppWriter(make_gguf(), form="chat")


def answer(*chunks: dict[str, Any], stopped: bool = False, begins: str = "") -> llama_server._Answer:
    made = llama_server._Answer(lambda: stopped, begins)
    for chunk in chunks:
        made.take(chunk)
    return made


def test_the_pieces_of_an_answer_become_one_reply() -> None:
    reply = answer(
        {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
    ).reply()
    assert (reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens) == (
        "Hello",
        "length",
        9,
        2,
    )


def test_a_refused_request_is_a_reply_and_a_lost_server_is_not() -> None:
    refused = answer({"error": {"message": "too long", "type": "exceed_context_size_error"}}).reply()
    assert (refused.finish, refused.text, refused.error) == ("error", "", "llama.cpp: too long")
    with pytest.raises(llama_server.ServerGoneError):
        answer({"error": {"message": "stopping", "type": "unavailable_error"}}).reply()


def test_an_answer_that_never_ended_is_an_error() -> None:
    piece = {"choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]}
    assert answer(piece, stopped=True).reply().error == "interrupted"
    assert answer().reply().error == "no answer"
