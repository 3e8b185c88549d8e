"""What follows from the findings of an audit, its baseline and its controls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.audit.canaries import NOT_HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.blind import Baseline
    from rpsg.audit.control import Control
    from rpsg.audit.finding import Finding, Verdict

#: The reason given for each attack when the audit as a whole has no verdict.
VOID = "The audit as a whole has no verdict."
#: By chance a corpus can repeat passages of at most this number, or this share, of the people held out. With
#: public reviews it repeats those of at most one in 500.
FEW_COPIES, COPIED = 5, 0.02


def with_power(finding: Finding, control: Control) -> Finding:
    """The finding, or "not run" if the attack did not find the members' own texts."""
    if finding.verdict != "no violation seen" or control.outcome == "caught":
        return finding
    return replace(
        finding, verdict="not run", reason="It did not find the members in a corpus of their own texts."
    )


def of_void_audit(finding: Finding) -> Finding:
    """The finding in an audit without a verdict, in which no attack has an outcome."""
    if finding.verdict == "not run":
        return finding
    return replace(finding, verdict="not run", reason=VOID)


def verdict_of(
    findings: Sequence[Finding],
    baseline: Baseline,
    leak: Sequence[Control],
    *,
    aside: int = 0,
    canaries_held_out: int = 0,
) -> tuple[Verdict, str]:
    """The verdict on the corpus and its reason.

    If the sides were not divided at random, or people held out are in the corpus, nothing follows, whatever
    an attack found. Otherwise a refutation is valid even if the controls fail: they only show whether finding
    nothing means anything. ``aside`` is how many texts that the audit leaves out are in the corpus, and
    ``canaries_held_out`` how many of the canaries that were held out.
    """
    if why := _why_void(findings, baseline, canaries_held_out):
        return "not run", why
    refuted = [found for found in findings if found.verdict == "refuted"]
    if refuted:
        best = max(refuted, key=lambda found: found.epsilon_lower or 0.0)
        return "refuted", f"The attack {best.name}: {best.reason}"
    quiet = {found.name for found in findings if found.verdict == "no violation seen"}
    if not quiet:
        return "not run", "None of the attacks could be run with the power to detect a leak; each says why."
    if aside >= FEW_COPIES:
        return "not run", (
            f"The corpus repeats passages of fifty characters from {aside:,} texts that the audit leaves "
            "out, because several people wrote them or the reference has them. They may have leaked. If they "
            "are public, take them out of the data before the run."
        )
    if not any(control.outcome == "caught" for control in leak if control.name in quiet):
        return "not run", (
            "No attack would have detected a corpus in which one text in twenty is a member's. More people "
            "on each side, more synthetic texts, or canaries make smaller leaks visible."
        )
    return "no violation seen", "No attack names more members than chance explains under the claim."


def _why_void(findings: Sequence[Finding], baseline: Baseline, canaries_held_out: int) -> str | None:
    """The reason why no attack proves anything: the sides differ without the corpus, or what was held out
    seems to be in the data.
    """
    if baseline.is_void:
        by = f" by: {', '.join(baseline.signs)}" if baseline.signs else ""
        return (
            f"Members and people held out can be told apart without the corpus{by}. So they were not split "
            "at random. Hold people out at random before the run, and audit that."
        )
    if canaries_held_out:
        return NOT_HELD_OUT
    swapped = [found.name for found in findings if found.verdict != "not run" and found.epsilon_if_swapped]
    if swapped:
        return (
            f"More of the people held out are named than chance explains, by {', '.join(swapped)}. The two "
            "files may be exchanged, or people were not held out at random."
        )
    if any(map(_repeats_held_out, findings)):
        return (
            "The corpus repeats fifty characters in a row of too many people held out. They may have been in "
            "its data. Or such passages are public: then give texts that have them as the reference. Or the "
            "texts are forms, so alike that a corpus repeats them by chance: then only canaries can tell."
        )
    return None


def _repeats_held_out(finding: Finding) -> bool:
    """Whether so many people held out have copies in the corpus that copies of members prove no leak."""
    if finding.name != "copies" or finding.guesses is None or finding.right is None:
        return False
    held_out = finding.basis.get("units", 0) - finding.basis.get("members", 0)
    return bool(finding.guesses - finding.right >= max(FEW_COPIES, COPIED * held_out))
