"""The numbers of a claim, and its sentences, which follow from the numbers and so can be verified."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg.privacy.gaussian import attack_success, epsilon_of
from rpsg.privacy.sensitivity import group_delta_fail
from rpsg.privacy.units import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.privacy.sensitivity import Adjacency

#: The versions whose releases have the same form as those of the first version. That form never changes.
FIRST_FORM = frozenset({"0.1.0"})
GROUPS = (2, 3, 5, 10)
NOT_PRIVATE = "NOT PRIVATE. The noise came from a test source. There is no guarantee of any kind."
NO_PRIVATE_DATA = "No private data were read: the release is a function of public inputs alone."
NO_GUARANTEE = "No differential-privacy guarantee."
OTHER_RELEASES = "any other release from these data, earlier or later: this ledger is about one run only"
UNREADABLE = (
    "whether the private file could be read at all: the run ends with an error if the file is damaged, lacks "
    "a column that the plan names, or has no usable row"
)
REFUSED = "whether every row is usable: under this plan the run ends with an error if a row is not"
SEALED = "the files of the shards: anybody who has the run folder and its key can read the exact sums in them"
COUNTING = "attacks by somebody who controls a machine that counts shards"
REMEMBERED = "text that a language model remembers from its own training"
PAUSES = (
    "the times at which something is printed or sent: pauses grow with the number and length of the private "
    "texts"
)
MACHINE = "attacks by somebody who controls the machine of the run, or its clock"
DONORS = "The texts of seed donors are not protected."
IN_THE_CLEAR = "private files of the run, which are stored unencrypted on the machine that made the release"


#: The adversaries against whom a claim holds, unless a method lets one of them read private text.
ADVERSARIES = ("release_recipient", "llm_provider", "log_reader")
#: What a claim is about.
_COVERED = {
    "end_to_end_dp": "The released corpus, together with everything that was sent to the model that writes, "
    "is",
    "voters_only_dp": "For voters, the released corpus, together with everything that was sent to the model "
    "that writes, is",
}


#: How it was decided which rows of a unit take part.
Bounding = Literal[
    "none_asserted_by_user", "random_subset_csprng", "random_subset_public_key", "l2_normalised_votes"
]


@dataclass(frozen=True, slots=True)
class PrivacyUnit:
    """The privacy unit, ``unit`` "user" or "record", and its neighbouring relation.

    ``unusable_rows`` says what the plan does with a row that cannot be used: leave it out, or end the run.
    ``shards`` is the number of parts in which the rows were counted, and ``divided_by`` says what decides
    which part a unit is in; None if they were counted together. With shards, the key that chooses a unit's
    rows is in a public file.
    """

    unit: Literal["user", "record"]
    adjacency: Adjacency
    max_records_per_unit: int
    bounding: Bounding
    seed_units_disjoint_from_voters: bool | None = None
    unusable_rows: Literal["drop", "refuse"] = "drop"
    shards: int | None = None
    divided_by: Literal["person", "site"] | None = None

    def to_json(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v is not None}


@dataclass(frozen=True, slots=True)
class Threshold:
    """The selection part of the account: how likely strings of a group of units pass a threshold."""

    sigma: float
    k: int
    threshold: int


def replaced_mu(mu2: float, replaced_mu2: float) -> float:
    """Mu for a replaced unit, from the squares of mu under the claim's relation and under replace-one.

    Computed as mu times the root of their ratio, which for a ratio of 2 is mu * sqrt(2) to the last bit.
    """
    return math.sqrt(replaced_mu2 / mu2) * math.sqrt(mu2)


def claim_numbers(
    mu2: float,
    replaced_mu2: float,
    delta: float,
    thresholds: Sequence[Threshold],
    spent: tuple[float, float],
) -> dict[str, Any]:
    """Every number that follows from the account. ``spent`` is (delta_fail, tv).

    ``mu2`` is mu squared under the claim's neighbouring relation. ``replaced_mu2`` is mu squared under
    replace-one: twice as large for counts, four times as large for a sum of vectors. A group of g units has
    exactly g mu. A string that all of them share passes a threshold more easily; this is included in
    ``delta_group``.
    """
    delta_fail, tv = spent
    mu, one = math.sqrt(mu2), replaced_mu(mu2, replaced_mu2)
    groups = {str(g): epsilon_of(g * mu, delta, delta_fail, tv) for g in GROUPS}
    finite = {g: e for g, e in groups.items() if math.isfinite(e)}

    def fails(group: int) -> float:
        return math.fsum(group_delta_fail(t.sigma, t.k, t.threshold, group) for t in thresholds)

    return {
        "mu": mu,
        "delta_fail": delta_fail,
        "epsilon_by_accountant": {"gdp-closed-form": epsilon_of(mu, delta, delta_fail, tv)},
        "epsilon_replace_one": epsilon_of(one, delta, delta_fail, tv),
        "epsilon_group": finite,
        "delta_group": {g: min(1.0, delta - delta_fail + max(fails(int(g)), delta_fail)) for g in finite},
        "attack": asdict(attack_success(mu, delta_fail + tv)),
    }


def claim_text(claim: Mapping[str, Any], unit: Mapping[str, Any]) -> str:
    """The claim in words, from the claim's numbers and the privacy unit of a ledger."""
    if claim["type"] == "no_private_data":
        return NO_PRIVATE_DATA
    what = (
        "The released corpus is"
        if claim["type"] == "end_to_end_dp"
        and "llm_provider" not in claim.get("protects_against", ADVERSARIES)
        else _COVERED[claim["type"]]
    )
    budget = (
        f"(epsilon {not_below(claim['epsilon'])}, delta {not_below(claim['delta'])})-differentially private"
    )
    best = f"reaches an AUC of at most {_up(claim['attack']['auc'])}."
    sentences = [
        f"{what} {budget} with respect to {_neighbours(unit)}.",
        _wider(claim, unit),
        f"An attacker who must tell whether one {words_of(unit)[0]} took part {best}",
    ]
    if unit["unit"] == "record":
        sentences.append("The claim is for one row, not one person: a person with several rows is a group.")
    if claim["type"] == "voters_only_dp":
        sentences.append(DONORS)
    return " ".join(sentences)


