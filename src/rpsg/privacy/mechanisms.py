"""The mechanisms: private counts and sums become noisy ones, and the exact ones never leave these functions.

``noise`` is any ``NoiseSource``. A mechanism returns whole numbers only; whatever is done to them afterwards
is post-processing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rpsg.errors import PrivacyError
from rpsg.privacy.exact_sums import exact_sum
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.token_sampling import (
    SCALE,
    Choices,
    References,
    draw,
    offered,
    require_bounded,
    summed,
)

if TYPE_CHECKING:
    from rpsg.privacy.evidence import Token
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.protocols import NoiseSource

UnitItems = Sequence[Sequence[str]]  # for each unit the strings it holds, at most k, each once


def noisy_histogram(query: Query, contributions: Private[Contributions], noise: NoiseSource) -> IntArray:
    """The histogram of cells, or the sum of vectors, plus rounded Gaussian noise, int64 of shape (dim,).

    Raises:
        PrivacyError: the rows break the query's contribution rule, they could not be computed, or the noise
            is not whole numbers.
    """
    return clean_answer(query, contributions) + _drawn(noise, query.sigma, query.dim)


def clean_answer(query: Query, contributions: Private[Contributions]) -> IntArray:
    """The exact answer, before noise. Private."""
    return open_private(exact_sum(query, contributions)).values


def bounded_references(query: Query, rows: Private[References]) -> Private[References]:
    """The rows, if each unit has at most c of them and they are all in one text; PrivacyError otherwise."""

    def checked(held: References) -> References:
        require_bounded(query, held)
        return held

    return rows.map(checked)


def token_steps(
    query: Query, text: int, written: Sequence[Token], choices: Choices, rows: Private[References]
) -> tuple[tuple[Token, ...], Private[list[int]]]:
    """The tokens that can come next in a text, and their scores in steps of ``token_sampling``.

    Raises:
        PrivacyError: the rows do not have a score for each choice, or those could not be computed.
    """
    tokens, public = offered(choices)
    near = Choices(tokens, public / SCALE)

    def scored(held: References) -> list[int]:
        moved = summed(query, held.scores(text, written, near), len(tokens))
        return [int(step) for step in public + moved]

    return tokens, rows.map(scored)


def drawn_token(tokens: Sequence[Token], steps: Private[list[int]]) -> Token:
    """The next token, drawn by the operating system's randomness."""
    return tokens[open_private(steps.map(draw))]


def noisy_selection(
    query: Query, threshold: int, items: Private[UnitItems], noise: NoiseSource
) -> list[tuple[str, int]]:
    """The strings whose noisy count reaches ``threshold``, with that count, in the order of the strings.

    Noise is added to the strings that occur. Under add/remove (and replace-one) that is enough: strings in
    both neighbouring data sets are ordinary histogram cells, and a string that only the differing unit holds
    passes with probability at most delta_fail (Korolova et al., 2009; Gopi et al., 2020). The result does not
    depend on the order of the input: the noise is independent of it and the result is sorted.

    Raises:
        PrivacyError: a unit holds more than k strings or a string twice, or the noise is not whole numbers.
    """
    counts = string_counts(query, open_private(items))
    names = sorted(counts)
    noisy = np.array([counts[n] for n in names], dtype=np.int64) + _drawn(noise, query.sigma, len(names))
    return [(n, int(v)) for n, v in zip(names, noisy, strict=True) if v >= threshold]


def string_counts(query: Query, units: UnitItems) -> Counter[str]:
    """How many units hold each string. Private."""
    counts: Counter[str] = Counter()
    for held in units:
        if len(held) > query.k or len(set(held)) != len(held):
            raise PrivacyError(
                f"Stage {query.stage} broke its contribution rule {query.rule}; nothing was released.",
                hint="This is a bug in the stage: at most k distinct strings for each unit.",
            )
        counts.update(held)
    return counts


def _drawn(noise: NoiseSource, sigma: float, size: int) -> IntArray:
    drawn = noise.draw(sigma, size)
    if drawn.dtype != np.int64 or drawn.shape != (size,):
        raise PrivacyError(
            f"The noise source {noise.name} does not give whole numbers of the size asked for."
        )
    return drawn
