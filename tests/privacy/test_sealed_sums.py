"""Sealed sums: opened by their recipient alone, of one size, and never twice the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg.errors import DataError
from rpsg.privacy.exact_sums import ExactSum
from rpsg.privacy.histogram import Query
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.sealed_sums import (
    ShardAddress,
    ShardSums,
    new_key,
    opened_sums,
    public_half,
    sealed_size,
    sealed_sums,
)

QUERIES = (Query("one", "some", 3, "S2_one_cell", 1.0), Query("two", "more", 5, "S6_bounded_vector", 1.0))
VALUES = (np.array([0, 7, 2**40]), np.array([-1, 0, -(2**40), 5, 3]))
WHERE = ShardAddress(b"q" * 32, 2, 3)
KEY = new_key()


def held(values: tuple[np.ndarray, ...] = VALUES) -> ShardSums:
    sums = (Private(ExactSum(q, v.astype(np.int64))) for q, v in zip(QUERIES, values, strict=True))
    return ShardSums(tuple(sums), Private(b"r" * 32))


def test_what_was_sealed_is_opened() -> None:
    content = sealed_sums(WHERE, held(), public_half(KEY))
    told = opened_sums(content, KEY, QUERIES)
    for found, query, values in zip(told.sums, QUERIES, VALUES, strict=True):
        assert open_private(found).query == query
        assert np.array_equal(open_private(found).values, values)
    assert open_private(told.rows) == b"r" * 32
    assert ShardAddress.of(content) == WHERE


def test_the_size_follows_from_the_queries_and_no_two_files_are_alike() -> None:
    nothing = tuple(np.zeros(q.dim, np.int64) for q in QUERIES)
    files = {sealed_sums(WHERE, held(v), public_half(KEY)) for v in (VALUES, VALUES, nothing)}
    assert len(files) == 3
    assert {len(file) for file in files} == {sealed_size(QUERIES)}


def test_every_changed_byte_is_found() -> None:
    content = sealed_sums(WHERE, held(), public_half(KEY))
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(DataError):
            opened_sums(changed, KEY, QUERIES)


def test_another_key_or_other_queries_open_nothing() -> None:
    content = sealed_sums(WHERE, held(), public_half(KEY))
    with pytest.raises(DataError):
        opened_sums(content, new_key(), QUERIES)
    with pytest.raises(DataError):
        opened_sums(content, KEY, QUERIES[:1])


@pytest.mark.parametrize("key", [bytes(32), b"", b"k" * 31, (1).to_bytes(32, "little")])
def test_nothing_is_sealed_for_a_key_that_is_none(key: bytes) -> None:
    """With a key of low order anybody could compute the secret."""
    with pytest.raises(DataError):
        sealed_sums(WHERE, held(), key)


@pytest.mark.parametrize("content", [b"", b"rpsg-shard/1\n", b"something else entirely" * 9])
def test_other_files_have_no_address(content: bytes) -> None:
    with pytest.raises(DataError):
        ShardAddress.of(content)