def _neighbours(unit: Mapping[str, Any]) -> str:
    verb = "adding or removing" if unit["adjacency"] == "add_remove" else "replacing"
    if unit["unit"] == "record":
        return f"{verb} one row"
    limit = unit["max_records_per_unit"]
    return f"{verb} all rows of one person (at most {limit} of them {'is' if limit == 1 else 'are'} used)"


def _wider(claim: Mapping[str, Any], unit: Mapping[str, Any]) -> str:
    one, several = words_of(unit)
    replaced = f"For replacing one {one}, epsilon is {_up(claim['epsilon_replace_one'])}."
    groups = [
        f"epsilon {_up(e)} and delta {_up_to_two_digits(claim['delta_group'][g])} for {g} {several}"
        for g, e in claim["epsilon_group"].items()
    ]
    if not groups:
        return f"{replaced} For groups of {several}, epsilon is unbounded."
    return f"{replaced} Groups of {several} have {', '.join(groups)}."


def not_below(value: float) -> str:
    """A figure of a claim in its shortest form that is not rounded down."""
    short = f"{value:g}"
    return short if float(short) >= value else repr(value)


def _up_to_two_digits(value: float) -> str:
    """Two digits, never rounded down."""
    short = f"{value:.2g}"
    return short if float(short) >= value else f"{1.05 * value:.2g}"


def _up(value: float) -> str:
    """Three decimals, never rounded down."""
    return f"{math.ceil(value * 1000.0 - 1e-9) / 1000.0:g}" if math.isfinite(value) else "unbounded"


