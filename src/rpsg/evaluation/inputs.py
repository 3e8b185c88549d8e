"""A metric is a function from ``Inputs`` to a ``Measure``.

Packages add metrics by entry points in the group ``rpsg.metrics``, which map a name to the function. What
cannot be computed is a Measure with a reason in place of a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rpsg.errors import RpsgError
from rpsg.evaluation.metrics import BETTER
from rpsg.measures import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from rpsg.evaluation.models import EvaluationModels
    from rpsg.measures import Interval
    from rpsg.release.coverage import NoisyCounts
    from rpsg.textstats.echoes import Form

T = TypeVar("T")


class UnavailableError(RpsgError):
    """A metric has no value for these inputs; the message becomes the reason in its Measure."""


class Memory:
    """A cache for what several metrics need."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def once(self, key: str, make: Callable[[], T]) -> T:
        """The result of ``make``, computed at the first call with this key."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found


class Texts(Memory):
    """A corpus as metrics see it; embeddings and sentiments are computed when first used.

    ``labels``, ``cards`` (the attribute values each text was prompted with) and ``beside`` (the values of its
    columns by name, empty for a text without them) are None if a corpus has none. ``public`` texts are those
    of a release or of its floor.
    """

    def __init__(
        self,
        texts: Sequence[str],
        models: EvaluationModels,
        *,
        labels: Sequence[str] | None = None,
        cards: Sequence[Mapping[str, str]] | None = None,
        beside: Sequence[Mapping[str, str]] | None = None,
        public: bool = False,
    ) -> None:
        super().__init__()
        self.public = public
        self.texts = tuple(texts)
        self.labels = None if labels is None else tuple(labels)
        self.cards = None if cards is None else tuple(cards)
        self.beside = None if beside is None else tuple(beside)
        self._models = models

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def vectors(self) -> npt.NDArray[np.float32]:
        """Unit rows of the embedder, shape (texts, dim)."""
        return self._models.embed(self.texts, public=self.public)

    @cached_property
    def sentiments(self) -> tuple[str, ...]:
        """The sentiment of each text according to the classifier."""
        return tuple(self._models.classify(self.texts, self.vectors))


@dataclass(frozen=True, slots=True)
class Tested:
    """How well a language model predicted each real text: the number of positions, of correct predictions,
    and the sum of -log probability; each of shape (texts,).
    """

    positions: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    surprise: npt.NDArray[np.float64]
    model: str


class Inputs(Memory):
    """The inputs of a metric.

    ``form`` is what the prompts of a run have in common; None for the texts of a file. ``real`` raises
    UnavailableError if no real texts were given. ``has_read_real`` records that they were read, directly or
    through a result kept by ``once``: the Measure is then internal, whatever it says itself.
    """

    def __init__(
        self,
        corpus: Texts,
        real: Texts | None,
        models: EvaluationModels,
        *,
        seed: int = 0,
        counts: NoisyCounts | None = None,
        form: Form | None = None,
    ) -> None:
        super().__init__()
        self.form = form
        self.corpus = corpus
        self.models = models
        self.seed = seed
        self.counts = counts
        self.has_read_real = False
        self._real = real
        self._made_from_real: set[str] = set()

    @property
    def real(self) -> Texts:
        if self._real is None:
            raise UnavailableError("No real texts were given to compare with.")
        self.has_read_real = True
        return self._real

    @property
    def n_real_read(self) -> int | None:
        """The number of real texts if any were read, else None."""
        return len(self._real) if self.has_read_real and self._real is not None else None

    def once(self, key: str, make: Callable[[], T]) -> T:
        """As ``Memory.once``; using a result computed from real texts counts as reading them."""
        before, self.has_read_real = self.has_read_real, False
        try:
            found = super().once(key, make)
            if self.has_read_real:
                self._made_from_real.add(key)
        finally:
            self.has_read_real = before or self.has_read_real or key in self._made_from_real
        return found

    def need(self, least: int, *, real: bool = True) -> None:
        """UnavailableError unless both corpora (or the measured one alone) have ``least`` texts."""
        if len(self.corpus) < least or (real and len(self.real) < least):
            raise UnavailableError(f"Too few texts: this needs {least} on each side.")

    def measured(
        self,
        name: str,
        value: float,
        *,
        better: bool | None = None,
        interval: Interval | None = None,
        real: bool = True,
        model: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> Measure:
        """A Measure with the numbers of texts and the seed filled in; ``real``: real texts were read.

        ``better`` says whether higher values are better, for metrics of other packages. For RPSG's own
        metrics, ``BETTER`` says so.
        """
        return Measure(
            name=name,
            value=float(value),
            interval=interval,
            n_synthetic=len(self.corpus),
            n_real=len(self.real) if real else None,
            model=model,
            seed=self.seed,
            higher_is_better=BETTER.get(name, better),
            details=details or {},
        )


class Metric(Protocol):
    """Computes one number from the inputs.

    Raises UnavailableError if there is none; any other error also becomes a reason, without its message.
    """

    def __call__(self, inputs: Inputs, /) -> Measure: ...
