"""Coherence of texts: how much their beginning helps a language model to predict their end.

The likelihood of a text does not measure this: to a model, real texts are as unlikely as nonsense. Two
comparisons of a text with itself do measure it; both are zero for incoherent text:

``coherence``: log p(second half | own first half) - log p(second half | first half of another text), over
words that are not in the text's first half, in nats per word of the second half. If repeated words counted, a
text that repeats its topic over and over would be the most coherent of all.

``word_order``: log p(text) - log p(the same words, shuffled in windows of four), in nats per word.

The first detects texts that are joined from halves or sentences of others, and chains of words, but hardly
any shuffled words. The second detects shuffled words, but hardly any joined sentences. Neither detects
nonsense that the judge itself wrote. docs/evaluation.md has the figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import of_mean
from rpsg.stages.rng import stream
from rpsg.textstats.words import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.evaluation.inputs import Inputs
    from rpsg.measures import Measure
    from rpsg.protocols import CountingScorer

Floats = npt.NDArray[np.float64]
#: The largest number of texts that are read, and of words of each. Reading them takes minutes on two cores.
MOST, LONGEST = 100, 120
#: The fewest texts with two halves, and the fewest words of a half.
LEAST, SHORTEST = 10, 6
WINDOW = 4
SENTENCE_END = re.compile(r"[.!?\u3002]+[\"'\u201d)\]]*$")
_MARKUP = re.compile(r"<[a-z/][^<>]{0,40}>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Halves:
    """The words of a text in two parts; the first ends with a sentence."""

    first: tuple[str, ...]
    second: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.first + self.second


@dataclass(frozen=True)
class CoherenceGains:
    """Nats per word gained by a text's own beginning, and by its word order; both of shape (texts,).

    ``left_out`` texts could not be halved, or their tokens cross the borders of words.
    """

    context: Floats
    order: Floats
    left_out: int
    judge: str


def coherence(inputs: Inputs) -> Measure:
    """How much the beginning of a text helps to predict the new words of its end; the mean over texts."""
    return _measure(inputs, "coherence", "context", f"first {LONGEST} words")


def word_order(inputs: Inputs) -> Measure:
    """How much more likely words are in their order than shuffled in windows of four; the mean over texts."""
    return _measure(inputs, "word_order", "order", f"first {LONGEST} words, windows of {WINDOW}")


def _measure(inputs: Inputs, name: str, which: str, how: str) -> Measure:
    judged = inputs.corpus.once(f"judged {inputs.seed}", lambda: judge(inputs))
    value, interval = of_mean(getattr(judged, which), inputs.seed, name)
    return inputs.measured(
        name,
        value,
        interval=interval,
        real=False,
        model=f"{judged.judge}; {how}",
        details={"texts read": len(judged.context), "left out": judged.left_out},
    )


def judge(inputs: Inputs) -> CoherenceGains:
    """Have the judge read up to a hundred texts, drawn at random.

    Raises UnavailableError if too few can be halved, and the errors of loading the judge.
    """
    texts = inputs.corpus.texts
    drawn = stream(inputs.seed, "coherence").permutation(len(texts))[:MOST]
    cut = [halves(texts[i]) for i in drawn]
    whole = [found for found in cut if found is not None]
    if len(whole) < LEAST:
        raise UnavailableError(
            f"Too few texts: {LEAST} are needed that can be cut at the end of a sentence into halves of "
            f"{SHORTEST} words or more."
        )
    scorer = inputs.models.judge
    others = [other.first for other in (*whole[1:], whole[0])]
    mixed = [_shuffled(found.all, inputs.seed, index) for index, found in enumerate(whole)]
    asked = [
        *(found.all for found in whole),
        *((*other, *found.second) for other, found in zip(others, whole, strict=True)),
        *mixed,
    ]
    said = _by_word(scorer, asked)
    n = len(whole)
    context, order = [], []
    for found, own, swapped, loose in zip(whole, said[:n], said[n : 2 * n], said[2 * n :], strict=True):
        if own is None or swapped is None or loose is None:
            continue
        size = len(found.second)
        context.append(float((own[-size:] - swapped[-size:])[_new(found)].sum()) / size)
        order.append(float(own.sum() - loose.sum()) / len(found.all))
    if len(context) < LEAST:
        raise UnavailableError(f"The tokens of {scorer.name} do not end where words end.")
    return CoherenceGains(np.array(context), np.array(order), len(drawn) - len(context), scorer.name)


def halves(text: str) -> Halves | None:
    """A text cut at the sentence end nearest its middle; None if a half would be too short."""
    found = tuple(_MARKUP.sub(" ", text).split())[:LONGEST]
    ends = [
        index for index in range(SHORTEST, len(found) - SHORTEST + 1) if SENTENCE_END.search(found[index - 1])
    ]
    if not ends:
        return None
    at = min(ends, key=lambda index: abs(index - len(found) / 2))
    return Halves(found[:at], found[at:])


def _new(found: Halves) -> npt.NDArray[np.bool_]:
    """Which words of the second half are not in the first."""
    known = {_bare(word) for word in found.first}
    return np.array([_bare(word) not in known for word in found.second])


def _bare(word: str) -> str:
    return " ".join(WORD.findall(word.lower()))


def _shuffled(words: Sequence[str], seed: int, index: int) -> tuple[str, ...]:
    """The words in another order within each window."""
    draw = stream(seed, "coherence windows", index)
    windows = (words[start : start + WINDOW] for start in range(0, len(words), WINDOW))
    return tuple(window[i] for window in windows for i in draw.permutation(len(window)))


def _by_word(scorer: CountingScorer, asked: Sequence[Sequence[str]]) -> list[Floats | None]:
    """The log-probability of each word of each row; None for a row whose tokens cross the borders of words.

    Tokenizers of language models put the space before a word into its first token, so a word has the same
    number of tokens within a text as after a lone space.
    """
    known = sorted({word for words in asked for word in words})
    after_space = dict(zip(known, scorer.count_tokens([f" {word}" for word in known]), strict=True))
    at_start = dict(zip(known, scorer.count_tokens(known), strict=True))
    found: list[Floats | None] = []
    for words, scores in zip(asked, scorer.score([" ".join(words) for words in asked]), strict=True):
        counts = [at_start[words[0]], *(after_space[word] for word in words[1:])]
        fits = sum(counts) == len(scores) and min(counts) > 0
        starts = np.cumsum([0, *counts[:-1]])
        found.append(np.add.reduceat(np.array(scores, np.float64), starts) if fits else None)
    return found
