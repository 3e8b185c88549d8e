"""What some attacks need besides the texts: models of this machine, and the pipeline that made the corpus.

Each is optional. An attack whose aid was not given is not run, and says which aid it lacks. This does not
weaken the other attacks, because which aids there are is known before anything is read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from rpsg import registry
from rpsg.errors import UsageError
from rpsg.privacy.egress import is_here
from rpsg.protocols import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Embedder, Recognizer, Scorer


class Tuner(Model, Protocol):
    """Fine-tunes a small model, for example ``rpsg.models.transformers.last_layers.LastLayers``."""

    def train(self, texts: Sequence[str], seed: int, told: Callable[[float], object], /) -> Scorer:
        """The model trained on ``texts``, or the untrained model if there are none.

        ``told`` is called with the share of the work that is done, 0 to 1.
        """
        ...


class Pipeline(Protocol):
    """Makes a corpus from the private texts of some people, as the audited one was made.

    ``owner`` is the person of each text, shape (texts,); ``number`` counts the calls, for a seed.
    """

    def __call__(
        self, texts: Sequence[str], owner: npt.NDArray[np.int64], number: int, /
    ) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Aids:
    """An embedder, a recogniser that finds names, a small model to fine-tune, and the pipeline itself.

    Raises:
        UsageError: a model does not run on this machine: it would be sent private texts.
    """

    embedder: Embedder | None = None
    recogniser: Recognizer | None = None
    surrogate: Tuner | None = None
    pipeline: Pipeline | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            model = getattr(self, field.name)
            if model is not None and field.name != "pipeline" and not is_here(model):
                raise UsageError(
                    f"An audit sends no private text away, and this {field.name} is not on this machine.",
                    hint="Name a model that runs on this machine.",
                )

    @property
    def given(self) -> frozenset[str]:
        """The names of the aids that are there."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


def aids_of(
    *,
    embedder: str | None = None,
    recogniser: str | None = None,
    recogniser_model: str = "",
    surrogate: str | None = None,
    pipeline: Pipeline | None = None,
) -> Aids:
    """The aids by their names: those of ``rpsg list embedders`` and ``rpsg list recognizers``, and for
    ``surrogate`` a name of the catalogue (smollm2-135m), a GGUF file, a folder of weights or OWNER/REPO.

    ``recogniser_model`` is an installed spaCy model, without which Presidio finds no names.

    Raises:
        UsageError: there is no such name, or the model does not run on this machine.
        MissingExtraError: its package is not installed.
        ModelError: its weights are missing or cannot be used.
    """
    made: dict[str, Any] = {"pipeline": pipeline}
    if embedder:
        made["embedder"] = registry.embedder(embedder)
    if recogniser:
        made["recogniser"] = registry.recognizer(recogniser, model=recogniser_model)
    if surrogate:
        from rpsg.models.transformers.last_layers import LastLayers  # noqa: PLC0415  # optional packages

        made["surrogate"] = LastLayers(surrogate)
    return Aids(**made)
