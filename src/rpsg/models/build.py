"""How each named model is built. One function a kind; the registry finds them by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.models.assets import locate

if TYPE_CHECKING:
    from rpsg.models.fake import FakeEmbedder, FakeScorer, FakeWriter
    from rpsg.models.llamacpp import LlamaCppWriter
    from rpsg.models.onnx_embedder import OnnxEmbedder
    from rpsg.protocols import Classifier, Embedder

EMBEDDER_ASSET = "minilm-onnx"


def llamacpp(name: str, *, slots: int | None, threads: int | None, context: int | None) -> LlamaCppWriter:
    """A GGUF file, by catalogue name, hub id or path, run by llama.cpp in this process."""
    from rpsg.models.llamacpp import LlamaCppWriter  # noqa: PLC0415  # optional package

    return LlamaCppWriter(locate(name), slots, threads, context)


def minilm(name: str, *, threads: int | None) -> OnnxEmbedder:
    """The default embedder, or the ONNX embedder in a folder."""
    from rpsg.models.onnx_embedder import OnnxEmbedder  # noqa: PLC0415  # optional package

    folder = Path(name) if "/" in name else locate(EMBEDDER_ASSET)
    return OnnxEmbedder(folder, threads=threads)


def sentiment(embedder: Embedder) -> Classifier:
    """The trained probe if it was trained on this embedder, else the nearest of three descriptions."""
    from rpsg.models.sentiment import EmbeddingSentiment, NearestSentiment  # noqa: PLC0415  # numpy

    return EmbeddingSentiment() if EmbeddingSentiment.fits(embedder) else NearestSentiment(embedder)


def fake_writer(name: str, **_: int | None) -> FakeWriter:
    from rpsg.models.fake import FakeWriter  # noqa: PLC0415  # for tests

    return FakeWriter(name=f"{name}-writer")


def fake_embedder(name: str, **_: int | None) -> FakeEmbedder:
    from rpsg.models.fake import FakeEmbedder  # noqa: PLC0415  # for tests

    return FakeEmbedder(name=f"{name}-embedder")


def fake_scorer(name: str) -> FakeScorer:
    from rpsg.models.fake import FakeScorer  # noqa: PLC0415  # for tests

    return FakeScorer(name=f"{name}-scorer")
