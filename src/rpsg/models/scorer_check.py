"""A scorer is tried before it is used: do its numbers have anything to do with the text?

Some servers, asked to score a text, answer with the scores of what they wrote themselves, and no error.
Others shift scores by one token, count padding, or score a text differently in a batch. Nothing of that
shows in a table of numbers, so each scorer reads a few sentences first whose answers are known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg.errors import ModelError
from rpsg.protocols import CountingScorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.protocols import Scorer

#: Plain sentences, of different length so that a batch of them needs padding.
FLUENT = (
    "The coffee was cold when it arrived, so we asked the waiter for a new cup.",
    "It rained all night.",
    "My sister moved to the city because she had found a better job there, and now we talk every Sunday.",
    "Please send me the report before the end of the week.",
)
# A thousandth of a nat: far above the rounding of float32, far below what a shifted token changes.
_TOLERANCE = 1e-3


def shuffled(text: str) -> str:
    """The words of a text in another order, always the same one: every third word, from the end."""
    words = text.split()
    return " ".join(word for start in (2, 0, 1) for word in words[::-1][start::3])


def check_scorer(scorer: Scorer) -> None:
    """Nothing, if the scorer keeps its promises on a few sentences; ModelError with what it broke if not.

    n tokens give n scores (exactly, if the scorer can count tokens; else at least one a word and at most
    one a byte); scores are finite and not above zero; fluent sentences are likelier in all than the same
    words shuffled; a sentence has the same scores alone and in a batch, to a thousandth of a nat.
    """
    together = scorer.score(FLUENT)
    _check_numbers(scorer, together)
    mixed = scorer.score([shuffled(text) for text in FLUENT])
    if _total(together) <= _total(mixed):
        raise _broken(scorer, "finds shuffled words as likely as sentences")
    for text, in_company in zip(FLUENT, together, strict=True):
        alone = scorer.score([text])[0]
        if len(alone) != len(in_company) or _distance(alone, in_company) > _TOLERANCE:
            raise _broken(scorer, "scores a text differently alone and in a batch")


def _check_numbers(scorer: Scorer, scores: list[list[float]]) -> None:
    if len(scores) != len(FLUENT):
        raise _broken(scorer, "does not give one list of scores for each text")
    if isinstance(scorer, CountingScorer):
        wanted = scorer.count_tokens(FLUENT)
        right = [len(values) for values in scores] == wanted
    else:
        right = all(
            len(text.split()) <= len(values) <= len(text.encode())
            for text, values in zip(FLUENT, scores, strict=True)
        )
    if not right:
        raise _broken(scorer, "does not give one score for each token of the text")
    if not all(math.isfinite(value) and value <= 0 for values in scores for value in values):
        raise _broken(scorer, "gives scores that are no log-probabilities")


def _total(scores: list[list[float]]) -> float:
    return math.fsum(value for values in scores for value in values)


def _distance(one: Sequence[float], two: Sequence[float]) -> float:
    return max((abs(a - b) for a, b in zip(one, two, strict=True)), default=0.0)


def _broken(scorer: Scorer, fault: str) -> ModelError:
    return ModelError(
        f"The scorer {scorer.name} {fault}.",
        hint="Its numbers would mean nothing. Take another scorer (see: rpsg list scorers), or none.",
    )
