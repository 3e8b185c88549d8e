"""What every embedder must keep. To join, subclass EmbedderLaws and give it an embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.models.local.bert_gguf import write_bert_gguf

from rpsg.models.download import locate, models_folder
from rpsg.models.fake import FakeEmbedder
from rpsg.models.llamacpp.embedder import GgufEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.onnx.int8 import Int8Embedder
from rpsg.models.static import StaticEmbedder, distilled
from rpsg.models.transformers.embedder import SentenceTransformersEmbedder
from rpsg.protocols import Embedder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        """Bit for bit: this is what makes a record's vote a function of that record."""
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


class TestFakeEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()


@pytest.fixture(scope="module")
def loaded() -> OnnxEmbedder:
    return OnnxEmbedder(locate("minilm-onnx"))


@pytest.mark.weights
class TestOnnxEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self, loaded: OnnxEmbedder) -> Embedder:
        return loaded

    def test_a_stream_gives_the_same_rows_in_blocks(self, loaded: OnnxEmbedder) -> None:
        blocks = list(loaded.embed_stream(iter(TEXTS), chunk=3))
        assert [len(block) for block in blocks] == [3, 3, 1]
        assert np.array_equal(np.concatenate(blocks), loaded.embed(TEXTS))

    def test_the_number_of_cores_does_not_change_a_row(self, loaded: OnnxEmbedder) -> None:
        alone = OnnxEmbedder(locate("minilm-onnx"), threads=1)
        assert np.array_equal(alone.embed(TEXTS), loaded.embed(TEXTS))
        assert alone.name == loaded.name


@pytest.fixture(scope="module")
def whole_numbers() -> Int8Embedder:
    pytest.importorskip("onnx", reason="needs the extra int8")
    return Int8Embedder(locate("minilm-torch"))


@pytest.mark.weights
class TestInt8Embedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self, whole_numbers: Int8Embedder) -> Embedder:
        return whole_numbers

    def test_the_number_of_cores_does_not_change_a_row(self, whole_numbers: Int8Embedder) -> None:
        alone = Int8Embedder(locate("minilm-torch"), threads=1)
        assert np.array_equal(alone.embed(TEXTS), whole_numbers.embed(TEXTS))
        assert alone.name == whole_numbers.name


@pytest.fixture(scope="module")
def table(loaded: OnnxEmbedder) -> StaticEmbedder:
    pytest.importorskip("safetensors", reason="needs the extra static")
    return StaticEmbedder(distilled(loaded, locate("minilm-onnx") / "tokenizer.json", models_folder()))


@pytest.mark.weights
@pytest.mark.slow
class TestStaticEmbedder(EmbedderLaws):
    """Makes its table at the first run on a machine: about a minute."""

    @pytest.fixture
    def embedder(self, table: StaticEmbedder) -> Embedder:
        return table


@pytest.fixture(scope="module")
def torch_folder() -> Path:
    pytest.importorskip("sentence_transformers", reason="needs the extra hf")
    place = models_folder() / "minilm-torch"
    if not place.is_dir():
        pytest.skip("all-MiniLM-L6-v2 as safetensors is not among the models of this machine")
    return place


@pytest.fixture(scope="module")
def sentences(torch_folder: Path) -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(torch_folder)


@pytest.mark.weights
class TestSentenceTransformersEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self, sentences: SentenceTransformersEmbedder) -> Embedder:
        return sentences


@pytest.fixture(scope="module")
def file_of_weights(torch_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GgufEmbedder]:
    embedder = GgufEmbedder(write_bert_gguf(torch_folder, tmp_path_factory.mktemp("gguf") / "minilm.gguf"))
    yield embedder
    embedder.close()


@pytest.mark.weights
class TestGgufEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self, file_of_weights: GgufEmbedder) -> Embedder:
        return file_of_weights
