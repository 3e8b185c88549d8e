"""The embeddings of public texts are rounded, kept with the release, and the same on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from rpsg.errors import VerificationError
from rpsg.models.fake import FakeEmbedder
from rpsg.stages.exact_similarity import STEPS, quantized
from rpsg.storage import public_vectors
from rpsg.storage.public_vectors import PublicVectors, read_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXTS = ["green tea in spring", "dark coffee", "olive oil and bread", "dark coffee"]


class OtherProcessor:
    """The same embedder, with other last bits, or with another text's row."""

    endpoint: Literal["local_model"] = "local_model"
    name, dim = FakeEmbedder().name, FakeEmbedder().dim

    def __init__(self, off: float) -> None:
        self._off = off

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows: np.ndarray = FakeEmbedder().embed(texts) + np.float32(self._off)
        return rows


def kept_in(folder: Path) -> Path:
    vectors = PublicVectors(FakeEmbedder())
    vectors.embed(TEXTS)
    file = folder / "vectors.bin"
    file.write_bytes(b"".join(vectors.chunks()))
    return file


def test_rows_are_whole_steps_and_hardly_move() -> None:
    rows = PublicVectors(FakeEmbedder()).embed(TEXTS)
    assert np.array_equal(quantized(rows), np.rint(rows * STEPS))
    assert np.abs(rows - FakeEmbedder().embed(TEXTS)).max() <= 0.51 / STEPS
    assert rows.dtype == np.float32


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_zero_on_every_processor(odd: float) -> None:
    rows = PublicVectors(OtherProcessor(odd)).embed(TEXTS)
    assert not rows.any()


def test_a_row_too_long_for_an_embedding_stays_within_the_numbers_that_are_kept() -> None:
    assert np.array_equal(
        PublicVectors(OtherProcessor(1e9)).embed(TEXTS[:1]), np.ones((1, FakeEmbedder().dim))
    )


def test_no_texts_give_no_rows() -> None:
    assert PublicVectors(FakeEmbedder()).embed([]).shape == (0, FakeEmbedder().dim)


def test_what_was_kept_is_used_where_the_last_bits_differ(tmp_path: Path) -> None:
    file, dim = kept_in(tmp_path), FakeEmbedder().dim
    here = PublicVectors(OtherProcessor(1e-3), read_vectors(file, dim))
    assert np.array_equal(here.embed(TEXTS), PublicVectors(FakeEmbedder()).embed(TEXTS))
    assert b"".join(here.chunks()) == file.read_bytes()


def test_other_embeddings_are_refused(tmp_path: Path) -> None:
    here = PublicVectors(OtherProcessor(0.1), read_vectors(kept_in(tmp_path), FakeEmbedder().dim))
    with pytest.raises(VerificationError, match="are not those that"):
        here.embed(TEXTS)


def test_a_text_without_a_row_is_refused(tmp_path: Path) -> None:
    here = PublicVectors(FakeEmbedder(), read_vectors(kept_in(tmp_path), FakeEmbedder().dim))
    with pytest.raises(VerificationError, match="are not those that"):
        here.embed(["a text that was never embedded"])


def test_a_row_too_many_shows(tmp_path: Path) -> None:
    here = PublicVectors(FakeEmbedder(), read_vectors(kept_in(tmp_path), FakeEmbedder().dim))
    here.embed(TEXTS[:1])
    assert b"".join(here.chunks()) != kept_in(tmp_path).read_bytes()


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    file = kept_in(tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(VerificationError, match="rows of"):
        read_vectors(file, FakeEmbedder().dim)
    with pytest.raises(VerificationError, match="no embeddings"):
        read_vectors(tmp_path / "gone", FakeEmbedder().dim)


def test_a_file_of_many_rows_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_vectors, "A_CHUNK", 2)
    vectors = PublicVectors(FakeEmbedder())
    rows = vectors.embed(TEXTS)
    (tmp_path / "vectors.bin").write_bytes(b"".join(vectors.chunks()))
    kept = read_vectors(tmp_path / "vectors.bin", FakeEmbedder().dim)
    assert list(kept) == sorted(kept)
    for text, row in zip(TEXTS, rows, strict=True):
        assert np.array_equal(kept[hashlib.sha256(text.encode()).digest()], np.rint(row * STEPS))


def test_many_texts_are_embedded_some_at_a_time_and_each_has_its_own_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_vectors, "AT_ONCE", 3)
    sizes, embedder = [], FakeEmbedder(8)

    class Counting(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            sizes.append(len(texts))
            return super().embed(texts)

    texts = ["one", "two", "three", "four", "five", "six", "two"]
    found = PublicVectors(Counting(8)).embed(texts)
    assert sizes == [3, 3]
    assert np.array_equal(found, PublicVectors(embedder).embed(texts))
    assert found.dtype == np.float32