def paper_claim_text(
    sigma: float,
    provider: str,
    audit: str,
    sent: Literal[
        "Abstracts of private texts were sent to", "Private texts were sent to"
    ] = "Abstracts of private texts were sent to",
) -> str:
    """The claim of paper mode, which mentions noise but no budget, because there is none."""
    chosen = (
        f"Candidates were chosen with Gaussian noise of standard deviation {sigma:g}; this does not bound"
        if sigma > 0
        else "Candidates were chosen without noise, and nothing bounds"
    )
    return (
        f"{NO_GUARANTEE} {chosen} what the release reveals about a private text used as a seed. "
        f"{sent} {provider}. Audit: {audit}."
    )


def assumptions(unit: Mapping[str, Any], *, on_data: bool = True) -> list[dict[str, str]]:
    """Assumptions of the claim that this program cannot check. Without private data, the only assumption is
    about public inputs.
    """
    first = (
        {"id": "A1", "text": "the user column identifies the protected person", "checked_by": "operator"}
        if unit["unit"] == "user"
        else {
            "id": "A1'",
            "text": "one row is what must be protected: one row, not one person",
            "checked_by": "operator",
        }
    )
    public = "public inputs were fixed without looking at the private data"
    random = "the operating system's random numbers are uniform and are not stored"
    second = {"id": "A2", "text": public, "checked_by": "operator"}
    if not on_data:
        return [second]
    third = {"id": "A3", "text": random, "checked_by": "unchecked"}
    return [first, second, third, *_of_shards(unit)]


def _of_shards(unit: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the claim assumes if the rows were counted in parts."""
    if (shards := unit.get("shards")) is None:
        return []
    who = words_of(unit)[0]
    if unit["divided_by"] == "site":
        text = (
            f"no {who} has rows at more than one of the {shards} sites, which counted their rows separately: "
            f"a {who} with rows at k sites is counted k times, and is only protected like a group of k"
        )
    else:
        text = (
            f"the {shards} shards, which were counted separately, read the same file: a public hash assigns "
            f"each {who} to one of them"
        )
    return [{"id": "A4", "text": text, "checked_by": "operator"}]


def rests_on_data(reads: str, version: str) -> bool:
    """Whether a ledger has the statements about private data. Version 0.1.0 wrote them even for methods that
    read none.
    """
    return reads != "nothing" or version in FIRST_FORM


def taken_at_its_word(extension: Mapping[str, str]) -> str:
    """The sentence that says that nothing checks what a method or model of another package does."""
    return (
        f"whatever the {extension['kind']} {extension['name']} does beyond what it declares: it is code of "
        f"the package {extension['package']} {extension['version']}, which RPSG does not check"
    )


def not_covered(unit: Mapping[str, Any], *, claims: bool = True, on_data: bool = True) -> list[str]:
    """What the claim of a ledger does not cover. If the ledger ``claims`` nothing, the list says what is not
    bounded at all. Without private data there is nothing about people, their rows or their file.
    """
    who = words_of(unit)[0]
    if not on_data:
        return [REMEMBERED, "results of an audit, if they are published", MACHINE]
    if not claims:
        return [
            f"what the release reveals about any {who}, alone or in a group: nothing limits this",
            "people who are only mentioned in a row",
            "what models that were sent private text keep of this text",
            "results of an audit: one that finds nothing proves nothing",
            OTHER_RELEASES,
        ]
    return [
        f"facts about groups of more than one {who} (see epsilon_group)",
        "people who are only mentioned in the rows of another person"
        if who == "person"
        else "people who are only mentioned in other rows",
        REMEMBERED,
        "results of an audit, if they are published",
        OTHER_RELEASES,
        MACHINE,
        PAUSES,
        "whether the user column is right" if who == "person" else "who wrote which row",
        UNREADABLE,
        *([REFUSED] if unit["unusable_rows"] == "refuse" else []),
        *([SEALED, COUNTING] if "shards" in unit else []),
    ]
