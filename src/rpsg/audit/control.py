"""Is the audit itself worth anything? What must not be found, and what must.

The blind baseline tells members from people held out without seeing the corpus. Where it can, the two were
not split by chance, and every attack would find that difference and call it a leak: the audit is void. The
positive controls are corpora that leak for certain. An attack that does not find what was planted has no
power here, and its silence counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.metrics.intervals import around_share
from rpsg.evaluation.metrics.two_sample import WIDER, Grams, fitted, wins
from rpsg.stages.rng import stream
from rpsg.textstats.words import encode, word_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding, Interval
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
FOLDS = 5
#: Texts of each side that the baseline looks at, at most.
MOST = 1500
#: Texts that must have a word for it to be looked at.
HELD = 4
#: People of each side in the control of a corpus that is the members' own texts.
PEOPLE = 2000
#: The baseline's interval has 99 %: an honest split would else be called void in one of forty audits.
NORMAL = 2.575829
#: The share of the corpus that a leaky generator copies, and of the words of a copy that it drops.
LEAKED, DROPPED = 0.05, 0.2
#: What an attack must reach against a model of the members themselves.
LEAST_AUC = 0.8
Outcome = Literal["caught", "missed", "not tried"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """How well the sides are told apart without the corpus; ``is_void`` where that is better than chance."""

    auc: float
    interval: Interval
    texts: int

    @property
    def is_void(self) -> bool:
        return self.interval[0] > 0.5


@dataclass(frozen=True, slots=True)
class Control:
    """What an attack made of a corpus that leaks for certain."""

    name: str
    outcome: Outcome
    auc: float | None = None
    epsilon_lower: float | None = None


def blind_baseline(subject: Subject) -> Baseline:
    """Logistic regression on the words and pairs of words of the private texts alone, five folds, by person.

    After Das, Zhang & Tramer 2024 and Meeus et al. 2024: no attack is worth more than what it adds to this.
    """
    rows = _drawn(subject)
    inside = subject.is_in[subject.owner[rows]]
    people = stream(subject.seed, "baseline folds").permutation(np.arange(subject.people) % FOLDS)
    fold = people[subject.owner[rows]]
    grams = _features([subject.texts[i] for i in rows])
    scores = np.zeros(len(rows))
    for own in range(FOLDS):
        test = fold == own
        weight = fitted(grams.rows(~test), np.where(inside[~test], 1.0, -1.0), int(grams.cells.max()) + 1)
        found = grams.rows(test).times(weight[:-1]) + weight[-1]
        # Ranks, since the folds have scales of their own.
        scores[test] = np.argsort(np.argsort(found)) / max(int(test.sum()), 1)
    members, others = wins(scores[inside], scores[~inside])
    value = float(members.mean())
    error = WIDER * (members.var(ddof=1) / len(members) + others.var(ddof=1) / len(others)) ** 0.5
    return Baseline(value, around_share(value, float(error), len(rows) // 2, NORMAL), len(rows))


def _features(texts: Sequence[str]) -> Grams:
    """Words and marks, and pairs of them, that at least ``HELD`` texts have; tf-idf, rows of length one."""
    tokens = encode(word_marks(text) for text in texts)
    found, start = [], 0
    for size in (1, 2):
        grams, owner, count = tokens.ngrams(size)
        found.append(np.unique(np.stack([owner, grams + start], axis=1), axis=0))
        start += count
    owner, cells = np.concatenate(found).T
    held = np.bincount(cells)
    kept = held[cells] >= HELD
    owner, cells = owner[kept], cells[kept]
    values = 1 + np.log((1 + len(texts)) / (1 + held[cells]))
    order = np.argsort(owner, kind="stable")
    owner, values = owner[order], values[order]
    _, cells = np.unique(cells[order], return_inverse=True)
    norms = np.sqrt(np.bincount(owner, weights=values**2, minlength=len(texts)))
    return Grams(cells, values / norms[owner], np.bincount(owner, minlength=len(texts)))


def _drawn(subject: Subject) -> npt.NDArray[np.int64]:
    """Equally many texts of each side, drawn at random."""
    inside = subject.is_in[subject.owner]
    sides = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    draw, count = stream(subject.seed, "baseline texts"), min(MOST, *map(len, sides))
    return np.sort(np.concatenate([draw.permutation(side)[:count] for side in sides]))


def fitted_on_members(subject: Subject) -> Subject:
    """A question whose answer is known: the corpus is what the members wrote, word for word.

    Of up to 2,000 people of each side, and the canaries that were planted. What an attack finds here is as
    much as it can find in texts of this kind.
    """
    draw = stream(subject.seed, "control people")
    sides = (np.flatnonzero(subject.is_in), np.flatnonzero(~subject.is_in))
    few = subject.of_people(np.sort(np.concatenate([draw.permutation(side)[:PEOPLE] for side in sides])))
    inside = few.is_in[few.owner]
    written = [text for text, is_member in zip(few.texts, inside, strict=True) if is_member]
    return few.with_synthetic([*written, *_planted(subject)])


def leaky(subject: Subject) -> Subject:
    """The same question about a corpus of which one text in twenty is a member's with words dropped.

    Each leaked text is of another member, or a planted canary; it lacks a random fifth of its words.
    """
    draw = stream(subject.seed, "control leak")
    order = draw.permutation(np.flatnonzero(subject.is_in[subject.owner]))
    _, first = np.unique(subject.owner[order], return_index=True)
    private = [*(subject.texts[i] for i in order[np.sort(first)]), *_planted(subject)]
    count = min(max(1, round(LEAKED * len(subject.synthetic))), len(private))
    leaked = [with_words_dropped(private[i], draw) for i in draw.permutation(len(private))[:count]]
    kept = draw.permutation(len(subject.synthetic))[count:]
    return subject.with_synthetic([*(subject.synthetic[i] for i in np.sort(kept)), *leaked])


def _planted(subject: Subject) -> Sequence[str]:
    return () if subject.canaries is None else subject.canaries.planted


def with_words_dropped(text: str, draw: np.random.Generator, share: float = DROPPED) -> str:
    """The text without this many of its words, chosen at random."""
    row = text.split()
    return " ".join(word for word, kept in zip(row, draw.random(len(row)) >= share, strict=True) if kept)


def outcome_of(finding: Finding, *, needs_area: bool) -> Control:
    """Whether an attack found the planted leak: a lower bound above the claim, and the area where it has one.

    ``needs_area``: the whole corpus leaks, so a score must tell most members from the others too.
    """
    if finding.verdict == "not run":
        return Control(finding.name, "not tried", finding.auc, finding.epsilon_lower)
    is_area = not needs_area or finding.auc is None or finding.auc >= LEAST_AUC
    caught = is_area and finding.verdict == "refuted"
    return Control(finding.name, "caught" if caught else "missed", finding.auc, finding.epsilon_lower)
