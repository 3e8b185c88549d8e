"""The writers that ship keep the laws of writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.models.local.tiny import causal_folder

from rpsg.models.download import locate
from rpsg.models.fake import FakeWriter
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.models.transformers.writer import TransformersWriter
from rpsg.protocols import Message, Request, Writer
from rpsg.testing.laws import WriterLaws
from rpsg.testing.laws.writer import BATCH, request

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestFakeWriter(WriterLaws):
    @pytest.fixture
    def writer(self) -> Writer:
        return FakeWriter()


@pytest.fixture(scope="module")
def loaded() -> Iterator[LlamaCppWriter]:
    writer = LlamaCppWriter(locate("smollm2-135m"), slots=6, context=512)
    yield writer
    writer.close()


@pytest.mark.weights
class TestLlamaCppWriter(WriterLaws):
    @pytest.fixture
    def writer(self, loaded: LlamaCppWriter) -> Writer:
        return loaded

    def test_the_number_of_slots_and_cores_does_not_change_a_text(self, loaded: LlamaCppWriter) -> None:
        narrow = LlamaCppWriter(locate("smollm2-135m"), slots=1, threads=1, context=768)
        assert [r.text for r in narrow.write(BATCH)] == [r.text for r in loaded.write(BATCH)]
        narrow.close()

    def test_a_text_cut_by_its_length_says_so(self, loaded: LlamaCppWriter) -> None:
        assert loaded.write([request("honey", 1, tokens=3)])[0].finish == "length"

    def test_a_request_too_long_for_the_context_fails_alone(self, loaded: LlamaCppWriter) -> None:
        long = Request((Message("user", "word " * 2000),), max_tokens=4, seed=1)
        first, failed, last = loaded.write([BATCH[0], long, BATCH[1]])
        assert (first.finish != "error", last.finish != "error") == (True, True)
        assert (failed.finish, failed.text) == ("error", "")
        assert "context" in failed.error


@pytest.fixture(scope="module")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> TransformersWriter:
    pytest.importorskip("transformers", reason="needs the extra hf")
    return TransformersWriter(causal_folder(tmp_path_factory.mktemp("tiny"), context=2048))


class TestTransformersWriter(WriterLaws):
    """With random weights: what is written means nothing, all else is as with real ones."""

    @pytest.fixture
    def writer(self, tiny_transformer: TransformersWriter) -> Writer:
        return tiny_transformer


@pytest.fixture(scope="module")
def unpacked() -> Iterator[TransformersWriter]:
    pytest.importorskip("transformers", reason="needs the extra hf")
    writer = TransformersWriter(locate("smollm2-135m"))
    yield writer
    writer.close()


@pytest.mark.weights
@pytest.mark.slow
class TestTransformersWriterOfGguf(WriterLaws):
    @pytest.fixture
    def writer(self, unpacked: TransformersWriter) -> Writer:
        return unpacked
