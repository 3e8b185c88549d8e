"""Choosing by a sketch: one noisy sum describes the private texts, and the texts nearest to it are chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import ModelError
from rpsg.methods.dp_steps import ANOTHER_WRITER, ask, label_of, noisy_sum, paid
from rpsg.methods.questions import SketchSum
from rpsg.records import Document
from rpsg.stages.annotate import codes_of
from rpsg.stages.cards import positions
from rpsg.stages.choose import Block, Objective, choose_in_parts
from rpsg.stages.resolution import other_language_line, poor_fit_line
from rpsg.stages.sketch import (
    LENGTH,
    Features,
    axes_wanted,
    words_wanted,
)
from rpsg.stages.sketch_target import other_language_share, poor_share, target_of
from rpsg.stages.text_rows import TextRows
from rpsg.stages.votes import shares
from rpsg.stages.word_roots import word_roots
from rpsg.textstats.languages import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.methods.base import Job
    from rpsg.methods.dp_steps import Size
    from rpsg.records import Candidate, Pool
    from rpsg.stages.annotate import Codes, Landmarks
    from rpsg.stages.cards import CardModel
    from rpsg.stages.sketch import Floats
    from rpsg.stages.sketch_target import Target

#: The features are fitted to at most this many drafts: if the pool is larger, to every second draft, every
#: third, and so on.
MOST_FITTED = 20_000
#: The weight of the covariance relative to the mean at diversity 1. With less weight the choice prefers
#: outlying texts, with more weight central ones (``benchmarks/people.py``).
WEIGHT_OF_SPREAD = 16.0
#: The weights of the shares of an attribute's values, and of the roots of the shares of words.
WEIGHT_OF_SHARES, WEIGHT_OF_WORDS = 0.3, 1.0
#: The weight of the shares of columns' values, single and joint. It is high because readers will count these.
WEIGHT_OF_COLUMNS = 10.0


@dataclass(frozen=True, slots=True)
class Sketch:
    """The noisy answer, and the features in which it was asked.

    ``noisy`` (labels, dim) is the noisy sum of each label's vectors, ``people`` (labels,) the number of
    people behind each, ``sigma`` the standard deviation of an entry's noise, in steps.
    """

    features: Features
    noisy: npt.NDArray[np.int64]
    people: Floats
    sigma: float

    def target(self, code: int) -> Target:
        """The target for the chosen texts of the label with this index."""
        return target_of(self.noisy[code], self.features, float(self.people[code]), self.sigma)

    def words(self) -> Floats:
        """The mean roots of the words' shares, shape (words,), over all labels."""
        sigma = self.sigma * len(self.noisy) ** 0.5
        return target_of(self.noisy.sum(axis=0), self.features, float(self.people.sum()), sigma).words


def measure(
    job: Job,
    pack: Pack,
    landmarks: Mapping[str, Landmarks],
    model: CardModel,
    people: Size,
    pool: Pool,
) -> Sketch:
    """The noisy sketch of the private texts, one for each label, in features that are fitted to the pool."""
    drafts = pool.alive()
    if not drafts:
        raise ModelError("None of the written texts can be used.", hint=ANOTHER_WRITER)
    label = label_of(pack)
    labels = len(pack.attribute(label).values) if label else 0
    # A part of the drafts is enough: with all of them memory and time would grow, and the axes would hardly
    # change.
    texts = [c.text for c in drafts[:: math.ceil(len(drafts) / MOST_FITTED)]]
    vectors = job.tools.embedder.embed(texts)
    axes, words = axes_wanted(labels), words_wanted(labels)
    features = Features.fit(vectors, texts, axes, words, pack.counted_language)

    question = SketchSum(pack, features, landmarks.get(pack.marginals[0][0]), label)
    noisy = _ask(job, question)
    sigma = paid(job).release("sketch").sigma
    if question.topics is not None:
        job.progress.note(poor_fit_line(*poor_share(noisy, people.likely, sigma)))
    if language := features.language:
        share = other_language_share(noisy, people.likely, sigma)
        if line := other_language_line(*share, name_of(language)):
            job.progress.note(line)
    mass = model.shares(label) if label else np.ones(1)
    return Sketch(features, noisy, people.likely * mass, sigma)


