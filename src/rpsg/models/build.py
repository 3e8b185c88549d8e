"""How each named model is built. One function a kind; the registry finds them by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.models.catalog import CATALOGUE
from rpsg.models.download import locate
from rpsg.models.files import models_folder

if TYPE_CHECKING:
    from rpsg.models.documents import Form
    from rpsg.models.fake import FakeEmbedder, FakeScorer, FakeWriter
    from rpsg.models.llamacpp.embedder import GgufEmbedder
    from rpsg.models.llamacpp.writer import LlamaCppWriter
    from rpsg.models.onnx.embedder import OnnxEmbedder
    from rpsg.models.onnx.int8_embedder import Int8Embedder
    from rpsg.models.static import StaticEmbedder
    from rpsg.models.transformers.classifier import TransformersSentiment
    from rpsg.models.transformers.embedder import SentenceTransformersEmbedder
    from rpsg.models.transformers.scorer import TransformersScorer
    from rpsg.models.transformers.writer import TransformersWriter
    from rpsg.models.vader import VaderSentiment
    from rpsg.protocols import Classifier, Embedder

EMBEDDER_ASSET = "minilm-onnx"
INT8_ASSET = "minilm-torch"


def llamacpp(
    name: str, *, slots: int | None, threads: int | None, context: int | None, form: Form = "auto"
) -> LlamaCppWriter:
    """A GGUF file, by catalogue name, hub id or path, run by llama.cpp in this process.

    ``form`` is "auto" for what the catalogue found to be best, else for what suits the weights.
    """
    from rpsg.models.llamacpp.writer import LlamaCppWriter

    if form == "auto" and name in CATALOGUE:
        form = CATALOGUE[name].form
    return LlamaCppWriter(locate(name), slots, threads, context, form=form)


def minilm(name: str, *, threads: int | None) -> OnnxEmbedder:
    """The default embedder, or the ONNX embedder in a folder."""
    from rpsg.models.onnx.embedder import OnnxEmbedder

    folder = Path(name) if "/" in name else locate(EMBEDDER_ASSET)
    return OnnxEmbedder(folder, threads=threads)


def int8(name: str, *, threads: int | None) -> Int8Embedder:
    """``int8``: the default embedder's own weights; ``int8:FOLDER``: those of another BERT."""
    from rpsg.models.onnx.int8_embedder import Int8Embedder

    return Int8Embedder(_after_colon(name) or locate(INT8_ASSET), threads=threads)


def static(name: str, *, threads: int | None) -> StaticEmbedder:
    """``static``: made from the default embedder at the first call; ``static:FOLDER``: one made before."""
    from rpsg.models.static import StaticEmbedder

    if folder := _after_colon(name):
        return StaticEmbedder(folder)
    from rpsg.models.distilling import distilled

    tokenizer = locate(EMBEDDER_ASSET) / "tokenizer.json"
    return StaticEmbedder(distilled(minilm(name, threads=threads), tokenizer, models_folder()))


def gguf_embedder(name: str, *, threads: int | None) -> GgufEmbedder:
    """``gguf:FILE``, by path or hub id, run by llama.cpp in this process."""
    from rpsg.models.llamacpp.embedder import GgufEmbedder

    return GgufEmbedder(locate(_after_colon(name)), threads=threads)


def sentence_transformers(name: str, *, threads: int | None) -> SentenceTransformersEmbedder:
    """``st:NAME``: a folder, or a repository of a hub that is on this disk."""
    from rpsg.models.transformers.embedder import (
        SentenceTransformersEmbedder,
    )

    return SentenceTransformersEmbedder(_after_colon(name), threads=threads)


def transformers_writer(
    name: str, *, slots: int | None, threads: int | None, context: int | None, form: Form = "auto"
) -> TransformersWriter:
    """``transformers:NAME``: a folder, a GGUF file, or a repository of a hub that is on this disk."""
    from rpsg.models.transformers.writer import TransformersWriter

    return TransformersWriter(_after_colon(name), slots, threads, context, form=form)


def transformers_scorer(name: str, *, threads: int | None) -> TransformersScorer:
    """``transformers:NAME`` as for the writer, or a name of the catalogue."""
    from rpsg.models.transformers.scorer import TransformersScorer

    return TransformersScorer(_after_colon(name) or name, threads=threads)


def transformers_sentiment(
    embedder: Embedder,  # noqa: ARG001  # it reads the texts
    name: str,
    *,
    threads: int | None,
) -> TransformersSentiment:
    """``transformers:NAME``: a folder, or a repository of a hub that is on this disk."""
    from rpsg.models.transformers.classifier import TransformersSentiment

    return TransformersSentiment(_after_colon(name), threads=threads)


def vader(embedder: Embedder, name: str, **_: int | None) -> VaderSentiment:  # noqa: ARG001  # it reads the texts
    from rpsg.models.vader import VaderSentiment

    return VaderSentiment()


def _after_colon(name: str) -> str:
    return name.partition(":")[2]


def sentiment(embedder: Embedder, name: str = "sentiment", **_: int | None) -> Classifier:  # noqa: ARG001  # there is one
    """The trained probe if it was trained on this embedder, else the nearest of three descriptions."""
    from rpsg.models.sentiment import EmbeddingSentiment, NearestSentiment

    return EmbeddingSentiment() if EmbeddingSentiment.fits(embedder) else NearestSentiment(embedder)


def fake_writer(name: str, **_: int | str | None) -> FakeWriter:
    from rpsg.models.fake import FakeWriter

    return FakeWriter(name=f"{name}-writer")


def fake_embedder(name: str, **_: int | None) -> FakeEmbedder:
    from rpsg.models.fake import FakeEmbedder

    return FakeEmbedder(name=f"{name}-embedder")


def fake_scorer(name: str, **_: int | None) -> FakeScorer:
    from rpsg.models.fake import FakeScorer

    return FakeScorer(name=f"{name}-scorer")
