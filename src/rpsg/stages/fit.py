"""How many of the private texts fit no topic of the pack, in a sentence."""

from __future__ import annotations

from rpsg.stages.presence import CONFIDENT

#: From this share on the pack is the wrong one, or lacks topics.
MANY = 0.25


def poor_fit_line(share: float, standard_error: float) -> str:
    """What a noisy share of texts that are near to no topic says, with its margin of 95 percent.

    Args:
        share: the noisy share; outside [0, 1] it is moved to the nearer end.
        standard_error: of its noise, as a share too.
    """
    seen = min(max(share, 0.0), 1.0)
    margin = CONFIDENT * standard_error
    line = (
        f"About {seen:.0%} (± {margin:.0%}) of the texts fit no topic of this pack well, as far as the "
        "embedder can tell."
    )
    if share - margin > MANY:
        line += " Another pack, or one with more topics (rpsg propose), would describe them better."
    return line
