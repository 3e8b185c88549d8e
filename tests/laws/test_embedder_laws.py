"""The embedders that ship keep the laws of embedders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.models.local.bert_gguf import write_bert_gguf

from rpsg.models.download import locate, models_folder
from rpsg.models.e5 import E5Embedder
from rpsg.models.fake import FakeEmbedder
from rpsg.models.letters import LettersEmbedder
from rpsg.models.llamacpp.embedder import GgufEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.onnx.int8 import Int8Embedder
from rpsg.models.static import StaticEmbedder
from rpsg.models.transformers.embedder import SentenceTransformersEmbedder
from rpsg.testing.laws import EmbedderLaws
from rpsg.testing.laws.embedder import TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rpsg.protocols import Embedder


class TestFakeEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return FakeEmbedder()


class TestLettersEmbedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return LettersEmbedder()

    def test_words_with_a_part_in_common_are_near_in_any_language(self) -> None:
        pairs = [("Knieschmerzen", "Kniegelenk"), ("今天天气", "天气很好"), ("réclamation", "réclamer")]
        for one, other in pairs:
            near, own, far = (
                LettersEmbedder().embed([one, other, "zebra"]) @ LettersEmbedder().embed([one])[0]
            )
            assert near == pytest.approx(1)
            assert far < 0.1 < own


@pytest.fixture(scope="module")
def multilingual() -> E5Embedder:
    return E5Embedder(locate("e5-small"))


@pytest.mark.weights
class TestE5Embedder(EmbedderLaws):
    @pytest.fixture
    def embedder(self, multilingual: E5Embedder) -> Embedder:
        return multilingual


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
def table(loaded: OnnxEmbedder, models_of_few_words: Path) -> StaticEmbedder:
    pytest.importorskip("safetensors", reason="needs the extra static")
    return StaticEmbedder(next(models_of_few_words.glob("static-*")))


@pytest.mark.weights
@pytest.mark.slow
class TestStaticEmbedder(EmbedderLaws):
    """The table has the words of some reviews; that of all words takes more than a minute to make."""

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
