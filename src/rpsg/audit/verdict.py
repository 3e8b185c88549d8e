"""What follows from the findings of an audit, its baseline and its controls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.audit.blind import LEFT_OUT
from rpsg.audit.canaries import NOT_HELD_OUT
from rpsg.audit.copies import FEW_COPIES
from rpsg.privacy.published_audit import NOTHING_SEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.blind import Baseline
    from rpsg.audit.control import Control
    from rpsg.audit.finding import Finding, Verdict

#: The reason given for each attack when the audit as a whole has no verdict.
VOID = "The audit as a whole has no verdict."


def with_power(finding: Finding, control: Control) -> Finding:
    """The finding, or "not run" if the attack did not find the members' own texts."""
    if finding.verdict != "no violation seen" or control.outcome == "caught":
        return finding
    return replace(
        finding,
        verdict="not run",
        reason="This attack did not find the members even in a corpus of their own texts.",
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
    whole_aside: int = 0,
    is_of_few: bool = False,
    is_in_another_language: bool = False,
    repeats_held_out: bool = False,
    canaries_held_out: int = 0,
    is_claimed: bool = True,
) -> tuple[Verdict, str]:
    """The verdict on the corpus and its reason.

    If the sides were not divided at random, or people held out are in the corpus, nothing follows, whatever
    an attack found. Otherwise a refutation is valid even if the controls fail: they only show whether finding
    nothing means anything. ``aside`` is how many texts that the audit leaves out are in the corpus,
    ``whole_aside`` how many of these are there as whole texts, if that is no chance, and
    ``canaries_held_out`` how many of the canaries that were held out.
    ``is_of_few``: the corpus repeats texts of several people whose text a few others wrote too.
    ``is_in_another_language``: it is in another language than the private texts. ``repeats_held_out``: it
    repeats texts of too many of the people held out.
    """
    if why := _why_void(findings, baseline, canaries_held_out, repeats_held_out=repeats_held_out):
        return "not run", why
    refuted = [found for found in findings if found.verdict == "refuted"]
    if refuted:
        best = max(refuted, key=lambda found: found.epsilon_lower or 0.0)
        return "refuted", f"The attack {best.name}: {best.reason}"
    silence = _why_silent(
        findings,
        leak,
        aside,
        whole_aside,
        is_of_few=is_of_few,
        is_in_another_language=is_in_another_language,
    )
    if silence:
        return "not run", silence
    by_chance = NOTHING_SEEN if is_claimed else "No attack named more members than chance explains."
    return "no violation seen", by_chance


def _why_silent(
    findings: Sequence[Finding],
    leak: Sequence[Control],
    aside: int,
    whole_aside: int,
    *,
    is_of_few: bool,
    is_in_another_language: bool,
) -> str | None:
    """The reason why it shows nothing that no attack found a leak; None if it shows something."""
    quiet = {found.name for found in findings if found.verdict == "no violation seen"}
    if not quiet:
        return "No attack could be run in a way that would detect a leak; the reason is given for each."
    if why := _why_left_out(aside, whole_aside):
        return why
    if is_of_few:
        return (
            "The corpus repeats most of a text by each of several people, but in each case a few others "
            "wrote nearly the same text, so it points to nobody. These texts may have leaked. If they are "
            "public, give texts that contain them as the reference. If nearly equal texts are by one "
            "person, name the person of each text."
        )
    if is_in_another_language:
        return (
            "The corpus is in another language than the private texts. No attack would find a translation. "
            "Name the right file, or audit a corpus in the language of the private texts."
        )
    if not any(control.outcome == "caught" for control in leak if control.name in quiet):
        return (
            "No attack would have detected a corpus in which one text in twenty is a copy of a member's "
            "text with a fifth of its words dropped. More people on each side, more synthetic texts, "
            "or canaries make smaller leaks visible."
        )
    return None


def _why_left_out(aside: int, whole: int) -> str | None:
    """The reason if texts that the audit leaves out may have leaked."""
    if aside >= FEW_COPIES:
        return (
            f"The corpus repeats passages of fifty characters from {aside:,} texts that the audit leaves "
            "out, because several people wrote them or they are in the reference. These texts may have "
            "leaked. If they are public, remove them from the data before the run."
        )
    if whole:
        return (
            f"The corpus has {whole:,} of the texts that the audit leaves out (several people wrote them, or "
            "they are in the reference) word for word. Fewer of these than chance explains are by people "
            "held out alone, so texts of members may have leaked."
        )
    return None


def _why_void(
    findings: Sequence[Finding], baseline: Baseline, canaries_held_out: int, *, repeats_held_out: bool
) -> str | None:
    """The reason why no attack proves anything: the sides differ without the corpus, or what was held out
    seems to be in the data.
    """
    if baseline.is_void:
        by = f" by: {', '.join(baseline.signs)}" if baseline.signs else ""
        or_else = ", or the reference has texts of one side" if LEFT_OUT in baseline.signs else ""
        return (
            f"Members and people held out can be told apart without the corpus{by}. So they were not split "
            f"at random{or_else}. Hold people out at random before the run, and audit that run."
        )
    if canaries_held_out:
        return NOT_HELD_OUT
    swapped = [found.name for found in findings if found.verdict != "not run" and found.epsilon_if_swapped]
    if swapped:
        return (
            f"{', '.join(swapped)} named more of the people held out than chance explains. The two files may "
            "have been swapped, or people were not held out at random."
        )
    if repeats_held_out:
        return (
            "The corpus repeats passages of fifty characters, or much of the text, of too many of the people "
            "held out. Perhaps these people were in its data. Perhaps the passages are public: then give "
            "texts that contain them as the reference. Or the texts are forms, so similar that a corpus "
            "repeats them by chance: then only canaries can show a leak."
        )
    return None
