"""The names of the models, and how each is built. The registry reads the tables.

No large package is imported before a model is built, because ``rpsg list`` reads the tables too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rpsg.errors import UsageError
from rpsg.models.catalog import CATALOGUE
from rpsg.models.download import locate, models_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.models.documents import Form
    from rpsg.models.openai.endpoint import Kind
    from rpsg.plan import ServerSection
    from rpsg.protocols import Classifier, Embedder, Recognizer, Scorer, Writer

#: name -> ("module:function that builds it", a line about it).
Table: TypeAlias = "Mapping[str, tuple[str, str]]"


def _by(builder: str, about: str) -> tuple[str, str]:
    return f"{__name__}:{builder}", about


WRITERS: Table = {
    "gemma-3-270m": _by("llamacpp", "Gemma 3 270M (base), on this machine (the default)"),
    "qwen2.5-coder-0.5b": _by("llamacpp", "Qwen2.5-Coder-0.5B-Instruct, on this machine"),
    "qwen2.5-coder-1.5b": _by("llamacpp", "Qwen2.5-Coder-1.5B-Instruct, on this machine"),
    "smollm2-135m": _by("llamacpp", "SmolLM2-135M-Instruct, on this machine"),
    "openai:MODEL": _by("server_writer", "a model of an OpenAI-compatible server"),
    "azure:DEPLOYMENT": _by("server_writer", "a deployment on Azure OpenAI"),
    "transformers:NAME": _by("transformers_writer", "weights with PyTorch: a folder, GGUF or OWNER/REPO"),
    "fake": _by("fake_writer", "plausible words without weights, for tests"),
}
EMBEDDERS: Table = {
    "minilm": _by("minilm", "all-MiniLM-L6-v2, on this machine (the default)"),
    "int8": _by("int8", "all-MiniLM-L6-v2 in whole numbers, more than twice as fast"),
    "openai:MODEL": _by("server_embedder", "a model of an OpenAI-compatible server"),
    "azure:DEPLOYMENT": _by("server_embedder", "a deployment on Azure OpenAI"),
    "static": _by("static", "word vectors made from minilm, for millions of texts"),
    "letters": _by("letters", "runs of letters, without weights, for languages that minilm does not know"),
    "e5-small": _by("e5_small", "multilingual-e5-small in four bits, for about a hundred languages"),
    "st:NAME": _by(
        "sentence_transformers", "sentence-transformers: a folder or repository, e.g. st:sentence-t5-base"
    ),
    "gguf:FILE": _by("gguf_embedder", "an embedder's GGUF file, with llama.cpp"),
    "fake": _by("fake_embedder", "hashed words without weights, for tests"),
}
CLASSIFIERS: Table = {
    "sentiment": _by("sentiment", "a linear probe on the embeddings (the default)"),
    "vader": _by("vader", "words of a lexicon, English, without weights"),
    "transformers:NAME": _by(
        "transformers_sentiment",
        "a classifier's folder or repository, e.g. siebert/sentiment-roberta-large-english",
    ),
}
SCORERS: Table = {
    "smollm2-135m": _by("transformers_scorer", "SmolLM2-135M-Instruct, on this machine, with PyTorch"),
    "transformers:NAME": _by("transformers_scorer", "weights with PyTorch: a folder, GGUF or OWNER/REPO"),
    "fake": _by("fake_scorer", "word frequencies, for tests"),
}

RECOGNIZERS: Table = {
    "patterns": _by("patterns", "addresses, numbers and accounts by their form (the default)"),
    "presidio": _by("presidio", "Presidio; names of people too, with a spaCy model"),
}

EMBEDDER_ASSET = "minilm-onnx"
INT8_ASSET = "minilm-torch"
#: The weights in the catalogue that an embedder needs, by its name.
EMBEDDER_WEIGHTS = {
    "minilm": EMBEDDER_ASSET,
    "static": EMBEDDER_ASSET,
    "int8": INT8_ASSET,
    "e5-small": "e5-small",
}


def llamacpp(
    name: str, *, slots: int | None, threads: int | None, context: int | None, form: Form = "auto"
) -> Writer:
    """A GGUF file, by catalogue name, hub id or path, run by llama.cpp in this process.

    With ``form`` "auto" the catalogue's setting is used, if it has one, else one that suits the weights.
    """
    from rpsg.models.llamacpp.writer import LlamaCppWriter

    if form == "auto" and name in CATALOGUE:
        form = CATALOGUE[name].form
    return LlamaCppWriter(locate(name), slots, threads, context, form=form)


def server_writer(name: str, server: ServerSection | None) -> Writer:
    """``openai:MODEL`` or ``azure:DEPLOYMENT`` on ``server``; without a server, on that of the provider."""
    from rpsg.models.openai.writer import ServerWriter  # optional package
    from rpsg.plan import ServerSection  # pydantic

    kind, model = _on_server(name)
    return ServerWriter(model, server or ServerSection(), kind=kind)


def server_embedder(name: str, server: ServerSection | None) -> Embedder:
    """``openai:MODEL`` or ``azure:DEPLOYMENT`` on ``server``; without a server, on that of the provider."""
    from rpsg.models.openai.embedder import ServerEmbedder  # numpy
    from rpsg.plan import ServerSection  # pydantic

    kind, model = _on_server(name)
    return ServerEmbedder(model, server or ServerSection(), kind=kind)


def _on_server(name: str) -> tuple[Kind, str]:
    """The kind of server and its name for the model; UsageError when no model is named."""
    kind, _, model = name.partition(":")
    if not model or model in {"MODEL", "DEPLOYMENT"}:
        raise UsageError(
            f"{name} names no model.",
            hint=f"After the colon, write the name that the model has on the server: {kind}:NAME.",
        )
    return ("azure" if kind == "azure" else "openai"), model


def minilm(name: str, *, threads: int | None) -> Embedder:
    """The default embedder, or the ONNX embedder in a folder."""
    from rpsg.models.onnx.embedder import OnnxEmbedder

    folder = Path(name) if "/" in name else locate(EMBEDDER_ASSET)
    return OnnxEmbedder(folder, threads=threads)


def int8(name: str, *, threads: int | None) -> Embedder:
    """``int8``: the 8-bit embedder made from the default embedder's original weights; ``int8:FOLDER``: from
    another BERT.
    """
    from rpsg.models.onnx.int8 import Int8Embedder

    return Int8Embedder(_after_colon(name) or locate(INT8_ASSET), threads=threads)


def static(name: str, *, threads: int | None) -> Embedder:
    """``static``: made from the default embedder at the first call; ``static:FOLDER``: one made before."""
    from rpsg.models.static import StaticEmbedder, distilled

    if folder := _after_colon(name):
        return StaticEmbedder(folder)
    tokenizer = locate(EMBEDDER_ASSET) / "tokenizer.json"
    return StaticEmbedder(distilled(minilm(name, threads=threads), tokenizer, models_folder()))


def letters(name: str, **_: int | None) -> Embedder:  # noqa: ARG001  # the only one
    """``letters``: hashed runs of letters, without weights."""
    from rpsg.models.letters import LettersEmbedder

    return LettersEmbedder()


def e5_small(name: str, **_: int | None) -> Embedder:
    """``e5-small``: a multilingual embedder from the catalogue."""
    from rpsg.models.e5 import E5Embedder

    return E5Embedder(locate(name))


def gguf_embedder(name: str, *, threads: int | None) -> Embedder:
    """``gguf:FILE``, by path or hub id, run by llama.cpp in this process."""
    from rpsg.models.llamacpp.embedder import GgufEmbedder

    return GgufEmbedder(locate(_after_colon(name)), threads=threads)


def sentence_transformers(name: str, *, threads: int | None) -> Embedder:
    """``st:NAME``: a folder, or a repository in the local hub cache."""
    from rpsg.models.transformers.embedder import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(_after_colon(name), threads=threads)


def transformers_writer(
    name: str, *, slots: int | None, threads: int | None, context: int | None, form: Form = "auto"
) -> Writer:
    """``transformers:NAME``: a folder, a GGUF file, or a repository in the local hub cache."""
    from rpsg.models.transformers.writer import TransformersWriter

    return TransformersWriter(_after_colon(name), slots, threads, context, form=form)


def transformers_scorer(name: str, *, threads: int | None) -> Scorer:
    """The PyTorch scorer: ``transformers:NAME`` as for the writer, or a name of the catalogue."""
    from rpsg.models.transformers.scorer import TransformersScorer

    return TransformersScorer(_after_colon(name) or name, threads=threads)


def transformers_sentiment(
    embedder: Embedder,  # noqa: ARG001  # it reads the texts
    name: str,
    *,
    threads: int | None,
) -> Classifier:
    """``transformers:NAME``: a folder, or a repository in the local hub cache."""
    from rpsg.models.transformers.classifier import TransformersSentiment

    return TransformersSentiment(_after_colon(name), threads=threads)


def vader(embedder: Embedder, name: str, **_: int | None) -> Classifier:  # noqa: ARG001  # it reads the texts
    from rpsg.models.sentiment import VaderSentiment  # optional package

    return VaderSentiment()


def _after_colon(name: str) -> str:
    return name.partition(":")[2]


def sentiment(embedder: Embedder, name: str = "sentiment", **_: int | None) -> Classifier:  # noqa: ARG001  # the only one
    """The sentiment probe if it was trained on this embedder, else a classifier by the nearest of three
    descriptions.
    """
    from rpsg.models.sentiment import EmbeddingSentiment, NearestSentiment

    return EmbeddingSentiment() if EmbeddingSentiment.fits(embedder) else NearestSentiment(embedder)


def patterns(name: str, *, model: str) -> Recognizer:  # noqa: ARG001  # it needs no model
    from rpsg.models.pii import PatternRecognizer

    return PatternRecognizer()


def presidio(name: str, *, model: str) -> Recognizer:  # noqa: ARG001  # the only one
    from rpsg.models.pii import PresidioRecognizer

    return PresidioRecognizer(model or None)


def fake_writer(name: str, **_: int | str | None) -> Writer:
    from rpsg.models.fake import FakeWriter

    return FakeWriter(name=f"{name}-writer")


def fake_embedder(name: str, **_: int | None) -> Embedder:
    from rpsg.models.fake import FakeEmbedder

    return FakeEmbedder(name=f"{name}-embedder")


def fake_scorer(name: str, **_: int | None) -> Scorer:
    from rpsg.models.fake import FakeScorer

    return FakeScorer(name=f"{name}-scorer")
