"""What each check of a ledger shows when it passes, in one clause, for the page of ``rpsg verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The clauses by the name of the check, as in ``rpsg.privacy.checks``.
SHOWN_BY: Mapping[str, str] = {
    "form": "the ledger has the fields that its schema requires",
    "seal": "the content of the ledger matches its own hash",
    "numbering": "the noisy answers are numbered without gaps or duplicates",
    "sensitivity": "each sensitivity follows from its question's rule and the limit on rows per person",
    "threshold": "words were released only above a threshold that is high enough for its share of delta",
    "stage plan": "the noisy answers and their noise are exactly those of the stage plan",
    "randomness": "the noise source is good enough for a claim, and delta includes its error",
    "epsilon and delta": "they follow from the noise, and so do the figures for groups and attackers",
    "cost": "the stated cost is that of these noisy answers",
    "claim in words": "the sentence says what the numbers say",
    "no borrowed words": "a privacy budget is mentioned only if the run kept to one",
    "caveats": "all assumptions are listed, and so is everything that the claim does not cover",
    "private files": "all statements about the encryption of these files agree",
    "published audit": "if an audit was published, its bounds, limits and verdicts follow from its figures",
    "corpus": "it is the corpus that the ledger names",
    "evidence": "it has exactly the noisy answers that the ledger names",
}

#: Checks that find nothing to do in a release without a claim.
ONLY_FOR_CLAIMS = frozenset({"stage plan", "randomness", "epsilon and delta"})
NO_CLAIM = "not applicable, because the release makes no differential-privacy claim"


def in_words(name: str, detail: str, *, claims: bool) -> str:
    """What a passed check shows: its own ``detail``, unless that only says that the check passed."""
    if detail != "holds":
        return detail
    if not claims and name in ONLY_FOR_CLAIMS:
        return NO_CLAIM
    return SHOWN_BY.get(name, detail)
