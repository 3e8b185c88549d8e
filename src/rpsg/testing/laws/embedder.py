"""Laws for every embedder. Subclass ``EmbedderLaws`` and give it an embedder."""

from __future__ import annotations

import numpy as np
import pytest

from rpsg.protocols import Embedder

TEXTS = [
    "The green tea tastes of fresh grass and I will buy it again.",
    "Two of the cans were dented and one had leaked all over the box.",
    "ok",
    "Zoë said 日本 is 🙂 \u202e and that is that",
    "My dog loves these treats. " * 60,
    "Fresh green tea, it tastes like grass, buying again.",
    "a\u0000b\n\t",
]


class EmbedderLaws:
    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    def test_it_is_an_embedder_with_a_name(self, embedder: Embedder) -> None:
        assert isinstance(embedder, Embedder)
        assert embedder.name

    def test_rows_have_the_promised_shape_and_type(self, embedder: Embedder) -> None:
        rows = embedder.embed(TEXTS)
        assert (rows.shape, rows.dtype) == ((len(TEXTS), embedder.dim), np.dtype("float32"))
        assert embedder.embed([]).shape == (0, embedder.dim)

    def test_rows_are_finite_and_of_unit_length(self, embedder: Embedder) -> None:
        rows = embedder.embed(TEXTS)
        assert np.isfinite(rows).all()
        assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-5

    def test_a_row_depends_on_its_own_text_only(self, embedder: Embedder) -> None:
        """Rows are equal bit for bit, so that a record's vote is a function of that record alone."""
        together = embedder.embed(TEXTS)
        for index, text in enumerate(TEXTS):
            assert np.array_equal(embedder.embed([text])[0], together[index])
        assert np.array_equal(embedder.embed(TEXTS[::-1])[::-1], together)

    def test_a_text_without_anything_in_it_is_a_zero_row(self, embedder: Embedder) -> None:
        empty, full = embedder.embed(["", "tea"])
        assert not empty.any()
        assert full.any()

    def test_texts_about_the_same_thing_are_nearer_than_others(self, embedder: Embedder) -> None:
        rows = embedder.embed(TEXTS)
        assert rows[0] @ rows[5] > rows[0] @ rows[1] + 0.1
