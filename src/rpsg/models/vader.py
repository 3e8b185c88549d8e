"""Sentiment by counting words of a lexicon: VADER (Hutto and Gilbert, 2014). No weights, and any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import MissingExtraError
from rpsg.models.sentiment import VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

# The authors' own bounds for a text that leans to neither side.
_LEAN = 0.05


class VaderSentiment:
    """Positive, mixed or negative by VADER's compound score, from -1 to 1.

    ``lean`` and above is positive, ``-lean`` and below negative, between them "mixed" (default 0.05, as its
    authors advise). English. It calls nearly every long text positive or negative: the probe on embeddings
    is better where an embedder is at hand. Raises MissingExtraError without vaderSentiment.
    """

    endpoint: Endpoint = "local_model"
    values = VALUES

    def __init__(self, lean: float = _LEAN) -> None:
        try:
            from vaderSentiment import vaderSentiment  # noqa: PLC0415 - optional package
        except ImportError:
            raise MissingExtraError("vader", "vaderSentiment") from None
        from importlib.metadata import version  # noqa: PLC0415 - only for the name

        self._analyser = vaderSentiment.SentimentIntensityAnalyzer()
        self._lean = lean
        self._name = f"vader@{version('vaderSentiment')}:{lean}"

    @property
    def name(self) -> str:
        return self._name

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:  # noqa: ARG002  # the protocol's face; this one reads the text
        """The value of each text; ``embeddings`` are not looked at."""
        return [self._value(text) for text in texts]

    def _value(self, text: str) -> str:
        score = float(self._analyser.polarity_scores(text)["compound"])
        if score >= self._lean:
            return "positive"
        return "negative" if score <= -self._lean else "mixed"
