"""The outcome of an audit as data, and in plain words. All of it was read from private texts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.audit.attacks import NEEDS
from rpsg.audit.control import LEAKED
from rpsg.display import Overview, Shown, counted, short_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpsg.audit.blind import Baseline
    from rpsg.audit.claim import Claim
    from rpsg.audit.control import Control
    from rpsg.audit.finding import Finding, Verdict

FORM = "rpsg-audit/1"
#: Attacks that look at canaries only, and not at people's texts.
OF_CANARIES = frozenset(name for name, need in NEEDS.items() if need == "canaries")
#: Attacks that look at the noisy answers, and not at the corpus.
OF_ANSWERS = frozenset(name for name, need in NEEDS.items() if need == "answers")
#: The counts of whole texts of each side that are in the corpus word for word.
OF_MEMBERS, OF_HELD_OUT = "texts of members in the corpus", "texts of people held out in the corpus"
#: Shown with every outcome that refutes nothing.
NO_PROOF = (
    "An audit that finds nothing is no proof: a better attack, or one that knows more, may find a leak."
)


@dataclass(frozen=True, slots=True)
class Closest:
    """A private text and a synthetic one that an attack found similar. Only for the owner's page."""

    attack: str
    similarity: float
    private: str = field(repr=False)
    synthetic: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class AuditReport(Shown):
    """What was claimed, what the attacks found, and whether they could have found anything.

    ``allowed`` is the best that the claim allows against one person, for comparison with the curves. A curve
    above it refutes nothing by itself, because the people of one corpus are not independent. ``controls`` has
    the outcome of each attack on a corpus that leaks. ``counts`` are private. ``closest`` are the 20 pairs of
    texts that are most alike; they are neither in the JSON nor in the words. ``about`` says which run was
    attacked, for ``rpsg publish``.
    """

    verdict: Verdict
    reason: str
    claim: Claim
    allowed: Mapping[str, float]
    findings: tuple[Finding, ...]
    baseline: Baseline
    controls: Mapping[str, tuple[Control, ...]]
    counts: Mapping[str, int]
    seed: int
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    closest: tuple[Closest, ...] = ()

    def finding(self, name: str) -> Finding:
        """The finding of one attack; KeyError if that attack was not asked for."""
        return {found.name: found for found in self.findings}[name]

    def silent(self) -> dict[str, list[str]]:
        """The attacks that were not run or do not count, grouped by reason."""
        reasons: dict[str, list[str]] = {}
        for found in self.findings:
            if found.verdict == "not run":
                reasons.setdefault(found.reason, []).append(found.name)
        return reasons

    def to_json(self, *, with_matches: bool = False) -> str:
        """The whole report as JSON. The row numbers of the worst matches are included only on request."""
        found = {"form": FORM, **asdict(self), "words": self.words()}
        del found["closest"]
        if not with_matches:
            found["about"].pop("rows", None)  # with this entry, a guess of all rows could be confirmed
            for each in found["findings"]:
                del each["matches"]
        text = json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False, default=plain_number)
        return text + "\n"

    def _overview(self) -> Overview:
        verdict, reason, *notes = self.words()
        notes += [f"Not run: {', '.join(names)}. {why}" for why, names in self.silent().items()]
        return Overview(
            f"Audit: {verdict}",
            first=(
                "Private: this report was computed from private texts, without noise. Do not pass it on with "
                "a release."
            ),
            facts=(
                ("why", reason),
                ("claimed", f"epsilon {self.claim.epsilon:.3g}" if self.claim.is_made else "nothing"),
            ),
            columns=("attack", "AUC", "epsilon", "verdict"),
            rows=tuple(
                (found.name, "", "", found.verdict)  # figures of an attack that does not count would mislead
                if found.verdict == "not run"
                else (found.name, short_number(found.auc), _at_least(found.epsilon_lower), found.verdict)
                for found in self.findings
            ),
            notes=tuple(notes),
        )

    def words(self) -> list[str]:
        """The outcome in sentences, for somebody who reads no statistics."""
        told = [self._heading(), self.reason, *self._word_for_word()]
        if self.verdict == "no violation seen":
            told += [*self._limits(), NO_PROOF]
        silent = [found.name for found in self.findings if found.verdict == "not run"]
        if silent and self.verdict != "not run":
            told.append(f"Not run, so they say nothing about the corpus: {', '.join(silent)}.")
        return [*told, *self.notes]

    def _heading(self) -> str:
        if self.verdict != "refuted":
            return _HEADINGS[self.verdict]
        by = {found.name for found in self.findings if found.verdict == "refuted"}
        if by <= OF_ANSWERS:
            where = "the noisy answers of the run reveal"
        elif by & OF_ANSWERS:
            where = "the corpus and the noisy answers of the run reveal"
        else:
            where = "the corpus reveals"
        if self.claim.is_made:
            return f"The claim is refuted: {where} more about who took part than the claim allows."
        return f"{where[0].upper()}{where[1:]} who was in the data: more was found out than chance explains."

    def _word_for_word(self) -> Iterator[str]:
        if OF_MEMBERS in self.counts:
            members, others = self.counts[OF_MEMBERS], self.counts[OF_HELD_OUT]
            yield (
                f"The corpus has {counted(members, 'whole text')} of members, and {others:,} of people held "
                "out, word for word. A short text can be there by chance; a long one hardly can."
            )

    def _limits(self) -> list[str]:
        quiet = {found.name for found in self.findings if found.verdict == "no violation seen"}
        leak = [control for control in self.controls.get("leaky", ()) if control.name in quiet]
        caught = [control.name for control in leak if control.outcome == "caught"]
        missed = [control.name for control in leak if control.outcome == "missed"]
        # A limit is stated only for attacks that found the leak planted in these texts.
        limits = [(found.limit, found.name) for found in self.findings if found.name in caught]
        known = [(share, name) for share, name in limits if share is not None]
        told = []
        if of_people := [limit for limit in known if limit[1] not in OF_CANARIES]:
            share, name = min(of_people)
            told.append(
                f"If the texts of {_percent(share)} of the members stood out from all others, as copies do, "
                f"{name} would have shown it in 95 of 100 cases. The less they stand out, the more of them "
                "the attack needs. The texts of fewer people may have leaked, even word for word, without "
                "being found."
            )
        if of_canaries := [limit for limit in known if limit[1] in OF_CANARIES]:
            share, name = min(of_canaries)
            told.append(
                f"If {_percent(share)} of the planted canaries had leaked, {name} would have shown it."
            )
        of_answers = [found for found in self.findings if found.name in OF_ANSWERS & quiet]
        told += [
            f"If the noisy answers revealed {_percent(found.limit)} of the canaries for certain, "
            f"{found.name} would have shown it in 95 of 100 cases."
            for found in of_answers
            if found.limit is not None
        ]
        little = [(found.details.get("noise that would be seen"), found.name) for found in of_answers]
        told += [
            f"If the noisy answers had at most {_percent(part)} of the claimed noise, {name} would have "
            "shown it in 95 of 100 cases."
            for part, name in little
            if part is not None
        ]
        told.append(
            f"{self._planted()}, the leak was found by {', '.join(caught) or 'no attack'}"
            + (f", but not by {', '.join(missed)}." if missed else ".")
        )
        if caught and OF_CANARIES.issuperset(caught):
            told.append(
                "So this audit relies on its canaries: it would not have detected a leak of people's texts "
                "if no canary leaked with them."
            )
        return told

    def _planted(self) -> str:
        """The leak of the control in words. If there are few members, one text of each is less than a
        twentieth of the corpus.
        """
        leaked, members = max(1, round(LEAKED * self.counts["synthetic texts"])), self.counts["members"]
        if leaked >= members:
            return (
                "In a test corpus with one text of every member, from which a fifth of the words was dropped"
            )
        return (
            f"In a test corpus in which one text in twenty is a member's text ({leaked:,} "
            f"texts, {members:,} members), with a fifth of its words dropped"
        )


_HEADINGS: Mapping[Verdict, str] = {
    "no violation seen": "No violation was seen.",
    "not run": "The audit has no verdict.",
}


def _at_least(epsilon: float | None) -> str:
    return "" if epsilon is None else f"≥ {math.floor(100 * epsilon) / 100:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def plain_number(value: Any) -> Any:
    """A number of numpy as one of Python."""
    return value.item()
