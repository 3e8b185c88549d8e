"""Lexical quality: how many different words and n-grams, how rich a text, how hard to read, self-BLEU.

The goal is the figure of real texts, not the largest one: gibberish is very diverse.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import from_jackknife, groups, jackknife_error, of_mean
from rpsg.textstats.languages import ENGLISH, languages_of, name_of
from rpsg.textstats.repeats import AT_ONCE
from rpsg.textstats.self_bleu import scores_without
from rpsg.textstats.words import encode, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.measures import Measure
    from rpsg.textstats.words import Ints, Tokens

VOWELS = re.compile(r"[aeiouy]+")
SENTENCE_END = re.compile(r"[.!?]+(?:\s|$)|[\u3002\uff01\uff1f]+")
#: The first character after the Latin letters with and without accents.
_LATIN_ENDS = "\u0250"
MODEL = "lower-case words"


def word_tokens(corpus: Texts) -> Tokens:
    """The lower-case words of a corpus."""
    return corpus.once("words", lambda: encode(words(text) for text in corpus.texts))


def distinct_1(inputs: Inputs) -> Measure:
    """The number of different words divided by the number of all words. It falls with the size of a corpus:
    compare corpora of equal size.
    """
    return _distinct(inputs, "distinct_1", 1)


def distinct_2(inputs: Inputs) -> Measure:
    """The number of different pairs of neighbouring words divided by that of all pairs ("bigram
    diversity").
    """
    return _distinct(inputs, "distinct_2", 2)


def distinct_3(inputs: Inputs) -> Measure:
    """The number of different runs of three words divided by that of all such runs."""
    return _distinct(inputs, "distinct_3", 3)


def vocabulary(inputs: Inputs) -> Measure:
    """How many different words there are."""
    grams, owner, count = _grams(inputs, 1)
    different, _ = _without_each_group(inputs, grams, owner, count)
    interval = from_jackknife(count, jackknife_error(different), low=0.0)
    return inputs.measured("vocabulary", count, interval=interval, real=False, model=MODEL)


def _grams(inputs: Inputs, n: int) -> tuple[Ints, Ints, int]:
    grams, owner, count = word_tokens(inputs.corpus).ngrams(n)
    if not len(grams):
        raise UnavailableError(f"No text has {n} words.")
    return grams, owner, count


def _distinct(inputs: Inputs, name: str, n: int) -> Measure:
    grams, owner, count = _grams(inputs, n)
    value = count / len(grams)
    different, left = _without_each_group(inputs, grams, owner, count)
    error = jackknife_error(different / np.maximum(left, 1))
    interval = from_jackknife(value, error, low=0.0, high=1.0)
    return inputs.measured(name, value, interval=interval, real=False, model=MODEL)


def _without_each_group(inputs: Inputs, grams: Ints, owner: Ints, count: int) -> tuple[Ints, Ints]:
    """The numbers of different n-grams and of all n-grams without each group of texts."""
    group = groups(len(inputs.corpus), inputs.seed, "words")[owner]
    first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(first, grams, group)
    np.maximum.at(last, grams, group)
    only = np.bincount(first[first == last], minlength=int(group.max()) + 1)
    return count - only, len(grams) - np.bincount(group, minlength=len(only))


def type_token_ratio(inputs: Inputs) -> Measure:
    """Different words divided by all words, averaged over texts. It falls with the length of a text."""
    tokens = word_tokens(inputs.corpus)
    different = np.concatenate(
        [np.zeros(0, np.int64), *(_different(part) for _, part in tokens.parts(AT_ONCE))]
    )
    some = tokens.lengths > 0
    if not some.any():
        raise UnavailableError("No text has a word.")
    value, interval = of_mean(different[some] / tokens.lengths[some], inputs.seed, "ttr", 0.0, 1.0)
    return inputs.measured("type_token_ratio", value, interval=interval, real=False, model=MODEL)


def _different(tokens: Tokens) -> Ints:
    """How many different words each text has."""
    pairs = np.unique(tokens.owner * tokens.size + tokens.codes)
    return np.bincount(pairs // tokens.size, minlength=len(tokens.lengths))


def readability(inputs: Inputs) -> Measure:
    """Flesch's reading ease, mean over texts: 100 is easy, 0 is hard. For English.

    206.835 - 1.015 words/sentences - 84.6 syllables/words (Flesch 1948); syllables are groups of vowels, less
    a silent e at the end. No value for texts that are mostly in another language or alphabet.
    """
    _check_english(inputs.corpus.texts)
    scores = [score for text in inputs.corpus.texts if (score := reading_ease(text)) is not None]
    if not scores:
        raise UnavailableError("No text has a word.")
    value, interval = of_mean(np.array(scores), inputs.seed, "readability")
    return inputs.measured(
        "readability", value, interval=interval, real=False, model="Flesch reading ease, English"
    )


def _check_english(texts: Sequence[str]) -> None:
    """Raise UnavailableError for texts whose syllables are not those of English."""
    language = next(iter(languages_of(texts)), "")
    if language not in ENGLISH:
        raise UnavailableError(f"This metric is for English, but most texts are in {name_of(language)}.")
    letters = Counter(sign < _LATIN_ENDS for text in texts for sign in text if sign.isalpha())
    if letters[True] < letters[False]:
        raise UnavailableError("This metric is for English, but most letters of the texts are not Latin.")


def reading_ease(text: str) -> float | None:
    """Flesch's reading ease of one text; None for one without words."""
    found = words(text)
    if not found:
        return None
    sentences = max(1, len(SENTENCE_END.findall(text)))
    syllables = sum(_syllables(word) for word in found)
    return 206.835 - 1.015 * len(found) / sentences - 84.6 * syllables / len(found)


def _syllables(word: str) -> int:
    bare = word if word.isascii() else "".join(filter(str.isalnum, unicodedata.normalize("NFD", word)))
    count = len(VOWELS.findall(bare))
    if word.endswith("e") and not word.endswith(("le", "ee")) and count > 1:
        count -= 1
    return max(1, count)


def self_bleu(inputs: Inputs) -> Measure:
    """The mean self-BLEU over texts; lower is more diverse. The jackknife also removes references."""
    inputs.need(2, real=False)
    texts = inputs.corpus.texts
    group = groups(len(texts), inputs.seed, "self-BLEU")
    scores = scores_without(texts, group)
    value, interval = float(scores[0].mean()), None
    if len(texts) > 2:
        left = (scores[g + 1, group != g].mean() for g in range(len(scores) - 1))
        interval = from_jackknife(value, jackknife_error(left), low=0.0, high=1.0)
    return inputs.measured(
        "self_bleu", value, interval=interval, real=False, model="words between spaces, 4-gram"
    )
