"""Sentiment by a text-classification model, e.g. siebert/sentiment-roberta-large-english."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, UsageError
from rpsg.models.hardware import cores
from rpsg.models.sentiment import VALUES
from rpsg.models.transformers.batching import in_lanes
from rpsg.models.transformers.weights import (
    BYTES,
    best_device,
    find_weights,
    import_torch,
    import_transformers,
    load_model,
    load_tokenizer,
    refuse_too_large,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint

_MOST_TOKENS = 512
_WORDS = {
    "positive": re.compile(r"pos(itive)?|very[ _]positive|[45][ _]stars?", re.IGNORECASE),
    "mixed": re.compile(r"neu(tral)?|mixed|3[ _]stars?", re.IGNORECASE),
    "negative": re.compile(r"neg(ative)?|very[ _]negative|1[ _]star|2[ _]stars?", re.IGNORECASE),
}


class TransformersSentiment:
    """Positive, mixed or negative by a classifier's probabilities; a text's value depends on that text alone.

    name: a folder of weights, or OWNER/REPO of a hub that was downloaded before.
    labels: the meaning of the model's labels, e.g. ``{"LABEL_0": "negative"}``, if their names do not say.
    certainty: P(positive) and P(negative) are summed over the labels of that meaning. The more likely of the
    two is the value if it has at least this share of their sum; otherwise the value is "mixed". It is also
    "mixed" if the neutral labels (neutral, 3 stars) are more likely than each of the two. Default 0.8.

    Each text is classified alone, by its first 512 tokens (or the context of the model), so that a private
    record's value is a function of that record. Raises MissingExtraError without the packages; ModelError
    when weights are missing, damaged, in a form that could run code, or too large for this machine.
    """

    endpoint: Endpoint = "local_model"
    values = VALUES

    def __init__(
        self,
        name: str | Path,
        *,
        labels: Mapping[str, str] | None = None,
        certainty: float = 0.8,
        threads: int | None = None,
    ) -> None:
        import_transformers()
        if not 0.5 <= certainty <= 1:
            raise UsageError("The certainty of a sentiment must be between 0.5 and 1.")
        self._weights = find_weights(str(name))
        refuse_too_large(self._weights, BYTES["float32"])
        self._labels = dict(labels or {})
        self._certainty = certainty
        self._device = best_device()
        self._lanes = (threads or cores()) if self._device == "cpu" else 1
        self._loaded: tuple[Any, Any, list[str]] | None = None
        self._loading = threading.Lock()
        self._last: tuple[tuple[str, ...], list[tuple[str, float]]] = ((), [])

    @property
    def name(self) -> str:
        said = "".join(f":{label}={value}" for label, value in sorted(self._labels.items()))
        return f"transformers:{self._weights.identity}:{self._certainty}{said}"

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:  # noqa: ARG002  # the protocol's signature; this one reads the text
        """The value of each text; ``embeddings`` are ignored."""
        return [value for value, _ in self._judged(texts)]

    def confidences(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[float]:  # noqa: ARG002  # as above
        """How sure each value is: its share, or for "mixed" how unsure the other two values are."""
        return [confidence for _, confidence in self._judged(texts)]

    def _judged(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Value and confidence of each text; the last call is cached."""
        if not texts:
            return []
        if self._last[0] == tuple(texts):
            return self._last[1]
        model, tokenizer, meanings = self._load()
        # Some models have two more position embeddings than they can use; their tokenizer has the right
        # number.
        positions = int(getattr(model.config, "max_position_embeddings", _MOST_TOKENS))
        size = min(_MOST_TOKENS, int(tokenizer.model_max_length), positions)
        encoded = [
            tokenizer(text, truncation=True, max_length=size, return_tensors="pt").to(model.device)
            for text in texts
        ]
        found = in_lanes(lambda one: self._value(model(**one).logits[0], meanings), encoded, self._lanes)
        self._last = (tuple(texts), found)
        return found

    def _value(self, logits: Any, meanings: list[str]) -> tuple[str, float]:
        shares = dict.fromkeys(VALUES, 0.0)
        for meaning, share in zip(meanings, logits.double().softmax(-1).tolist(), strict=True):
            shares[meaning] += share
        clear = max(("positive", "negative"), key=lambda value: shares[value])
        unclear = ("mixed", max(shares["mixed"], 1.0 - shares[clear]))
        if shares["mixed"] > shares[clear]:
            return unclear
        enough = self._certainty * (shares["positive"] + shares["negative"])
        return (clear, shares[clear]) if shares[clear] >= enough else unclear

    def _load(self) -> tuple[Any, Any, list[str]]:
        with self._loading:
            if self._loaded is None:
                import_torch()
                tokenizer = load_tokenizer(self._weights)
                model = load_model(self._weights, "classification", "float32", self._device)
                names = [str(model.config.id2label[k]) for k in range(model.config.num_labels)]
                self._loaded = model, tokenizer, [self._meaning(name) for name in names]
        return self._loaded

    def _meaning(self, label: str) -> str:
        if label in self._labels:
            return self._labels[label]
        for value, words in _WORDS.items():
            if words.fullmatch(label.strip()):
                return value
        raise ModelError(
            f"{self._weights.label} has a label {label!r} that does not say which sentiment it means.",
            hint='Say it in Python: TransformersSentiment(name, labels={"LABEL_0": "negative", ...}).',
        )
