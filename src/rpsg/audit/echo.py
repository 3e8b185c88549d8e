"""The two signals that need nothing but the synthetic texts themselves (Meeus et al. 2025, Canary's Echo)."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.finding import of_scores
from rpsg.audit.subject import PARTS
from rpsg.audit.surrogate import Words, numbered, numbers_of
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject
    from rpsg.textstats.words import Tokens

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: A similarity is the mean over this many synthetic texts.
NEAREST = 25


class Pairs:
    """The counts of each pair of words in some texts, with add-one (Laplace) smoothing."""

    def __init__(self, tokens: Tokens) -> None:
        self._base = tokens.size
        keys, _ = _pairs(tokens)
        self._keys, self._counts = np.unique(keys, return_counts=True)
        self._first = np.bincount(keys // self._base, minlength=self._base) + self._base

    def log_chances(self, keys: Ints) -> Floats:
        """Log (count(a b) + 1) / (count(a) + number of words) of each pair."""
        index = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        counts = np.where(self._keys[index] == keys, self._counts[index], 0) if len(self._keys) else 0
        return np.asarray(np.log(counts + 1) - np.log(self._first[keys // self._base]))


def _pairs(tokens: Tokens) -> tuple[Ints, Ints]:
    """The pairs of words that stand next to each other in one text, and the text of each."""
    starts = np.flatnonzero(tokens.owner[1:] == tokens.owner[:-1])
    return tokens.codes[starts] * tokens.size + tokens.codes[starts + 1], tokens.owner[starts]


def echo_pairs(subject: Subject) -> Finding:
    """The mean log probability of the pairs of words of x in the corpus, minus that in the reference.

    Meeus et al. compare with shadow corpora. Here the parts of the reference are used instead, without the
    part that contains the text itself.
    """
    corpora = [subject.synthetic, *subject.references]
    rows = [[words(text) for text in texts] for texts in corpora]
    numbers = numbers_of(chain.from_iterable(rows))
    own, *references = (Pairs(numbered(part, numbers)) for part in rows)
    scores = []
    for part, (tokens,) in Words.of(subject, words).tokens(numbers):
        keys, owner = _pairs(tokens)
        each = np.stack([model.log_chances(keys) for model in references], axis=1)
        if not subject.reference:
            each[subject.part[part][owner][:, None] == np.arange(PARTS)] = np.nan
        gains = own.log_chances(keys) - (np.nanmean(each, axis=1) if len(each) else np.zeros(0))
        sums, counts = (np.bincount(owner, weights=w, minlength=len(tokens.lengths)) for w in (gains, None))
        scores.append(sums / np.maximum(counts, 1))
    return of_scores("echo-pairs", subject, np.concatenate(scores))


def echo_similarity(subject: Subject) -> Finding:
    """The mean Jaccard similarity of the words of x to those of the 25 most similar synthetic texts."""
    rows = [sorted(set(words(text))) for text in subject.synthetic]
    numbers = numbers_of(rows)
    known = numbered(rows, numbers)
    order = np.argsort(known.codes, kind="stable")
    holders = known.owner[order]  # for each word, the texts that have it
    stops = np.searchsorted(known.codes[order], np.arange(known.size), side="right")
    starts = np.concatenate([[0], stops[:-1]])
    count, size = len(subject.synthetic), known.lengths
    nearest = min(NEAREST, count)
    scores = np.zeros(len(subject.texts))
    unknown = known.size - 1
    for block, (tokens,) in Words.of(subject, words).tokens(numbers):
        ends = np.cumsum(tokens.lengths)
        for index, end, length in zip(range(block.start, block.stop), ends, tokens.lengths, strict=True):
            own = np.unique(tokens.codes[end - length : end])  # one text at a time: no matrix of all pairs
            held = [holders[starts[code] : stops[code]] for code in own if code != unknown]
            if held:
                shared = np.bincount(np.concatenate(held), minlength=count)
                similar = shared / np.maximum(size + len(own) - shared, 1)
                scores[index] = np.partition(similar, count - nearest)[-nearest:].mean()
    return of_scores("echo-similarity", subject, scores)
