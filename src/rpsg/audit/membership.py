"""Was this text in the data? Attacks that score each private text by a model of the synthetic corpus.

All scores are higher for what looks more like a member. l(x) is the mean surprise of the words of x, its
negative log-likelihood per word, under a trigram model of the synthetic corpus; l_ref(x) the same under a
mixture of reference models that never saw x.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from rpsg.audit.finding import of_scores
from rpsg.audit.surrogate import signals

if TYPE_CHECKING:
    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject


def ppl(subject: Subject) -> Finding:
    """s(x) = -l(x), which ranks texts as perplexity does (Yeom et al. 2018); text by text and without
    padding.
    """
    found = signals(subject)
    return of_scores("ppl", subject, found.under_corpus / np.maximum(found.words, 1))


def refer(subject: Subject) -> Finding:
    """s(x) = l_ref(x) - l(x): what is likely in any case does not count (Carlini et al. 2021)."""
    found = signals(subject)
    gain = found.under_corpus - found.under_reference
    return of_scores("refer", subject, gain / np.maximum(found.words, 1))


def lira(subject: Subject) -> Finding:
    """The share of other texts whose likelihood ratio is no larger, mean over the reference models.

    The form with references, RMIA (Zarifzadeh, Liu & Shokri 2024). A text's ratio is its total log-ratio
    divided by the root of its length, so that a long text does not outweigh others by its length alone. The
    other texts are those of both sides, which does not reveal who is a member.
    """
    found = signals(subject)
    roots = np.sqrt(np.maximum(found.words, 1))
    shares, models = np.zeros(len(roots)), np.zeros(len(roots))
    for under_reference in found.under_each.T:
        known = ~np.isnan(under_reference)
        ratio = (found.under_corpus[known] - under_reference[known]) / roots[known]
        shares[known] += np.searchsorted(np.sort(ratio), ratio, side="right") / max(len(ratio), 1)
        models += known
    return of_scores("lira", subject, shares / models)


def neighbours(subject: Subject) -> Finding:
    """s(x) = mean of l over neighbours of x, minus l(x) (Mattern et al. 2023).

    A neighbour is x with a fifth of its words replaced by words that are drawn from the synthetic corpus, in
    proportion to how often they occur there. Mattern et al. draw them from a masked language model.
    """
    found = signals(subject)
    return of_scores(
        "neighbours", subject, (found.under_corpus - found.neighbours) / np.maximum(found.words, 1)
    )


def compressed(subject: Subject) -> Finding:
    """s(x) = log-likelihood of x for each byte that zlib needs for it (Carlini et al. 2021)."""
    found = signals(subject)
    sizes = np.fromiter((len(zlib.compress(text.encode(errors="replace"))) for text in subject.texts), float)
    return of_scores("zlib", subject, found.under_corpus / sizes)


def passage(subject: Subject) -> Finding:
    """How much more likely a passage of x is under the corpus than under the references, for the passage with
    the largest gain.

    The largest sum, over words in a row, of log p(word) - log p_ref(word) - 1/2. A leak of few
    sentences is not averaged away, as it is in a mean over the text.
    """
    return of_scores("passage", subject, signals(subject).passage)
