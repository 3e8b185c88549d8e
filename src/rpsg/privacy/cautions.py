"""Warnings printed next to a claim that is true but promises little.

They are derived from public settings and the noisy number of people, so that verification can recompute them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.privacy.gaussian import rounded_up
from rpsg.privacy.units import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rpsg.privacy.released import Performed

#: Above this epsilon a claim rules out little: the best attack may reach an AUC of 0.86.
WEAK = 8.0
#: Delta should stay below this share of one over the number of people.
DELTA_SHARE = 0.1
#: The caution for rows that were counted at several sites.
TWO_SITES = (
    "Each site counted its own rows, and nobody can check whether a person has rows at two sites. Such a "
    "person was counted once at each site, and is only protected like a group."
)


def cautions(
    claim: Mapping[str, Any],
    unit: Mapping[str, Any],
    *,
    n_public: int | None,
    counted: int | None,
    noise_decides: bool = False,
) -> list[str]:
    """Warnings about a differential-privacy claim, if any.

    Args:
        claim: the claim of a ledger, with its numbers.
        unit: the privacy unit of a ledger.
        n_public: the declared number of units, if it was declared.
        counted: the noisy number of units, if it was counted.
        noise_decides: whether that number is so small that noise dominates the counts.
    """
    few = (
        f"So few {_units(unit)} were counted that the texts depend more on the noise than on the data. They "
        "reveal hardly more about the data than public knowledge alone."
    )
    return [
        *_declared_number(unit, n_public),
        *_delta(claim, unit, n_public or counted),
        *_weak(claim, unit),
        *([TWO_SITES] if unit.get("divided_by") == "site" else []),
        *([few] if noise_decides else []),
    ]


def counted_units(performed: Performed | None, evidence: Path) -> int | None:
    """The noisy number of people, or of rows, that a run counted; None if it did not."""
    for released in performed.releases if performed is not None else ():
        if released.query.rule == "S1_unit_count":
            file = evidence_file(evidence, released.seq)
            return int(parse_evidence(file.read_bytes()).histogram()[0])
    return None


def _declared_number(unit: Mapping[str, Any], n_public: int | None) -> Iterator[str]:
    if n_public is not None and unit["adjacency"] == "add_remove":
        yield (
            f"The exact number of {_units(unit)} ({n_public}) was declared and is published. It must have "
            f"been public before. Somebody who knows this number, and all {_units(unit)} but one, also knows "
            "whether that one is in the data."
        )


def _delta(claim: Mapping[str, Any], unit: Mapping[str, Any], people: int | None) -> Iterator[str]:
    if people is not None and people * claim["delta"] > DELTA_SHARE:
        yield (
            f"Delta is {claim['delta']:g}, and there are about {people} {_units(unit)}. The guarantee may "
            f"fail for about {people * claim['delta']:.2g} of them. Delta should be far below one divided by "
            "their number."
        )


def _weak(claim: Mapping[str, Any], unit: Mapping[str, Any]) -> Iterator[str]:
    if claim["epsilon"] > WEAK:
        yield f"Epsilon is above {WEAK:g}, so the claim rules out little of what an attacker could learn."
        return
    groups = {int(size): value for size, value in claim["epsilon_group"].items()}
    first = min((size for size, value in groups.items() if value > WEAK), default=None)
    if first is not None:
        yield (
            f"For a group of {first} {_units(unit)}, epsilon is {rounded_up(groups[first], 1)}. What the "
            "members of a group have in common (a family, a ward, an event) is hardly protected."
        )


def _units(unit: Mapping[str, Any]) -> str:
    return words_of(unit)[1]
