"""The whole audit: blind baseline, attacks, and the same attacks on corpora that leak for certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.audit.attacks import ATTACKS, NEEDS
from rpsg.audit.claim import Claim
from rpsg.audit.control import blind_baseline, fitted_on_members, leaky, outcome_of
from rpsg.audit.finding import Finding, not_run
from rpsg.audit.inputs import read_synthetic, read_texts
from rpsg.audit.report import AuditReport, Closest
from rpsg.audit.subject import subject_of
from rpsg.errors import RpsgError
from rpsg.pipeline.logs import logged
from rpsg.privacy.private import place_of
from rpsg.privacy.published_audit import LEVEL
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rpsg.audit.aids import Aids
    from rpsg.audit.control import Baseline, Control
    from rpsg.audit.finding import Attack, Verdict
    from rpsg.audit.inputs import Given
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Progress
    from rpsg.stages.canaries import Canaries

#: Pairs of texts for the eyes of the data's owner.
MOST_CLOSEST = 20
#: The reason given for each attack when the audit as a whole has no verdict.
VOID = "The audit as a whole has no verdict."


def audit(
    synthetic: Given,
    members: Given,
    nonmembers: Given,
    *,
    reference: Given | None = None,
    text: str = "text",
    user: str | None = None,
    encoding: str = "",
    synthetic_text: str | None = None,
    member_units: Sequence[str] | None = None,
    nonmember_units: Sequence[str] | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    mu: float | None = None,
    canaries: Canaries | None = None,
    aids: Aids | None = None,
    attacks: Sequence[str] | Mapping[str, Attack] = (),
    seed: int = 0,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Attack a synthetic corpus and say what follows.

    Texts are given as lists, or as paths of files: ``text`` is the column of texts, ``user`` that of their
    authors, ``synthetic_text`` that of the synthetic file if it has another name. ``encoding`` is that of
    the other files, if they are not UTF-8. The authors of lists are in ``member_units`` and
    ``nonmember_units``. If no author is named, each text counts as a person.

    ``members`` were in its data and ``nonmembers`` were held out before; who is which must have been decided
    by chance, person by person. ``reference`` are public texts of the same kind. Without a claim (epsilon
    with delta, or mu) the test is that nobody can tell who was in the data. ``attacks`` are names, all
    of ``ATTACKS`` by default, or functions by their names; how many there are decides how sure each has to
    be, so they have to be chosen before anything is known of the corpus.

    The canaries' coins must be those of the run that made the corpus. ``aids`` are models for the attacks
    that need one, and the pipeline for ``lira-shadow``. ``notes`` are added to the report's, and ``about``
    says which run was attacked.

    Raises:
        DataError: a file cannot be read, a side is too small, or somebody is on both.
        UsageError: a claim that cannot be, or an attack that there is not.
    """
    chosen = dict(attacks) if isinstance(attacks, Mapping) and attacks else find_attacks(tuple(attacks))
    claim = Claim.of(epsilon, delta, mu)
    progress = logged(progress, "audit")
    progress.start("reading the texts")
    own, others = (read_texts(given, text, user, encoding) for given in (members, nonmembers))
    subject = subject_of(
        read_synthetic(synthetic, synthetic_text or text),
        own.texts,
        others.texts,
        reference=None if reference is None else read_texts(reference, text, None, encoding).texts,
        member_units=own.users if member_units is None else member_units,
        nonmember_units=others.users if nonmember_units is None else nonmember_units,
        claim=claim,
        canaries=canaries,
        aids=aids,
        seed=seed,
    )
    subject = replace(subject, level=level_of(chosen, subject.given), notes=(*subject.notes, *notes))
    return replace(audit_subject(subject, chosen, progress), about=dict(about or {}))


def level_of(names: Iterable[str], given: Collection[str]) -> float:
    """The error rate that each attack may have. Attacks that lack canaries or an aid cannot err.

    Which attacks these are is known before anything is read.
    """
    able = sum(NEEDS.get(name) is None or NEEDS[name] in given for name in names)
    return LEVEL / max(able, 1)


def find_attacks(named: Sequence[str] = ()) -> dict[str, Attack]:
    """The attacks that were named, or all of RPSG's own; UsageError lists those that there are."""
    found = {name: registry.find("attacks", name) for name in named or ATTACKS}
    for name, attack in found.items():
        if not callable(attack):
            raise registry.at_fault("attacks", name, "is not a function")
    return found


