"""The section of the plan for the method augpe."""

from __future__ import annotations

from typing import ClassVar, Literal

from rpsg.plan.setting import Section, setting


class AugpeSection(Section):
    """The method augpe: the hyperparameters of AUG-PE, with its published values.

    The writer is asked for ``corpus.size`` texts, and then, ``iterations`` times, for ``variations - 1``
    more for each of them: with the published values for 61 texts for each text of the release.
    """

    read_by: ClassVar[frozenset[str]] = frozenset({"augpe"})
    iterations: int = setting(
        10, "How often the private texts vote; all votes together cost epsilon.", ge=1, le=100
    )
    variations: int = setting(
        7, "Candidates in a vote for each text to select: a text and its variations.", ge=2, le=64
    )
    lookahead: int = setting(
        0, "Compare a text by the mean of this many further variations; 0: by its own.", ge=0, le=16
    )
    neighbours: int = setting(
        1, "For how many texts each record votes; more votes need more noise.", ge=1, le=16
    )
    selection: Literal["rank", "sample"] = setting(
        "rank", "Which texts are kept: rank (most votes) or sample (drawn in proportion to their votes)."
    )
    threshold: float = setting(
        0.0, "Subtracted from the noisy votes before a sample is drawn (selection = sample).", ge=0, le=1e9
    )
    prompt: Literal["paraphrase", "fill_in_the_blanks"] = setting(
        "paraphrase", "How a variation is asked for: paraphrase or fill_in_the_blanks."
    )
    blanks: float = setting(
        0.5, "Share of the words that become blanks (prompt = fill_in_the_blanks).", gt=0, lt=1
    )
    length_spread: float = setting(
        0.25, "How much the length of a variation differs from its text's, as a share; 0: none.", ge=0, le=1
    )
