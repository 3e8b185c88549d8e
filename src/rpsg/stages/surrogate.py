"""The surrogate: a small language model trained on the synthetic variants, to score texts.

The paper fine-tunes BERT-small as a causal model (``rpsg.models.transformers.surrogate``). If that is not
available, a word n-gram model replaces it, under a different name: it distinguishes rare phrases from common
ones but knows no grammar. Both are trained on variants alone, never on private text.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rpsg.protocols import Model
from rpsg.stages.sanitize import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import Endpoint, Scorer

END = "</text>"


class SurrogateTrainer(Model, Protocol):
    """Trains a scorer."""

    def train(self, texts: Sequence[str], seed: int) -> Scorer:
        """A scorer trained on ``texts``."""
        ...


class NgramRecipe:
    """Trains the n-gram model."""

    name = "word-trigrams/1"
    endpoint: Endpoint = "local_model"

    def train(self, texts: Sequence[str], seed: int) -> Scorer:
        del seed  # training is deterministic
        return NgramScorer(texts)


class NgramScorer:
    """Word trigrams with interpolated absolute discounting (Ney, Essen, Kneser 1994), discount 0.75.

    Unigrams back off to the uniform distribution over all seen words and one unknown word.
    """

    endpoint: Endpoint = "local_model"
    order = 3
    discount = 0.75

    def __init__(self, texts: Sequence[str]) -> None:
        self._grams: Counter[tuple[str, ...]] = Counter()
        self._after: Counter[tuple[str, ...]] = Counter()
        self._kinds: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            words = [*words_of(text), END]
            for end in range(1, len(words) + 1):
                for size in range(1, min(self.order, end) + 1):
                    gram = tuple(words[end - size : end])
                    self._kinds[gram[:-1]] += gram not in self._grams
                    self._grams[gram] += 1
                    self._after[gram[:-1]] += 1
        self._vocabulary = self._kinds[()] + 1
        digest = hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()
        self.name = f"{NgramRecipe.name}@{digest[:12]}"

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        """The natural-log probability of each word and of the end, given up to two words before it."""
        return [self._score([*words_of(text), END]) for text in texts]

    def _score(self, words: Sequence[str]) -> list[float]:
        return [
            math.log(self._probability(tuple(words[max(0, i - self.order + 1) : i + 1])))
            for i in range(len(words))
        ]

    def _probability(self, gram: tuple[str, ...]) -> float:
        if not gram:
            return 1.0 / self._vocabulary
        shorter = self._probability(gram[1:])
        total = self._after[gram[:-1]]
        if not total:
            return shorter
        own = max(self._grams[gram] - self.discount, 0.0)
        return (own + self.discount * self._kinds[gram[:-1]] * shorter) / total


def mean_nll(scorer: Scorer, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Each text's mean NLL per token (nats), shape (len(texts),); NaN for a text without tokens."""
    found = [-float(np.mean(tokens)) if tokens else math.nan for tokens in scorer.score(texts)]
    return np.array(found, np.float64)