def audit_subject(
    subject: Subject, attacks: Mapping[str, Attack], progress: Progress | None = None
) -> AuditReport:
    """The audit of a checked subject, whose ``level`` is what each of the attacks may get wrong."""
    subject = replace(subject, progress=progress or Silent())
    subject.progress.start("try without the corpus")
    baseline = blind_baseline(subject)
    findings = _ask("attack the corpus", subject, attacks)
    planted = {"fitted on members": fitted_on_members, "leaky": leaky}
    controls = {
        name: tuple(
            outcome_of(found, needs_area=name != "leaky")
            for found in _ask(f"attack a planted leak, {number} of {len(planted)}", change(subject), attacks)
        )
        for number, (name, change) in enumerate(planted.items(), start=1)
    }
    subject.progress.done()
    powered = tuple(map(_with_power, findings, controls["fitted on members"]))
    verdict, reason = _verdict(powered, baseline, controls["leaky"])
    told = powered if verdict != "not run" else tuple(map(_of_void_audit, powered))
    members = int(subject.is_in.sum())
    return AuditReport(
        verdict,
        reason,
        subject.claim,
        subject.claim.allows(),
        told,
        baseline,
        controls,
        {
            "synthetic texts": len(subject.synthetic),
            "private texts": len(subject.texts),
            "members": members,
            "held out": subject.people - members,
            "reference texts": len(subject.reference),
            **{name: count for name, count in subject.left_out.items() if count},
        },
        subject.seed,
        subject.notes,
        closest=_closest(subject, powered),
    )


def _closest(subject: Subject, findings: Sequence[Finding]) -> tuple[Closest, ...]:
    """The pairs of texts that are most alike, each once, by the attack that sees it most."""
    found = sorted(
        ((match, each.name) for each in findings for match in each.matches),
        key=lambda pair: -pair[0].similarity,
    )
    first: dict[tuple[int, int], Closest] = {}
    for match, name in found:
        texts = (subject.texts[match.private], subject.synthetic[match.synthetic])
        first.setdefault((match.private, match.synthetic), Closest(name, float(match.similarity), *texts))
    return tuple(first.values())[:MOST_CLOSEST]


def _ask(stage: str, subject: Subject, attacks: Mapping[str, Attack]) -> list[Finding]:
    subject.progress.start(stage, len(attacks))
    findings = []
    for name, attack in attacks.items():
        findings.append(_found(name, attack, subject))
        subject.progress.advance()
    return findings


def _found(name: str, attack: Attack, subject: Subject) -> Finding:
    """The finding of an attack, or why there is none: an error's type, as its message may quote texts."""
    try:
        found = attack(subject)
    except RpsgError as error:
        return not_run(name, error.message)
    except Exception as error:  # noqa: BLE001  # one attack that fails must not end the others
        return not_run(name, str(registry.at_fault("attacks", name, f"failed ({place_of(error)})")))
    if not isinstance(found, Finding):
        return not_run(name, str(registry.at_fault("attacks", name, "gives no Finding")))
    return replace(found, name=name)


def _with_power(finding: Finding, control: Control) -> Finding:
    """The finding, or "not run" where the attack did not find the members' own texts."""
    if finding.verdict != "no violation seen" or control.outcome == "caught":
        return finding
    return replace(
        finding, verdict="not run", reason="It did not find the members in a corpus of their own texts."
    )


def _of_void_audit(finding: Finding) -> Finding:
    """The finding in an audit without a verdict: then no attack has an outcome of its own."""
    if finding.verdict == "not run":
        return finding
    return replace(finding, verdict="not run", reason=VOID)


def _verdict(findings: Sequence[Finding], baseline: Baseline, leak: Sequence[Control]) -> tuple[Verdict, str]:
    """The verdict on the corpus and its reason: void and powerless audits refute nothing."""
    if baseline.is_void:
        return "not run", (
            "Members and people held out are told apart without the corpus, so chance did not split them. "
            "Hold people out at random before the run, and audit that."
        )
    refuted = [found for found in findings if found.verdict == "refuted"]
    if refuted:
        best = max(refuted, key=lambda found: found.epsilon_lower or 0.0)
        return "refuted", f"The attack {best.name}: {best.reason}"
    quiet = {found.name for found in findings if found.verdict == "no violation seen"}
    if not quiet:
        return "not run", "No attack could be run with power; each says why."
    if not any(control.outcome == "caught" for control in leak if control.name in quiet):
        return "not run", (
            "No attack would have detected a corpus in which one text in twenty is a member's. More people "
            "on each side, more synthetic texts, or canaries make smaller leaks visible."
        )
    return "no violation seen", "No attack names more members than chance explains under the claim."
