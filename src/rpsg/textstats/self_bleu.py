"""Self-BLEU: the BLEU of each text against all the others (Zhu et al. 2018, "Texygen").

BLEU of a text against many references needs only the largest count of each n-gram in any one reference, and
the reference length nearest to the text's own. The two largest counts of each n-gram over all texts, and the
text with the largest, give the largest count among *the others* for every text: no pairs of texts are
compared. Equal to NLTK's ``sentence_bleu`` with ``method1`` smoothing, on white-space tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.textstats.numbering import in_parts
from rpsg.textstats.words import encode, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.textstats.words import Ints, Tokens

    Floats = npt.NDArray[np.float64]

ORDER = 4
EPSILON = 0.1


def self_bleu_scores(texts: Sequence[str]) -> Floats:
    """BLEU of each text against all the others, shape (texts,); two texts or more."""
    return np.asarray(scores_without(texts, None)[0])


def scores_without(texts: Sequence[str], group: Ints | None) -> Floats:
    """BLEU with one group of references left out at a time, shape (1 + groups, texts); in the first row none
    is left out.

    For the texts of the group that a row leaves out, the row has no meaning.
    """
    tokens = encode(pieces(text) for text in texts)
    ways = 1 if group is None else int(group.max()) + 2
    logs = np.zeros((ways, len(texts)))
    nothing = np.zeros(logs.shape, np.bool_)
    for n in range(1, ORDER + 1):
        shared, total = _matches(tokens, n, group, ways)
        if n == 1:
            nothing = shared == 0
        logs += np.log(np.where(shared == 0, EPSILON, shared) / np.maximum(total, 1)) / ORDER
    brief = np.ones(logs.shape)
    for way in range(ways):
        left = np.ones(len(texts), np.bool_) if group is None or way == 0 else group != way - 1
        if left.any():
            brief[way, left] = _brevity(tokens.lengths[left])
    return np.asarray(np.where(nothing, 0.0, brief * np.exp(logs)))


def _matches(tokens: Tokens, n: int, group: Ints | None, ways: int) -> tuple[Ints, Ints]:
    """How many n-grams of each text matched, shape (ways, texts), rows as in ``scores_without``; and how many
    n-grams it has.
    """
    texts = len(tokens.lengths)
    grams, owner, _ = tokens.ngrams(n)
    found = [_matches_in(grams[part], owner[part], texts, group) for part in in_parts(grams)]
    text, clipped, lost, lost_with = (np.concatenate(each) for each in zip(*found, strict=True))
    shared = np.tile(np.bincount(text, weights=clipped, minlength=texts), (ways, 1))
    if group is not None:
        cells = np.bincount((lost_with + 1) * texts + text, weights=lost, minlength=ways * texts)
        shared -= cells.reshape(ways, texts)
    return shared.astype(np.int64), np.maximum(tokens.lengths - n + 1, 0)


def _matches_in(grams: Ints, owner: Ints, texts: int, group: Ints | None) -> tuple[Ints, Ints, Ints, Ints]:
    """Four numbers for each pair of an n-gram and a text that contains it: the text, its matches, how many
    matches are lost without one group of references, and that group.
    """
    pairs, counts = np.unique(grams * texts + owner, return_counts=True)
    gram, text = np.divmod(pairs, texts)
    own = np.zeros_like(text) if group is None else group[text]
    most, lost_with, instead = _most_elsewhere(gram, counts, own)
    clipped = np.minimum(counts, most)
    return text, clipped, clipped - np.minimum(counts, instead), lost_with


def _most_elsewhere(gram: Ints, counts: Ints, group: Ints) -> tuple[Ints, Ints, Ints]:
    """For each (gram, text) pair, pairs sorted by gram: the largest count of that gram in another text, that
    text's group, and the largest count in another text outside that group.
    """
    order = np.lexsort((-counts, gram))
    # One sentinel at the end, without gram, group and count: looking beyond the last gram gives zero.
    grams, sizes, groups_of = (
        np.append(values[order], end) for values, end in ((gram, -1), (counts, 0), (group, -1))
    )
    last = len(order)
    first = np.searchsorted(grams[:last], gram)
    index = np.empty(last, np.int64)
    index[order] = np.arange(last)
    runs = np.flatnonzero(np.append(True, (np.diff(grams) != 0) | (np.diff(groups_of) != 0)))
    after = np.append(runs[1:], last)[np.searchsorted(runs, np.arange(last + 1), side="right") - 1]
    best = np.where(index == first, first + 1, first)  # the other text with the largest count
    other = after[np.minimum(best, last)]
    mine = other == index  # the next one outside the group is this text itself: take the one after it
    behind = np.minimum(index + 1, last)
    behind = np.where(groups_of[behind] == groups_of[best], after[behind], behind)
    other = np.where(mine, behind, other)

    def there(at: Ints) -> Ints:
        return np.asarray(np.where(grams[at] == gram, sizes[at], 0))

    return there(best), np.maximum(groups_of[best], 0), there(other)


def _brevity(lengths: Ints) -> Floats:
    """The brevity penalty of each text, by the nearest other length; ties go to the shorter one."""
    different, index, times = np.unique(lengths, return_inverse=True, return_counts=True)
    below = different[np.maximum(index - 1, 0)]
    above = different[np.minimum(index + 1, len(different) - 1)]
    to_below = np.where(index > 0, lengths - below, np.iinfo(np.int64).max)
    to_above = np.where(index < len(different) - 1, above - lengths, np.iinfo(np.int64).max)
    nearest = np.where(to_below <= to_above, below, above)
    nearest = np.where(times[index] > 1, lengths, nearest)
    penalty = np.exp(np.minimum(0.0, 1 - nearest / np.maximum(lengths, 1)))
    return np.asarray(np.where(lengths == 0, 0.0, penalty))
