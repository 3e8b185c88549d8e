"""What noisy counts can show: which values are significant. The report and the evaluation both use it."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rpsg.domains import Attribute

CONFIDENT = 1.96
#: From this share on the pack does not fit the corpus, or lacks topics, or is in the wrong language.
MANY = 0.25
#: From this share on a corpus is not all in one language; below it, a few texts may just be mistaken for
#: others.
SOME = 0.05


def is_seen(count: float, sigma: float) -> bool:
    """Whether a count is significant; ``sigma`` is the standard deviation of its noise."""
    return count > CONFIDENT * sigma


def counted(noisy: Iterable[float]) -> float:
    """The sum of an attribute's noisy counts, negative ones taken as 0; at least one."""
    return max(1.0, math.fsum(max(count, 0.0) for count in noisy))


#: A share is not shown if its margin is this large.
UNKNOWN = 0.5


def is_measured(attribute: Attribute) -> bool:
    """Whether the value of a text is computed from the text; other values are taken from its card."""
    return attribute.kind == "words"


def value_of(attribute: Attribute, text: str, card: Mapping[str, str]) -> str | None:
    """The value of a text; None if neither the text nor its card has one."""
    if is_measured(attribute):
        return attribute.values[bisect_right(attribute.edges, word_count(text))]
    return card.get(attribute.name)


def poor_fit_line(share: float, standard_error: float) -> str:
    """A sentence about a noisy share of texts that are close to no topic, with its 95 % margin.

    Args:
        share: the noisy share; clipped to [0, 1].
        standard_error: the standard error of the noise in this share.
    """
    seen = min(max(share, 0.0), 1.0)
    margin = CONFIDENT * standard_error
    if margin >= UNKNOWN:
        return (
            "There are so few people that the noise hides how many of the private texts fit no topic of this "
            "domain pack."
        )
    line = (
        f"About {seen:.0%} (± {margin:.0%}) of the private texts fit no topic of this domain pack well, "
        "according to the embedder."
    )
    if share - margin > MANY:
        line += " Another pack, or one with more topics (rpsg propose), would describe them better."
    return line


def other_language_line(share: float, standard_error: float, language: str) -> str:
    """Sentences about a noisy share of texts in a language other than the pack's; "" if it may be small.

    Texts whose language is not recognized do not count as being in another one: the share is a lower bound.

    Args:
        share: the noisy share; clipped to [0, 1].
        standard_error: the standard error of the noise in this share.
        language: the English name of the pack's language.
    """
    margin = CONFIDENT * standard_error
    if share - margin <= SOME or margin >= UNKNOWN:
        return ""
    is_all = share + margin >= 1
    line = (
        f"{'About' if is_all else 'At least'} {min(share, 1.0):.0%} (± {margin:.0%}) of the private texts "
        f"seem to be in a language other than {language}, the language of this domain pack."
    )
    if not is_all:
        line += (
            f" Texts that are too short to recognize their language are counted as {language}, so the true "
            "share may be larger."
        )
    if share - margin > MANY:
        line += " Topics are hard to find in such texts, and the release is not in their language."
    return line
