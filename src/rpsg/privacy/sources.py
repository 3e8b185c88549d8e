"""The noise sources that support a claim, and how far each is from exact rounded Gaussians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUNDED_GAUSSIAN = "rounded_gaussian/os_csprng"
OPENDP = "opendp/discrete_gaussian_fine_lattice"

LARGEST_SIGMA = 1e5


def table_reach(sigma: float) -> int:
    """K: the noise table covers -K..K, beyond which less than 2^-140 of the normal law is left."""
    return math.ceil(sigma * math.sqrt(2.0 * math.log(2.0) * 140.0)) + 2


def table_tv(sigma: float, size: int) -> float:
    """Total variation of ``size`` draws of the 128-bit table: 2K + 2 steps, each off by at most 2^-128."""
    return size * (2 * table_reach(sigma) + 2) * 2.0**-128


def lattice_bits(sigma: float) -> int:
    """The s of the finest lattice 2^-s on which 20 sigma still fit a 64-bit integer."""
    if not 0.0 < sigma <= LARGEST_SIGMA:
        raise ValueError("sigma must be positive and at most 1e5")
    return min(57, math.floor(57 - math.log2(sigma)))


def lattice_tv(sigma: float, size: int) -> float:
    """Total variation of ``size`` rounded draws of a discrete Gaussian on the lattice 2^-s; see ``noise``."""
    return size * 0.5 * 2.0 ** -lattice_bits(sigma) / sigma


_BOUNDS = {ROUNDED_GAUSSIAN: table_tv, OPENDP: lattice_tv}


def supports_claims(source: str) -> bool:
    """Whether ``source`` is one of the two with a known distribution; test and third-party noise is not."""
    return source in _BOUNDS


def tv_bound(source: str, sigma: float, size: int) -> float:
    """Total variation between ``size`` draws of ``source`` and exact rounded Gaussians.

    Raises:
        ValueError: the distribution of ``source`` is not known.
    """
    if source not in _BOUNDS:
        raise ValueError("no bound is known for this noise source")
    return _BOUNDS[source](sigma, size)


#: The kind of a ledger's line about one noisy answer: a histogram, a sum or a selection.
NOISY_ANSWER = "rounded_gaussian"
#: The kind of one about tokens that were drawn.
TOKENS = "token_sampling"


def noisy_answers(ledger: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The lines of a ledger about its noisy answers and drawn tokens, in the order of the draws."""
    return [line for line in ledger["mechanisms"] if line["kind"] in {NOISY_ANSWER, TOKENS}]


def sampler_tv(mechanisms: Sequence[Mapping[str, Any]], source: str) -> float:
    """The total variation of all noise; with an open vocabulary, only that of the 2k strings that can differ.

    Tokens are drawn exactly.
    """
    return math.fsum(
        tv_bound(source, m["sigma"], m["dim"] or 2 * m["sens"]["k"])
        for m in mechanisms
        if m["kind"] == NOISY_ANSWER
    )
