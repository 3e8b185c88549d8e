"""Who is in a corpus: which value a text has, and what its noisy count says of the private data.

The report and the evaluation both show this; here it is decided for both.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rpsg.domains import Attribute

CONFIDENT = 1.96


def is_seen(count: float, sigma: float) -> bool:
    """Whether a count stands out of its noise; ``sigma`` is the standard deviation of that."""
    return count > CONFIDENT * sigma


def counted(noisy: Iterable[float]) -> float:
    """How many all noisy counts of an attribute are together, at least one: noise below zero is nobody."""
    return max(1.0, math.fsum(max(count, 0.0) for count in noisy))


def is_measured(attribute: Attribute) -> bool:
    """Whether the value of a text is counted from the text; all other values are what its card asked for."""
    return attribute.kind == "words"


def value_of(attribute: Attribute, text: str, card: Mapping[str, str]) -> str | None:
    """The value that a text has; None where neither the text nor its card tells."""
    if is_measured(attribute):
        return attribute.values[bisect_right(attribute.edges, len(text.split()))]
    return card.get(attribute.name)
