"""Self-BLEU: how well each text is foretold by all the others (Zhu et al. 2018, "Texygen").

BLEU of a text against many references needs, of each n-gram, only the largest count in any one reference,
and the reference length nearest to its own. With the two largest counts of each n-gram over all texts, and
which text has the largest, the largest among *the others* is known for every text at once: no pair of
texts is ever compared. Equal to NLTK's ``sentence_bleu`` with ``method1`` smoothing, on white-space tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.intervals import of_mean
from rpsg.evaluation.words import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.evaluation.measure import Inputs, Measure
    from rpsg.evaluation.words import Ints, Tokens

    Floats = npt.NDArray[np.float64]

ORDER = 4
EPSILON = 0.1


def self_bleu(inputs: Inputs) -> Measure:
    """The mean over texts; lower is more diverse. The interval holds the references fixed."""
    inputs.need(2, real=False)
    scores = self_bleu_scores(inputs.corpus.texts)
    value, interval = of_mean(scores, inputs.seed, "self_bleu", 0.0, 1.0)
    return inputs.measured(
        "self_bleu", value, better=False, interval=interval, real=False, model="words between spaces, 4-gram"
    )


def self_bleu_scores(texts: Sequence[str]) -> Floats:
    """BLEU of each text against all the others, shape (texts,); two texts or more."""
    tokens = encode(text.split() for text in texts)
    logs = np.zeros(len(texts))
    for n in range(1, ORDER + 1):
        shared, total = _matches(tokens, n)
        if n == 1:
            nothing = shared == 0
        logs += np.log(np.where(shared == 0, EPSILON, shared) / np.maximum(total, 1)) / ORDER
    scores = _brevity(tokens.lengths) * np.exp(logs)
    return np.asarray(np.where(nothing, 0.0, scores))


def _matches(tokens: Tokens, n: int) -> tuple[Ints, Ints]:
    """For each text how many of its n-grams another text has, and how many n-grams it has."""
    texts = len(tokens.lengths)
    grams, owner, _ = tokens.ngrams(n)
    pairs, counts = np.unique(grams * texts + owner, return_counts=True)
    gram, text = np.divmod(pairs, texts)
    clipped = np.minimum(counts, _most_elsewhere(gram, counts))
    shared = np.bincount(text, weights=clipped, minlength=texts)
    return shared.astype(np.int64), np.maximum(tokens.lengths - n + 1, 0)


def _most_elsewhere(gram: Ints, counts: Ints) -> Ints:
    """For each (gram, text) pair the largest count of that gram in another text; pairs sorted by gram."""
    order = np.lexsort((-counts, gram))
    sorted_grams, sorted_counts = gram[order], counts[order]
    first = np.searchsorted(sorted_grams, gram)
    has_second = (first + 1 < len(order)) & (sorted_grams[np.minimum(first + 1, len(order) - 1)] == gram)
    second = np.where(has_second, sorted_counts[np.minimum(first + 1, len(order) - 1)], 0)
    is_first = np.zeros(len(order), np.bool_)
    is_first[order[np.unique(first)]] = True
    return np.asarray(np.where(is_first, second, sorted_counts[first]))


def _brevity(lengths: Ints) -> Floats:
    """The brevity penalty of each text; of two reference lengths equally near the shorter one counts."""
    different, place, times = np.unique(lengths, return_inverse=True, return_counts=True)
    below = different[np.maximum(place - 1, 0)]
    above = different[np.minimum(place + 1, len(different) - 1)]
    to_below = np.where(place > 0, lengths - below, np.iinfo(np.int64).max)
    to_above = np.where(place < len(different) - 1, above - lengths, np.iinfo(np.int64).max)
    nearest = np.where(to_below <= to_above, below, above)
    nearest = np.where(times[place] > 1, lengths, nearest)
    penalty = np.exp(np.minimum(0.0, 1 - nearest / np.maximum(lengths, 1)))
    return np.asarray(np.where(lengths == 0, 0.0, penalty))
