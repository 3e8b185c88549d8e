"""Tests a scorer before it is used: do its numbers depend on the text as they should?

Some servers, asked to score a text, return the scores of their own output without an error. Others shift
scores by one token, count padding, or score a text differently in a batch. None of that is visible in a table
of numbers, so each scorer first scores a few sentences with known properties.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg.errors import ModelError
from rpsg.protocols import CountingScorer

if TYPE_CHECKING:
    from rpsg.protocols import Scorer

#: Plain sentences of different lengths, so that a batch of them needs padding.
FLUENT = (
    "The coffee was cold when it arrived, so we asked the waiter for a new cup.",
    "It rained all night.",
    "My sister moved to the city because she had found a better job there, and now we talk every Sunday.",
    "Please send me the report before the end of the week.",
)
# A thousandth of a nat: far above rounding errors of float32, far below the effect of a shifted token.
_TOLERANCE = 1e-3


def shuffled(text: str) -> str:
    """The words of a text in another, fixed order: every third word, from the end."""
    words = text.split()
    return " ".join(word for start in (2, 0, 1) for word in words[::-1][start::3])


def check_scorer(scorer: Scorer) -> None:
    """Check the properties of a scorer on a few sentences; ModelError names the one that fails.

    n tokens give n scores (if the scorer cannot count tokens: at least one per word and at most one per
    byte); scores are finite and not above zero; fluent sentences have a higher total than the same words
    shuffled; a sentence has the same scores alone and in a batch, to a thousandth of a nat.
    """
    together = scorer.score(FLUENT)
    _check_numbers(scorer, together)
    mixed = scorer.score([shuffled(text) for text in FLUENT])
    if _total(together) <= _total(mixed):
        raise _broken(scorer, "finds shuffled words as likely as sentences")
    for text, in_company in zip(FLUENT, together, strict=True):
        alone = scorer.score([text])[0]
        if len(alone) != len(in_company) or any(
            abs(a - b) > _TOLERANCE for a, b in zip(alone, in_company, strict=True)
        ):
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


def _broken(scorer: Scorer, fault: str) -> ModelError:
    return ModelError(
        f"The scorer {scorer.name} {fault}.",
        hint="The scores of such a scorer have no meaning. Use another one (see: rpsg list scorers), or "
        "none.",
    )
