"""The models that metrics share, loaded when first used, so that word counts need no weights."""

from __future__ import annotations

import re
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rpsg import registry
from rpsg.disk.files import private_dir, write_atomic
from rpsg.disk.json_text import tagged_sha256
from rpsg.errors import ModelError, PrivacyError, UsageError
from rpsg.models.catalog import CATALOGUE
from rpsg.plan import Plan
from rpsg.privacy.egress import is_here
from rpsg.protocols import CountingScorer, Silent, Tenths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import Classifier, Embedder, Model, Progress

Loaded = TypeVar("Loaded", bound="Model")
#: The language model that is trained on the corpus alone.
NGRAM = "ngram"
#: OWNER/REPO, perhaps with a revision; what begins with a dot is a folder.
_HUB_NAME = re.compile(r"(?:hf:)?[\w-][\w.-]*/[\w.-]+(?:@[\w.-]+)?")
BLOCK = 64
#: The default language model for coherence: small, and available to every installation.
JUDGE = "smollm2-135m"


def check_names(embedder: str | Embedder | None, language_model: str) -> None:
    """UsageError for an unknown model name, before anything is read or written.

    A known model that is not on this machine is reported later, by the metrics that need it.
    """
    if isinstance(embedder, str):
        _check_embedder(embedder)
    if not _is_language_model(language_model):
        known = ", ".join((NGRAM, *(asset.name for asset in CATALOGUE.values() if asset.kind != "data")))
        raise UsageError(
            f"There is no language model {language_model!r}.",
            hint=f"Use one of: {known}. Or a folder of weights, a GGUF file, or OWNER/REPO of a hub.",
        )


def _check_embedder(name: str) -> None:
    form, colon, what = name.partition(":")
    if colon and what and any(known.partition(":")[0] == form for known in registry.names("embedders")):
        return
    if "/" not in name:
        if name not in registry.names("embedders"):
            registry.find("embedders", name)
    elif not Path(name).is_dir():
        raise UsageError(
            f"There is no folder {name} with an embedder.",
            hint=f"Use one of: {', '.join(registry.names('embedders'))}. Or a folder of an ONNX embedder.",
        )


def _is_language_model(name: str) -> bool:
    if name == NGRAM or (name in CATALOGUE and CATALOGUE[name].kind != "data"):
        return True
    there = Path(name.removeprefix("hf:")).expanduser()
    if name.endswith(".gguf"):
        return name.startswith("hf:") or there.is_file()
    return _HUB_NAME.fullmatch(name) is not None or bool(name and there.is_dir())


def _local(model: Loaded, verb: str, what: str, hint: str) -> Loaded:
    """The model; PrivacyError for one on a server, which would be sent the real texts."""
    if not is_here(model):
        message = f"Real texts are {verb} on this machine only, and this {what} is on a server."
        raise PrivacyError(message, hint=hint)
    return model


class EvaluationModels:
    """Embedder and sentiment classifier by name, and the name of the language model of ``next_word``.

    ``embedder`` may also be the object itself. ``plan`` is the plan of the evaluated run, if any: its server,
    threads and sentiment model are used. Embeddings of public texts are kept in the folder ``cache``, if any,
    so that a run can be compared with other real texts without embedding its corpus again.
    """

    def __init__(
        self,
        embedder: str | Embedder = "minilm",
        *,
        plan: Plan | None = None,
        language_model: str = "ngram",
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> None:
        self._embedder = embedder
        self._plan = plan or Plan()
        self.language_model = language_model
        self._progress = progress
        self._cache = cache

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder; PrivacyError for one on a server, which would be sent the real texts."""
        given = self._embedder
        plan = self._plan
        found = (
            registry.embedder(given, threads=plan.models.threads, server=plan.server)
            if isinstance(given, str)
            else given
        )
        return _local(found, "embedded", "embedder", "Choose a local one, such as: --embedder minilm")

    @property
    def used(self) -> str:
        """The embedder's name; empty if nothing was embedded."""
        return self.embedder.name if "embedder" in vars(self) else ""

    @cached_property
    def sentiment(self) -> Classifier:
        """The run's classifier, or the default one; PrivacyError for one on a server."""
        models = self._plan.models
        found = registry.sentiment(self.embedder, models.sentiment, threads=models.threads)
        return _local(found, "classified", "model", "See: rpsg list classifiers")

    @cached_property
    def judge(self) -> CountingScorer:
        """The language model that scores coherence: the one that was named, or SmolLM2 if that is ``ngram``.

        Raises MissingExtraError if PyTorch is not installed, ModelError if the weights are missing or are
        those of an encoder, PrivacyError if the model is on a server.
        """
        name = JUDGE if self.language_model in {NGRAM, JUDGE} else f"transformers:{self.language_model}"
        scorer = registry.scorer(name, threads=self._plan.models.threads)
        found = _local(scorer, "judged", "model", "See: rpsg list scorers")
        if not isinstance(found, CountingScorer):
            raise ModelError(f"{found.name} cannot count its tokens, so it cannot score single words.")
        return found

    def embed(self, texts: Sequence[str], *, public: bool = False) -> npt.NDArray[np.float32]:
        """Unit rows, shape (texts, dim); those of ``public`` texts are cached."""
        if self._cache is None or not public:
            return self._embed(texts)
        file = self._cache / f"{tagged_sha256('embeddings', [self.embedder.name, *texts])[:24]}.npy"
        if file.is_file():
            kept: npt.NDArray[np.float32] = np.load(file, allow_pickle=False)
            if kept.shape == (len(texts), self.embedder.dim):
                return kept
        rows, whole = self._embed(texts), BytesIO()
        np.save(whole, rows, allow_pickle=False)
        write_atomic(private_dir(self._cache) / file.name, whole.getvalue())
        return rows

    def _embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        embedder = self.embedder
        rows = np.zeros((len(texts), embedder.dim), np.float32)
        tenths = Tenths(self._progress or Silent(), "embedding texts")
        for start in range(0, len(texts), BLOCK):
            rows[start : start + BLOCK] = embedder.embed(texts[start : start + BLOCK])
            tenths.reached(min(start + BLOCK, len(texts)) / len(texts))
        return rows

    def classify(self, texts: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[str]:
        """The sentiment of each text."""
        return self.sentiment.classify(texts, vectors)