def choose_by_sketch(job: Job, pack: Pack, model: CardModel, sketch: Sketch, pool: Pool) -> Pool:
    """The pool with only those texts that together come nearest to the sketch of the private ones.

    Each label gets texts in proportion to its noisy share.
    """
    drafts = pool.alive()
    vectors = TextRows(job.tools.embedder, [c.text for c in drafts])
    label = label_of(pack)
    values = pack.attribute(label).values if label else ("",)
    shared = _shares_wanted(job, pack, model, drafts, vectors)
    mass = model.shares(label) if label else np.ones(1)
    of_label = np.array([values.index(c.card.values[label]) if label else 0 for c in drafts], np.int64)
    kept: set[int] = set()
    scores: dict[int, float] = {}
    for code, quota in enumerate(shares(mass, job.plan.corpus.size)):
        mine = np.flatnonzero(of_label == code)

        def objective_of(part: slice, mine: npt.NDArray[np.int64] = mine, code: int = code) -> Objective:
            some = mine[part]
            blocks = [replace(block, entries=block.entries[some]) for block in shared]
            blocks += _columns_wanted(model, [drafts[i] for i in some], label, code)
            return _objective(job, sketch, code, [drafts[i].text for i in some], vectors[some], blocks)

        found, towards = choose_in_parts(len(mine), int(quota), objective_of)
        kept |= {drafts[i].id for i in mine[found]}
        scores |= {drafts[i].id: float(value) for i, value in zip(mine, towards, strict=True)}
    losers = {c.id: "not chosen by the sketch" for c in drafts if c.id not in kept}
    return pool.score("sketch", scores).drop("sketch", losers)


def _objective(
    job: Job,
    sketch: Sketch,
    code: int,
    texts: Sequence[str],
    vectors: npt.NDArray[np.float32],
    blocks: Sequence[Block],
) -> Objective:
    """The objective for texts of the label with this index, with ``blocks`` of further features."""
    target, features = sketch.target(code), sketch.features
    words = Block(word_roots(texts, features.words), target.words, WEIGHT_OF_WORDS)
    spread = WEIGHT_OF_SPREAD / job.plan.method.diversity
    return Objective.of(features.coordinates(vectors), target, spread, [*blocks, words])


def _ask(job: Job, question: SketchSum) -> npt.NDArray[np.int64]:
    """The noisy sum, shape (labels, dim): one query, charged before the noise is drawn."""
    features = question.features
    words = f"{len(features.words)} words"
    if features.language:
        last = f"{words}, and whether the text is in another language than {name_of(features.language)}"
    else:
        last = f"and {words}"
    what = (
        f"sum of vectors of length {LENGTH}: {features.count} coordinates of the embedding, their products, "
        f"{last}"
    )
    dim = question.blocks * features.dim
    asked = ask(job, "sketch", f"{what}, for each label" if question.label else what, dim)
    noisy = noisy_sum(job, asked, question, "measuring the private texts")
    return noisy.reshape(question.blocks, features.dim)


def _shares_wanted(
    job: Job,
    pack: Pack,
    model: CardModel,
    drafts: Sequence[Candidate],
    vectors: TextRows,
) -> tuple[Block, ...]:
    """The noisy shares of sentiments and lengths, and those of each draft, by the same public models."""
    described = [a for a in pack.attributes if a.kind in {"sentiment", "words"}]
    codes: dict[str, list[Codes]] = {a.name: [] for a in described}
    for block in vectors.blocks():
        rows, some = [Document(c.id, c.text) for c in drafts[block]], vectors[block]
        for a in described:
            codes[a.name].append(codes_of(a, rows, some, {}, job.tools.sentiment))
    return tuple(
        Block.of_codes(np.concatenate(found), model.shares(name), WEIGHT_OF_SHARES)
        for name, found in codes.items()
    )


def _columns_wanted(
    model: CardModel, drafts: Sequence[Candidate], label: str | None, code: int
) -> list[Block]:
    """The noisy joint shares of the columns beside the text, and what the drafts' cards say.

    For a column that was counted together with the label, the shares are those of the label with this index.
    """
    blocks = []
    for index, (group, counted) in enumerate(zip(model.pack.marginals, model.marginals, strict=True)):
        if model.pack.attribute(group[0]).kind != "column":
            continue
        names, table = group, counted
        if label in group:
            table = np.take(counted, code, axis=group.index(label))
            names = tuple(name for name in group if name != label)
        codes = [_codes_on_cards(model.pack, index, name, drafts) for name in names]
        alone = table.sum(axis=tuple(range(1, len(names)))) if label in group else model.shares(group[0])
        blocks.append(Block.of_codes(codes[0], _normed(alone), WEIGHT_OF_COLUMNS))
        if len(names) > 1:
            together = np.ravel_multi_index(codes, table.shape).astype(np.int64)
            blocks.append(Block.of_codes(together, _normed(table.ravel()), WEIGHT_OF_COLUMNS))
    return blocks


def _normed(counts: Floats) -> Floats:
    """The counts as shares; equal shares if all counts are zero, which strong noise can cause if there is no
    ``uniform_mix``.
    """
    total = counts.sum()
    shares: Floats = counts / total if total > 0 else np.full(len(counts), 1 / len(counts))
    return shares


def _codes_on_cards(pack: Pack, index: int, name: str, drafts: Sequence[Candidate]) -> Codes:
    """The index of each draft's card along an attribute's axis of the marginal at ``index``."""
    values = {value: i for i, value in enumerate(pack.attribute(name).values)}
    return positions(pack, index, name)[[values[draft.card.values[name]] for draft in drafts]]
