"""Sentiment from embeddings or from words: no record's sentiment depends on another record.

A linear probe for the rows of the default embedder, nearest descriptions for those of any other, and VADER
(Hutto and Gilbert, 2014), which uses a lexicon and needs no weights. Each is a function of one text, or its
row, and of public parameters.
"""

from __future__ import annotations

import json
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.errors import UsageError, needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.protocols import Embedder, Endpoint

_PROBE = "sentiment-minilm.json"
# The same weights quantised (the embedder int8): on 500 reviews 94 % of the sentiments are equal, with the
# same accuracy.
_SAME_WEIGHTS = "04753b297d57"
VALUES = ("positive", "mixed", "negative")
_DESCRIPTIONS = {
    "positive": (
        "I love it, it is excellent and I am very satisfied.",
        "A happy text, full of praise and recommendation.",
        "Wonderful! This made everything better.",
    ),
    "mixed": (
        "It is okay: some things are good and some are bad.",
        "I am in two minds about it, neither happy nor unhappy.",
        "Average. It has a few good points, but also drawbacks.",
    ),
    "negative": (
        "I hate it, it is terrible and I am very disappointed.",
        "An unhappy text, full of complaint and warning.",
        "Awful. This made everything worse.",
    ),
}
# The authors' threshold for a neutral text.
_LEAN = 0.05


class EmbeddingSentiment:
    """Positive, mixed or negative, by a multinomial logistic regression on the default embedder's rows.

    Trained on public human ratings (``benchmarks/train_sentiment.py``); ``facts`` has the data and the
    accuracy. Only for rows of the embedder it was trained on: check with ``fits`` first.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self) -> None:
        text, probe = _probe()
        self.facts: dict[str, Any] = probe["facts"]
        self.values: tuple[str, ...] = tuple(probe["values"])
        self._weights = np.array(probe["weights"], dtype=np.float64)
        self._bias = np.array(probe["bias"], dtype=np.float64)
        self.name = f"sentiment-probe@{sha256(text.encode()).hexdigest()[:12]}"

    @staticmethod
    def fits(embedder: Embedder) -> bool:
        """Whether the probe fits this embedder: it was trained on its rows, or this is the embedder int8."""
        trained_on: str = _probe()[1]["embedder"]
        return embedder.name.rpartition("@")[2] in {trained_on.rpartition("@")[2], _SAME_WEIGHTS}

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        """The most likely value of each row; shape of ``embeddings``: (len(texts), 384)."""
        _same_length(texts, embeddings, self._weights.shape[1])
        return [self.values[k] for k in _scores(embeddings, self._weights, self._bias).argmax(axis=1)]

    def confidences(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[float]:
        """The probability of the most likely value of each row."""
        _same_length(texts, embeddings, self._weights.shape[1])
        scores = _scores(embeddings, self._weights, self._bias)
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [float(value) for value in 1.0 / chances.sum(axis=1)]


class NearestClassifier:
    """The value with the nearest descriptions, after subtracting the mean of all descriptions.

    Works with any embedder, without training; less accurate than a probe. ``descriptions`` has a few typical
    sentences for each value.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, embedder: Embedder, descriptions: Mapping[str, Sequence[str]]) -> None:
        said = dict(descriptions)
        if len(said) < 2 or not all(said.values()):
            raise UsageError("A classifier needs two values or more, each with a description.")
        self.values = tuple(said)
        means = np.stack([embedder.embed(list(said[v])).mean(axis=0) for v in self.values])
        centred = means.astype(np.float64) - means.mean(axis=0)
        self._landmarks = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
        digest = sha256(json.dumps({v: list(said[v]) for v in said}).encode()).hexdigest()[:12]
        self.name = f"nearest@{digest}:{embedder.name}"

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        _same_length(texts, embeddings, self._landmarks.shape[1])
        none = np.zeros(len(self.values))
        return [self.values[k] for k in _scores(embeddings, self._landmarks, none).argmax(axis=1)]


class NearestSentiment(NearestClassifier):
    """Positive, mixed or negative by the nearest descriptions, for an embedder without a probe."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder, _DESCRIPTIONS)


def _probe() -> tuple[str, dict[str, Any]]:
    text = resources.files("rpsg.models").joinpath("data", _PROBE).read_text(encoding="utf-8")
    return text, json.loads(text)


def _scores(
    embeddings: npt.NDArray[np.float32], weights: npt.NDArray[np.float64], bias: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """One score for each row and value. Computed without a matrix product, because its rounding depends on
    the number of rows.
    """
    rows = np.ascontiguousarray(embeddings, dtype=np.float64)
    return np.asarray(np.einsum("rd,vd->rv", rows, weights, optimize=False) + bias)


def _same_length(texts: Sequence[str], embeddings: npt.NDArray[np.float32], dim: int) -> None:
    if embeddings.shape != (len(texts), dim):
        raise UsageError(
            f"This classifier needs one row of {dim} numbers for each text.",
            hint="Embed the same texts with the embedder that the classifier was made for.",
        )


class VaderSentiment:
    """Positive, mixed or negative by VADER's compound score, from -1 to 1.

    A score of at least ``lean`` is positive, of at most ``-lean`` negative, and between them "mixed" (default
    0.05, as the authors of VADER advise). English only. Nearly every long text becomes positive or negative:
    with the default embedder the probe is better. Raises MissingExtraError without vaderSentiment.
    """

    endpoint: Endpoint = "local_model"
    values = VALUES

    def __init__(self, lean: float = _LEAN) -> None:
        with needed("vader", "vaderSentiment"):
            from vaderSentiment import vaderSentiment
        from importlib.metadata import version

        self._analyser = vaderSentiment.SentimentIntensityAnalyzer()
        self._lean = lean
        self.name = f"vader@{version('vaderSentiment')}:{lean}"

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:  # noqa: ARG002  # the protocol's signature; this one reads the text
        """The value of each text; ``embeddings`` are ignored."""
        return [self._value(text) for text in texts]

    def _value(self, text: str) -> str:
        score = float(self._analyser.polarity_scores(text)["compound"])
        if score >= self._lean:
            return "positive"
        return "negative" if score <= -self._lean else "mixed"
