"""What an audit looks at: the synthetic texts, who was in the data, who was held out, and the claim.

An attack is a function from a ``Subject`` to a ``Finding``; a package adds one with an entry point in the
group ``rpsg.attacks``. All that an attack says must follow from the synthetic texts, the reference and the
texts of both sides taken together. Who is in the data is used only afterwards, to check which guesses are
right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.audit.aids import Aids
from rpsg.audit.aside import hashes_of, is_empty_or_shared, texts_aside
from rpsg.audit.claim import Claim
from rpsg.errors import DataError, RpsgError, UsageError
from rpsg.evaluation.inputs import Memory
from rpsg.protocols import Silent
from rpsg.stages.rng import stream
from rpsg.stages.sanitize import as_shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.audit.answers import CanaryAnswers
    from rpsg.audit.aside import Aside
    from rpsg.protocols import Progress
    from rpsg.stages.canaries import Canaries

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
#: The minimum number of people of each side: with fewer, no attack could show anything with 95 % confidence.
FEWEST = 30
#: The number of parts into which people are divided, and of references. A text is never compared with a
#: reference that may contain it.
PARTS = 4


class NotRunError(RpsgError):
    """An attack that cannot say anything here. Of RPSG's own attacks the message becomes the reason."""


@dataclass(frozen=True)
class Subject:
    """The frozen inputs of an audit.

    ``texts`` are the private texts of both sides in random order, ``owner`` the person of each, and ``is_in``
    says of each person whether their texts were in the data of the synthetic corpus. ``row`` is where each
    text was given: members first, then people held out, counted from 0. ``reference`` are public texts of the
    same kind, none of them private. ``level`` is the probability of error that one attack may use.
    ``left_out`` is the number of people of each side who are not used because others wrote the same texts,
    and ``aside`` has these texts, each once. ``answers`` are those of a run with canaries. ``is_control``
    says that the audit put ``synthetic`` together. A slow attack tells ``progress`` how far it is.
    """

    synthetic: tuple[str, ...] = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    owner: Ints = field(repr=False)
    is_in: Flags = field(repr=False)
    row: Ints = field(repr=False)
    reference: tuple[str, ...] = field(default=(), repr=False)
    claim: Claim = field(default_factory=Claim)
    canaries: Canaries | None = field(default=None, repr=False)
    answers: CanaryAnswers | None = field(default=None, repr=False)
    aids: Aids = field(default_factory=Aids, repr=False)
    level: float = 0.05
    seed: int = 0
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    aside: tuple[Aside, ...] = field(default=(), repr=False)
    of_private: Memory = field(default_factory=Memory, repr=False)
    is_control: bool = False
    progress: Progress = field(default_factory=Silent, repr=False, compare=False)

    def __post_init__(self) -> None:
        # An attack that sorts one of them in place would change what all later attacks look at.
        for array in (self.owner, self.is_in, self.row):
            array.flags.writeable = False

    @cached_property
    def memory(self) -> Memory:
        """Results about the corpus that several attacks need, each computed once. ``of_private`` has those
        that depend on the private texts alone; the controls use them too.
        """
        return Memory()

    @cached_property
    def prior(self) -> float:
        """The share of people who are in."""
        return float(self.is_in.mean())

    @property
    def people(self) -> int:
        return len(self.is_in)

    @cached_property
    def part(self) -> Ints:
        """The part of each private text, below ``PARTS``; random, and the same for all texts of a person."""
        people = stream(self.seed, "audit parts").permutation(np.arange(self.people) % PARTS)
        return np.asarray(people[self.owner])

    @cached_property
    def references(self) -> tuple[tuple[str, ...], ...]:
        """``PARTS`` disjoint sets of texts to compare with, each of no more texts than the corpus.

        These are parts of the reference if there is one, else of the private texts of both sides together,
        which reveals nothing about who is in the data.
        """
        most = max(len(self.synthetic), 200)
        draw = stream(self.seed, "audit references")
        if self.reference:
            order = draw.permutation(len(self.reference))[: most * PARTS]
            return tuple(tuple(self.reference[i] for i in order[k::PARTS]) for k in range(PARTS))
        sets = []
        for k in range(PARTS):
            own = draw.permutation(np.flatnonzero(self.part == k))[:most]
            sets.append(tuple(self.texts[i] for i in own))
        return tuple(sets)

    @property
    def given(self) -> frozenset[str]:
        """What is available besides the texts, as ``rpsg.audit.attacks.NEEDS`` names it."""
        more = (("canaries", self.canaries), ("answers", self.answers))
        return self.aids.given | {name for name, held in more if held is not None}

    def by_person(self, of_texts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The largest value among each person's texts; shape (people,)."""
        found = np.full(self.people, -np.inf)
        np.maximum.at(found, self.owner, of_texts)
        return found

    def of_people(self, chosen: Ints) -> Subject:
        """The subject with only some of the people; ``chosen`` are their numbers, in order."""
        if len(chosen) == self.people:
            return self  # with all that is known of the private texts
        index = np.full(self.people, -1)
        index[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(index[self.owner] >= 0)
        return replace(
            self,
            texts=tuple(self.texts[i] for i in kept),
            owner=index[self.owner[kept]],
            is_in=self.is_in[chosen],
            row=self.row[kept],
            of_private=Memory(),
        )

    def with_synthetic(self, synthetic: Sequence[str]) -> Subject:
        """The same question about another corpus, for a control, which has no noisy answers."""
        return replace(self, synthetic=tuple(synthetic), answers=None, is_control=True)


def subject_of(
    synthetic: Sequence[str],
    members: Sequence[str],
    nonmembers: Sequence[str],
    *,
    reference: Sequence[str] | None = None,
    member_units: Sequence[str] | None = None,
    nonmember_units: Sequence[str] | None = None,
    claim: Claim | None = None,
    canaries: Canaries | None = None,
    aids: Aids | None = None,
    seed: int = 0,
) -> Subject:
    """The checked inputs of an audit. Without units, each text counts as one person.

    A text that two people wrote, word for word, belongs to neither side and is left out, even if both are on
    the same side. If only texts on both sides were left out, this would reveal who is in the data. A text
    that is private and in the reference is left out of both: one side may have more of these than the other.

    All texts are compared ``as_shown``: an invisible character in each word would hide a copy. They are put
    in random order: in the order given, an attack that breaks ties by position would name members first.

    Raises:
        DataError: a side is empty or too small, or somebody is on both.
    """
    if (member_units is None) != (nonmember_units is None):
        raise UsageError(
            "Only one of the two files has a column that names the person.",
            hint="Name such a column for both files, or for neither.",
        )
    texts = tuple(map(as_shown, (*members, *nonmembers)))
    reference = None if reference is None else tuple(map(as_shown, reference))
    synthetic = tuple(map(as_shown, synthetic))
    if not any(map(str.strip, synthetic)):
        raise DataError("The synthetic corpus has no text.", hint="Name the file that was released.")
    units = _units(members, nonmembers, member_units, nonmember_units)
    if len(np.intersect1d(units[: len(members)], units[len(members) :])):
        raise DataError(
            "Some people are among both the members and the non-members.",
            hint="Split the data by person before the run, so that all texts of a person are on one side.",
        )
    hashes, of_reference = hashes_of(texts), hashes_of(reference or ())
    public = np.isin(hashes, of_reference)
    kept = np.flatnonzero(~(public | is_empty_or_shared(texts, hashes, units)))
    kept = stream(seed, "audit order").permutation(kept)
    owner, first = _in_order(units[kept])
    is_in = kept[first] < len(members)
    looked_at = (int(is_in.sum()), int((~is_in).sum()))
    _check_sides(*looked_at)
    left_out = len(texts) - len(kept)
    named = [len(np.unique(side)) for side in (units[: len(members)], units[len(members) :])]
    return Subject(
        synthetic=synthetic,
        texts=tuple(texts[i] for i in kept),
        owner=owner,
        is_in=is_in,
        row=kept,
        reference=tuple(
            text
            for text, is_private in zip(reference or (), np.isin(of_reference, hashes), strict=True)
            if text.strip() and not is_private
        ),
        claim=claim or Claim(),
        canaries=canaries,
        aids=aids or Aids(),
        seed=seed,
        notes=_notes(left_out - int(public.sum()), int(public.sum())),
        left_out={
            "members left out": named[0] - looked_at[0],
            "held out, but left out here": named[1] - looked_at[1],
        },
        aside=texts_aside(texts, hashes, units, np.setdiff1d(np.arange(len(texts)), kept), len(members)),
    )


def _units(
    members: Sequence[str],
    nonmembers: Sequence[str],
    member_units: Sequence[str] | None,
    nonmember_units: Sequence[str] | None,
) -> Ints:
    """A number for the person of each text, the same for texts of one person."""
    if member_units is None or nonmember_units is None:
        return np.arange(len(members) + len(nonmembers))
    if (len(member_units), len(nonmember_units)) != (len(members), len(nonmembers)):
        raise UsageError(
            "The number of people differs from the number of texts.",
            hint="Name the person of each text, in the order of the texts.",
        )
    known: dict[str, int] = {}
    named = map(str, chain(member_units, nonmember_units))
    return np.fromiter((known.setdefault(unit, len(known)) for unit in named), np.int64)


def _notes(left_out: int, public: int) -> tuple[str, ...]:
    """The notes about private texts that were left out."""
    told = []
    if left_out:
        told.append(
            f"{left_out} private texts were left out, because they are empty or two people have the same "
            "text."
        )
    if public:
        told.append(f"{public} private texts are also in the reference; they were left out of both.")
    return tuple(told)


def _in_order(units: Ints) -> tuple[Ints, Ints]:
    """Numbers from 0 for the people, in the order in which they appear, and the first text of each."""
    _, first, index = np.unique(units, return_index=True, return_inverse=True)
    order = np.argsort(first)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    return numbers[index], first[order]


def _check_sides(members: int, nonmembers: int) -> None:
    if min(members, nonmembers) < FEWEST:
        raise DataError(
            f"An audit needs at least {FEWEST} people on each side who have texts that nobody else has.",
            hint="Hold more people out, or name the right files: texts that are in both files or in the "
            "reference, or that two people wrote, do not count.",
        )
