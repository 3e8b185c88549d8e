"""Choosing by a sketch: one noisy sum says what the private texts are like, and the texts come near to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import ModelError
from rpsg.methods.steps import ANOTHER_WRITER, ask, label_of, tell_spent
from rpsg.records import Document
from rpsg.stages.annotate import codes_of
from rpsg.stages.choose import Objective, Wanted, choose
from rpsg.stages.selection import shares
from rpsg.stages.sketch import Features, axes_wanted, sketch_vectors, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.steps import Headcount
    from rpsg.methods.tools import Job
    from rpsg.privacy.bounded_vectors import BoundedVectors
    from rpsg.privacy.private import Private
    from rpsg.records import Candidate, Pool
    from rpsg.stages.annotate import Traits
    from rpsg.stages.cards import CardModel

    Codes = npt.NDArray[np.int64]

#: What the covariance weighs beside the mean at diversity 1. With less of it the choice reaches for texts on the
#: edge, with more it keeps to the middle (``benchmarks/people.py``).
WEIGHT_OF_SPREAD = 16.0
#: What an attribute's shares weigh beside the mean of the embeddings.
WEIGHT_OF_SHARES = 0.3


def choose_by_sketch(
    job: Job,
    pack: Pack,
    traits: Callable[[], Private[Traits]],
    model: CardModel,
    people: Headcount,
    pool: Pool,
) -> Pool:
    """The pool with only those texts that together come nearest to the noisy sketch of the private ones.

    With labels there is a sketch for each, and each has as many places as its noisy share says.
    """
    drafts = pool.alive()
    if not drafts:
        raise ModelError("No text that was written can be used.", hint=ANOTHER_WRITER)
    vectors = job.tools.embedder.embed([c.text for c in drafts])
    label = label_of(pack)
    values = pack.attribute(label).values if label else ("",)
    features = Features.fit(vectors, axes_wanted(len(values) if label else 0))

    noisy = _measure(job, features, traits, label, len(values)).reshape(len(values), features.dim)
    sigma = job.budget.release("sketch").sigma if job.budget else 0.0

    z, wanted = features.coordinates(vectors), _shares_wanted(job, pack, model, drafts, vectors)
    mass = model.shares(label) if label else np.ones(1)
    of_label = _codes_of_label(drafts, label, values)
    kept: set[int] = set()
    for code, places in enumerate(shares(mass, job.plan.corpus.size)):
        mine = np.flatnonzero(of_label == code)
        target = target_of(noisy[code], features, people.likely * float(mass[code]), sigma)
        aims = tuple(Wanted(w.codes[mine], w.shares, w.weight) for w in wanted)
        objective = Objective.of(z[mine], target, WEIGHT_OF_SPREAD / job.plan.method.diversity, aims)
        kept |= {drafts[mine[i]].id for i in choose(objective, int(places))}
        pool = _scored(pool, drafts, mine, objective)
    losers = {c.id: "not chosen by the sketch" for c in drafts if c.id not in kept}
    return pool.drop("sketch", losers)


def _measure(
    job: Job, features: Features, traits: Callable[[], Private[Traits]], label: str | None, labels: int
) -> npt.NDArray[np.int64]:
    """The noisy sum, shape (labels * dim,): asked once, charged before the noise is drawn."""
    what = f"sum of {features.count} coordinates of the embedding and their products"
    asked = ask(job, "sketch", f"{what}, for each label" if label else what, labels * features.dim)

    def question() -> Private[BoundedVectors]:
        job.progress.start("measuring the private texts")
        people = job.people
        poor = people.embeddings.map(lambda rows: np.zeros(len(rows)))
        own = traits().map(lambda values: values["label"]) if label else None
        return sketch_vectors(people.embeddings, people.units, features, poor, own, labels if label else 0)

    noisy = job.kernel.release(asked, question)
    tell_spent(job, asked.stage)
    return noisy


def _shares_wanted(
    job: Job,
    pack: Pack,
    model: CardModel,
    drafts: Sequence[Candidate],
    vectors: npt.NDArray[np.float32],
) -> tuple[Wanted, ...]:
    """The noisy shares of sentiments and lengths, and what the same public models say of each draft."""
    rows = [Document(c.id, c.text) for c in drafts]
    return tuple(
        Wanted(codes_of(a, rows, vectors, {}, job.tools.sentiment), model.shares(a.name), WEIGHT_OF_SHARES)
        for a in pack.attributes
        if a.kind in {"sentiment", "words"}
    )


def _codes_of_label(drafts: Sequence[Candidate], label: str | None, values: Sequence[str]) -> Codes:
    if label is None:
        return np.zeros(len(drafts), np.int64)
    return np.array([values.index(c.card.values[label]) for c in drafts], np.int64)


def _scored(pool: Pool, drafts: Sequence[Candidate], mine: Codes, objective: Objective) -> Pool:
    """The pool in which each text has its inner product with the target as a score."""
    return pool.score(
        "sketch", {drafts[i].id: float(value) for i, value in zip(mine, objective.towards, strict=True)}
    )
