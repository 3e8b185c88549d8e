"""Two invented languages, corpora of them, and metrics of corpora without weights."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

import pytest

from rpsg import registry
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.measures import Measure

GARDEN = ("rose", "tulip", "hedge", "spade", "bloom", "soil", "root", "seed", "bee", "moss", "fern", "ivy")
HARBOUR = ("ship", "crane", "buoy", "rope", "tide", "gull", "hull", "mast", "pier", "cargo", "anchor", "reef")


def sentences(count: int, words: Sequence[str] = GARDEN, *, seed: int = 0, most: int = 18) -> list[str]:
    """Texts of four to ``most`` words; half of them follow the one before in the list."""
    rng = random.Random(seed)
    return [" ".join(_chain(words, rng, rng.randint(4, most))) + "." for _ in range(count)]


def _chain(words: Sequence[str], rng: random.Random, length: int) -> Iterator[str]:
    place = rng.randrange(len(words))
    for _ in range(length):
        yield words[place]
        place = (place + 1) % len(words) if rng.random() < 0.5 else rng.randrange(len(words))


class Measured(Protocol):
    def __call__(self, name: str, corpus: Sequence[str], real: Sequence[str] | None = None) -> Measure: ...


def inputs_of(
    corpus: Sequence[str],
    real: Sequence[str] | None = None,
    *,
    labels: Sequence[str] | None = None,
    real_labels: Sequence[str] | None = None,
    cards: Sequence[Mapping[str, str]] | None = None,
    seed: int = 0,
) -> Inputs:
    models = EvaluationModels(FakeEmbedder())
    side = Texts(corpus, models, labels=labels, cards=cards)
    other = None if real is None else Texts(real, models, labels=real_labels)
    return Inputs(side, other, models, seed=seed)


@pytest.fixture
def measured() -> Measured:
    """A metric by name, of two lists of texts."""

    def call(name: str, corpus: Sequence[str], real: Sequence[str] | None = None) -> Measure:
        found: Measure = registry.find("metrics", name)(inputs_of(corpus, real))
        return found

    return call


@pytest.fixture(scope="module")
def finished(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A strict run of 800 invented reviews, and beside it the held-out ones."""
    lab = lab_of(tmp_path_factory.mktemp("evaluated"))
    lab.file(lab.rows(160, seed=7), "held-out.jsonl")
    run = lab.run(lab.plan(lab.file(lab.rows(800)), data={"label": "label", "labels": ("food", "drink")}))
    return run.path


@pytest.fixture
def held_out(finished: Path) -> Path:
    return finished.parent / "held-out.jsonl"
