"""Can members be told from people held out without the corpus? Then chance did not split them.

Every attack would find such a difference and call it a leak, so the audit is void. Two things are tested: a
classifier of words, and a few plain figures of each person, such as the number of texts. Each is judged by
its AUC and, like an attack, by its most certain guesses, because a small group of people who are all on one
side hardly changes an AUC.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.roc import area_of
from rpsg.audit.subject import NotRunError
from rpsg.audit.surrogate import under_references
from rpsg.evaluation.metrics.intervals import around_share
from rpsg.evaluation.metrics.two_sample import WIDER, Grams, fitted
from rpsg.privacy.attack_bounds import at_least, guess_sizes
from rpsg.stages.rng import stream
from rpsg.textstats.words import encode, word_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.audit.roc import Interval
    from rpsg.audit.subject import Subject

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
FOLDS = 5
#: The classifier uses at most this many texts of each side.
MOST = 1500
#: The classifier uses a word only if at least this many texts have it.
HELD = 4
#: The largest probability that an honest split is called void: because of its words, and because of its plain
#: figures.
LEVEL = 0.01
#: The sign that other texts, or the reference, have the texts of one side more often than those of the other.
LEFT_OUT = "people who are left out"


@dataclass(frozen=True, slots=True)
class Baseline:
    """How well the sides are told apart without the corpus.

    ``auc`` is that of the classifier, with its 99 % interval; ``signs`` name what else tells them apart.
    """

    auc: float
    interval: Interval
    texts: int
    signs: tuple[str, ...] = ()

    @property
    def is_void(self) -> bool:
        return self.interval[0] > 0.5 or bool(self.signs)


def blind_baseline(subject: Subject) -> Baseline:
    """Logistic regression on the words and pairs of words of the private texts alone, five folds, by person.

    After Das, Zhang & Tramer 2024 and Meeus et al. 2024: an attack shows only what it finds beyond this
    classifier. A person's score is the mean over their texts. The plain figures are tested as well.
    """
    rows = _drawn(subject)
    inside = subject.is_in[subject.owner[rows]]
    people = stream(subject.seed, "baseline folds").permutation(np.arange(subject.people) % FOLDS)
    fold = people[subject.owner[rows]]
    grams = _features([subject.texts[i] for i in rows])
    scores = np.zeros(len(rows))
    for own in range(FOLDS):
        test = fold == own
        weight = fitted(
            grams.rows(~test), np.where(inside[~test], 1.0, -1.0), int(grams.cells.max(initial=-1)) + 1
        )
        found = grams.rows(test).times(weight[:-1]) + weight[-1]
        # Ranks, because each fold has its own scale of scores; equal scores have equal ranks.
        scores[test] = np.searchsorted(np.sort(found), found) / max(int(test.sum()), 1)
    who, index = np.unique(subject.owner[rows], return_inverse=True)
    of_person = np.bincount(index, weights=scores) / np.bincount(index)
    value, error, fewest = area_of(of_person, subject.is_in[who])
    normal = NormalDist().inv_cdf(1 - LEVEL / 2)
    figures = dict(_figures(subject))
    level = LEVEL / (2 + len(figures))
    signs = [name for name, figure in figures.items() if _tells(figure, subject.is_in, level)]
    if _names_too_many(of_person, subject.is_in[who], level):
        signs.insert(0, "words of a small group of people")
    if _leaves_out_too_many(subject, level):
        signs.append(LEFT_OUT)
    return Baseline(value, around_share(value, WIDER * error, fewest, normal), len(rows), tuple(signs))


def _figures(subject: Subject) -> Iterator[tuple[str, Floats]]:
    """Plain figures of each person, shape (people,); a random split gives them the same distribution on both
    sides.
    """
    counts = np.bincount(subject.owner)
    yield "how many texts a person has", counts.astype(np.float64)
    kinds = np.fromiter(map(_signs_of, subject.texts), np.dtype((np.float64, 5)), len(subject.texts)).T
    for name, column in zip(("words", "characters", *_SHARES), kinds, strict=True):
        shown = name if name in _SHARES else f"how many {name} a text has"
        yield shown, np.bincount(subject.owner, weights=column) / counts
    try:
        sums = under_references(subject) if subject.reference else None
    except NotRunError:  # a reference without a word: no attack can use it either
        return
    if sums is not None:
        of_word = sums / np.maximum(kinds[0], 1)
        yield "similarity to the reference", np.bincount(subject.owner, weights=of_word) / counts


_SHARES = ("capital letters", "white space", "characters outside ASCII")


def _signs_of(text: str) -> tuple[float, ...]:
    """Words and characters, and the shares of characters that ``_SHARES`` names."""
    plain = len(text.encode("ascii", errors="ignore"))
    spaces = sum(map(str.isspace, text))
    shares = (sum(map(str.isupper, text)), spaces, len(text) - plain)
    return (len(text.split()), len(text), *(share / len(text) for share in shares))


def _tells(figure: Floats, is_in: Flags, level: float) -> bool:
    """Whether a figure tells the sides apart, in either direction, with an error rate of ``level``."""
    value, error, fewest = area_of(figure, is_in)
    low, high = around_share(value, error, fewest, NormalDist().inv_cdf(1 - level / 4))
    return low > 0.5 or high < 0.5 or _names_too_many(figure, is_in, level / 2)


def _names_too_many(scores: Floats, is_in: Flags, level: float) -> bool:
    """Whether too many of the highest scores, or of the lowest, belong to one side.

    A group of equal scores counts only if all of it fits, because the order within it has no meaning.
    """
    units = len(is_in)
    sizes = guess_sizes(units)
    for end in (scores, -scores):
        order = np.argsort(-end, kind="stable")
        ranked, values = is_in[order], end[order]
        for size in sizes:
            whole = int(np.searchsorted(-values, -values[size], side="left"))
            hits = int(ranked[:whole].sum())
            for right, share in ((hits, is_in.mean()), (whole - hits, (~is_in).mean())):
                if at_least(whole, float(share), right) < level / (4 * len(sizes)):
                    return True
    return False


def _leaves_out_too_many(subject: Subject, level: float) -> bool:
    """Whether the numbers of people left out on the two sides, because of their texts, differ by more than
    chance. Without this check, leaked texts could be hidden by copies of them on one side or in the
    reference.
    """
    out = np.array(list(subject.left_out.values()) or [0, 0])
    sides = out + np.bincount(subject.is_in, minlength=2)[::-1]
    total = int(out.sum())
    shares = zip(out, sides / sides.sum(), strict=True)
    return any(at_least(total, float(share), int(count)) < level / 2 for count, share in shares)


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


def _drawn(subject: Subject) -> Ints:
    """Equally many texts of each side, drawn at random; everybody's first text before anybody's second."""
    inside = subject.is_in[subject.owner]
    sides = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    draw, count = stream(subject.seed, "baseline texts"), min(MOST, *map(len, sides))
    chosen = []
    for side in sides:
        order = draw.permutation(side)
        chosen.append(order[np.argsort(_how_often_before(subject.owner[order]), kind="stable")][:count])
    return np.sort(np.concatenate(chosen))


def _how_often_before(owner: Ints) -> Ints:
    """For each position the number of earlier positions with the same owner."""
    order = np.argsort(owner, kind="stable")
    grouped = owner[order]
    starts = np.searchsorted(grouped, grouped, side="left")
    before = np.empty(len(owner), np.int64)
    before[order] = np.arange(len(owner)) - starts
    return before
