"""How an edit of a private text is scored, and which of two edits is better: privacy first, then utility."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rpsg.stages.sanitize import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.protocols import Embedder


@dataclass(frozen=True, slots=True, order=True)
class EditScore:
    """The two scores of an edit, which compare lexicographically: a larger one is the better edit.

    Attributes:
        privacy: the rank of the right guess, 1 for the most likely. If no guess was right, or the evaluator
            does not confirm it, the number of guesses plus one. Of several attributes, the worst counts.
        confidence: how certain the utility evaluator is of the label, 0 to 100.
        told: the attributes that the text reveals, each with the words that reveal it.
    """

    privacy: int
    confidence: int
    told: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)

    def is_enough(self, confidence: int) -> bool:
        """Whether edits may end: nothing is revealed, and the label more certain than ``confidence``."""
        return not self.told and self.confidence > confidence


def ranks_of_truth(
    truths: Sequence[str], guesses: Sequence[Sequence[str]], embedder: Embedder, match: float
) -> list[int]:
    """For each true value, the rank of the guess that is nearest to it, from 1, or 0 if that is not close
    enough. Close enough is a cosine of at least ``match``, or the same words.
    """
    flat = [*truths, *(guess for own in guesses for guess in own)]
    if not truths:
        return []
    vectors = embedder.embed(flat)
    ranks, start = [], len(truths)
    for i, own in enumerate(guesses):
        near = vectors[start : start + len(own)] @ vectors[i]
        start += len(own)
        same = [words_of(guess) == words_of(truths[i]) for guess in own]
        best = same.index(True) if any(same) else int(near.argmax())
        ranks.append(best + 1 if any(same) or float(near[best]) >= match else 0)
    return ranks
