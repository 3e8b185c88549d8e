"""The header of a file of weights, and the files that are refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import ModelError
from rpsg.models.gguf import is_gguf, read_header

if TYPE_CHECKING:
    from pathlib import Path

    from tests.models.conftest import MakeGguf


def test_facts_are_read_and_long_lists_skipped(make_gguf: MakeGguf) -> None:
    path = make_gguf(llama__block_count=3, tokens=["a", "b"], big=list(range(5000)), few=[1, 2])
    header = read_header(path)
    assert header.number("block_count", 1) == 3
    assert header.number("no_such_thing", 7) == 7
    assert (header.facts["tokens"], header.facts["big"], header.facts["few"]) == (None, None, [1, 2])
    assert not header.has_chat_template


def test_memory_of_a_token_is_layers_times_heads_times_key_and_value(make_gguf: MakeGguf) -> None:
    facts = {
        "llama__block_count": 30,
        "llama__embedding_length": 576,
        "llama__attention__head_count": 9,
        "llama__attention__head_count_kv": 3,
    }
    header = read_header(make_gguf(**facts))
    assert header.cache_bytes_per_token(1.0) == 30 * 3 * (64 + 64)
    layered = read_header(make_gguf(**{**facts, "llama__attention__head_count_kv": [1, 3, 2]}))
    assert layered.cache_bytes_per_token(1.0) == 30 * 3 * (64 + 64)


def test_a_missing_file_is_told_with_the_command_that_brings_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file of weights") as caught:
        read_header(tmp_path / "nothing.gguf")
    assert "rpsg models pull" in caught.value.hint


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    assert not is_gguf(path)
    with pytest.raises(ModelError, match="not a GGUF file"):
        read_header(path)


def test_a_file_cut_anywhere_is_refused(make_gguf: MakeGguf, tmp_path: Path) -> None:
    whole = make_gguf(llama__block_count=3, tokens=["a", "b"]).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(4, len(whole) - 64):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="damaged or was cut off"):
            read_header(cut)


def test_random_damage_never_ends_in_another_error(make_gguf: MakeGguf, tmp_path: Path) -> None:
    whole = bytearray(make_gguf(llama__block_count=3, tokens=["a", "b"], few=[1, 2]).read_bytes())
    stream = random.Random(3)
    path = tmp_path / "damaged.gguf"
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[stream.randrange(4, len(damaged) - 64)] = stream.randrange(256)
        path.write_bytes(damaged)
        try:
            read_header(path)
        except ModelError:
            continue
