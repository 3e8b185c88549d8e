"""Next-word accuracy and perplexity: train a language model on a corpus, test it on real texts.

The default is an interpolated Kneser-Ney trigram model (Chen & Goodman 1999), trained on the corpus alone;
``--language-model`` names a neural one. Figures of different models cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.inputs import Tested, UnavailableError
from rpsg.evaluation.metrics.intervals import NORMAL, around, of_ratio
from rpsg.evaluation.models import NGRAM
from rpsg.textstats.words import Tokens, encode, word_marks

if TYPE_CHECKING:
    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure
    from rpsg.textstats.words import Ints

Floats = npt.NDArray[np.float64]
#: Discounted probability is spread over a vocabulary of this size, or over the words of both corpora if there
#: are more of them: otherwise probabilities would sum to more than one.
LANGUAGE = 65_536
#: Bounds of the discount, for estimates from few counts; at 0 an unknown word would be impossible.
DISCOUNTS = (0.1, 0.95)


def next_word_accuracy(inputs: Inputs) -> Measure:
    """Share of positions in real texts at which the most likely next word is the actual one."""
    found = _tested(inputs)
    value, error = of_ratio(found.right, found.positions, inputs.seed, "next word")
    interval = around(value, NORMAL * error, 0.0, 1.0)
    return inputs.measured("next_word_accuracy", value, interval=interval, model=found.model)


def perplexity(inputs: Inputs) -> Measure:
    """The exponential of the mean -log probability of the words of real texts; lower is better."""
    found = _tested(inputs)
    mean, error = of_ratio(found.surprise, found.positions, inputs.seed, "perplexity")
    interval = (math.exp(mean - NORMAL * error), math.exp(mean + NORMAL * error))
    return inputs.measured("perplexity", math.exp(mean), interval=interval, model=found.model)


def _tested(inputs: Inputs) -> Tested:
    """Train once, test once for both metrics."""
    inputs.need(2)
    return inputs.once("language model", lambda: _train_and_test(inputs))


def _train_and_test(inputs: Inputs) -> Tested:
    name = inputs.models.language_model
    if name != NGRAM:
        from rpsg.evaluation.metrics.fine_tuning import train_and_test  # noqa: PLC0415  # optional packages

        return train_and_test(name, inputs.corpus.texts, inputs.real.texts, inputs.seed)
    texts = (*inputs.corpus.texts, *inputs.real.texts)
    both = encode(word_marks(text) for text in texts)
    train, test = both.split(len(inputs.corpus))
    if not len(train.codes) or not len(test.codes):
        raise UnavailableError("A corpus has no words.")
    return ngram_model(train, test)


def ngram_model(train: Tokens, test: Tokens) -> Tested:
    """An interpolated Kneser-Ney trigram model of ``train``, tested on ``test`` (same numbering)."""
    probability, likeliest = foretell(fit(train), test)
    return Tested(
        positions=test.lengths.astype(np.float64),
        right=_by_text(likeliest == test.codes, test),
        surprise=_by_text(-np.log(probability), test),
        model="interpolated Kneser-Ney trigrams, trained from scratch on the corpus",
    )


def _by_text(values: npt.NDArray[np.generic], test: Tokens) -> Floats:
    """The sum of ``values`` over the positions of each text."""
    return np.bincount(test.owner, weights=values, minlength=len(test.lengths)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Order:
    """The n-grams of one order. ``keys`` and ``contexts`` are sorted; words are digits of the keys.

    ``share`` is the discounted probability of each n-gram in its context, ``left`` the interpolation weight
    of the order below, ``best`` the most likely word seen in a context and ``best_chance`` its probability.
    """

    keys: Ints
    share: Floats
    contexts: Ints
    left: Floats
    best: Ints
    best_chance: Floats


def fit(train: Tokens) -> tuple[Order, ...]:
    """Unigrams, bigrams and trigrams; the lower two orders use continuation counts."""
    base = _base(train)
    first, second = _histories(train)
    trigrams, counts = np.unique((first * base + second) * base + train.codes, return_counts=True)
    bigrams, after = np.unique(trigrams % base**2, return_counts=True)
    unigrams, everywhere = np.unique(bigrams % base, return_counts=True)
    orders: list[Order] = []
    chance = np.full(len(unigrams), 1 / max(LANGUAGE, train.size))
    for keys, seen in ((unigrams, everywhere), (bigrams, after), (trigrams, counts)):
        if orders:
            below = np.searchsorted(orders[-1].keys, keys % base ** len(orders))
            chance = chance[below]
        order, chance = _order(keys, seen, base, chance)
        orders.append(order)
    return tuple(orders)


def _base(tokens: Tokens) -> int:
    """The base of n-gram keys: a digit for each word, and one for the start of a text."""
    base = tokens.size + 1
    if base**3 >= 2**63:
        raise UnavailableError("There are too many different words for a trigram to fit into 64 bits.")
    return base


def _histories(tokens: Tokens) -> tuple[Ints, Ints]:
    """The two words before each position; a start symbol if a text has fewer."""
    mark, n = tokens.size, len(tokens.codes)
    starts = np.concatenate([[0], np.cumsum(tokens.lengths)[:-1]])
    index = np.arange(n) - np.repeat(starts, tokens.lengths)
    padded = np.concatenate([[mark, mark], tokens.codes])
    first = np.where(index >= 2, padded[:n], mark)
    second = np.where(index >= 1, padded[1 : n + 1], mark)
    return first, second


def _order(keys: Ints, counts: Ints, base: int, below: Floats) -> tuple[Order, Floats]:
    """An order made from its sorted keys, and the interpolated probabilities of the keys; ``below`` has
    these probabilities in the lower order.
    """
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = float(np.clip(once / max(once + 2 * twice, 1), *DISCOUNTS))
    contexts, index, types = np.unique(keys // base, return_inverse=True, return_counts=True)
    total = np.bincount(index, weights=counts)
    share = np.maximum(counts - discount, 0.0) / total[index]
    left = discount * types / total
    chance = share + left[index] * below
    order = np.lexsort((keys, -chance, index))
    likeliest = order[np.searchsorted(index[order], np.arange(len(contexts)))]
    return Order(keys, share, contexts, left, keys[likeliest] % base, chance[likeliest]), chance


def foretell(model: tuple[Order, ...], test: Tokens) -> tuple[Floats, Ints]:
    """The probability of the word at each position of ``test``, and the most likely word there."""
    base = _base(test)
    first, second = _histories(test)
    chance = np.full(len(test.codes), 1 / max(LANGUAGE, test.size))
    best, best_chance = np.full(len(test.codes), -1), chance.copy()
    for order, context in zip(model, (np.zeros_like(second), second, first * base + second), strict=True):
        index, known = _look_up(order.contexts, context)
        left = np.where(known, order.left[index], 1.0)
        gram, seen = _look_up(order.keys, context * base + test.codes)
        chance = left * chance + np.where(seen, order.share[gram], 0.0)
        better = known & (order.best_chance[index] >= left * best_chance)
        best = np.where(better, order.best[index], best)
        best_chance = np.where(better, order.best_chance[index], left * best_chance)
    return chance, best


def _look_up(sorted_keys: Ints, wanted: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The index of each wanted key, and whether the key is there."""
    index = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return index, sorted_keys[index] == wanted
