"""The whole audit: blind baseline, attacks, and the same attacks on corpora that leak for certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.audit.aside import copied_whole
from rpsg.audit.asking import ask
from rpsg.audit.attacks import ATTACKS, NEEDS
from rpsg.audit.blind import blind_baseline
from rpsg.audit.canaries import found_held_out
from rpsg.audit.claim import Claim
from rpsg.audit.control import fitted_on_members, is_in_another_language, leaky, outcome_of
from rpsg.audit.copies import FEW_COPIES, copied_aside, copied_of_few, repeats_held_out
from rpsg.audit.inputs import left_out, read_synthetic, read_texts
from rpsg.audit.report import AuditReport, Closest
from rpsg.audit.subject import subject_of
from rpsg.audit.unjudged import unjudged, word_for_word
from rpsg.audit.verdict import of_void_audit, verdict_of, with_power
from rpsg.pipeline.logs import logged
from rpsg.privacy.published_audit import LEVEL
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rpsg.audit.aids import Aids
    from rpsg.audit.answers import CanaryAnswers
    from rpsg.audit.finding import Attack, Finding
    from rpsg.audit.inputs import Given
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Progress
    from rpsg.stages.canaries import Canaries

#: The number of pairs of texts that are shown to the data's owner.
MOST_CLOSEST = 20


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
    answers: CanaryAnswers | None = None,
    aids: Aids | None = None,
    attacks: Sequence[str] | Mapping[str, Attack] = (),
    seed: int = 0,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Attack a synthetic corpus and say what follows.

    Give texts as lists or as paths of files. In files, ``text`` is the column of texts, ``user`` the column
    of their authors, and ``synthetic_text`` the column of texts of the synthetic file if its name differs.
    ``encoding`` is the encoding of the files of real texts, if it is not UTF-8. For lists, the authors are in
    ``member_units`` and ``nonmember_units``. If no author is named, each text counts as a person.

    The corpus was made from ``members``; ``nonmembers`` are texts of people who were held out before that.
    Who was held out must have been decided at random, person by person. ``reference`` are public texts of the
    same kind. Without a claim (epsilon with delta, or mu) the audit tests whether anybody can tell who was in
    the data. ``attacks`` are names (by default all of ``ATTACKS``), or functions by their names. The more
    attacks there are, the more certain each has to be, so choose them before anything is known about the
    corpus.

    The coin tosses of ``canaries`` must be those of the run that made the corpus, and ``answers`` its noisy
    answers (``rpsg.audit.answers``); ``audit_run`` and ``canary_run`` give both. ``aids`` has models for the
    attacks that need one, and the pipeline for ``lira-shadow``. ``notes`` are added to the notes of the
    report, and ``about`` says which run was attacked.

    Raises:
        DataError: a file cannot be read, a side is too small, or somebody is on both.
        UsageError: an impossible claim, or an unknown attack.
    """
    chosen = dict(attacks) if isinstance(attacks, Mapping) and attacks else find_attacks(tuple(attacks))
    claim = Claim.of(epsilon, delta, mu)
    progress = logged(progress, "audit")
    progress.start("reading the texts")
    own, others = (read_texts(given, text, user, encoding) for given in (members, nonmembers))
    written = read_synthetic(synthetic, synthetic_text or text)
    public = None if reference is None else read_texts(reference, text, None, encoding)
    sides = (("the members", own), ("the people held out", others))
    empty = left_out(("the synthetic corpus", written), *sides, ("the reference", public))
    subject = subject_of(
        written.texts,
        own.texts,
        others.texts,
        reference=None if public is None else public.texts,
        member_units=own.users if member_units is None else member_units,
        nonmember_units=others.users if nonmember_units is None else nonmember_units,
        claim=claim,
        canaries=canaries,
        aids=aids,
        seed=seed,
    )
    subject = replace(subject, answers=answers)
    built_in = find_attacks([name for name in chosen if name in NEEDS])
    named = (name if built_in.get(name) is attack else "" for name, attack in chosen.items())
    subject = replace(
        subject,
        level=level_of(named, subject.given),
        notes=(*_choice(chosen), *empty, *subject.notes, *notes),
    )
    return replace(audit_subject(subject, chosen, progress), about=dict(about or {}))


def level_of(names: Iterable[str], given: Collection[str]) -> float:
    """The error rate that each attack may have. Attacks that lack canaries or an aid give no result, so they
    cannot be wrong.

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


def _choice(chosen: Collection[str]) -> tuple[str, ...]:
    """A note if attacks of RPSG were not chosen: the verdict says nothing about what they would find."""
    others = len(ATTACKS.keys() - chosen)
    if not others:
        return ()
    told = f"Only these attacks were chosen: {', '.join(chosen)}."
    return (f"{told} RPSG has {others} more, which might find a leak.",)


def audit_subject(
    subject: Subject, attacks: Mapping[str, Attack], progress: Progress | None = None
) -> AuditReport:
    """The audit of a checked subject, whose ``level`` is the probability of error that each attack may
    use.
    """
    subject = replace(subject, progress=progress or Silent())
    subject.progress.start("try without the corpus")
    baseline = blind_baseline(subject)
    findings = ask("attack the corpus", subject, attacks)
    planted = {"fitted on members": fitted_on_members, "leaky": leaky}
    controls = {
        name: tuple(
            outcome_of(found, needs_area=name != "leaky")
            for found in ask(f"attack a planted leak, {number} of {len(planted)}", change(subject), attacks)
        )
        for number, (name, change) in enumerate(planted.items(), start=1)
    }
    subject.progress.start("decide on a verdict")
    powered = tuple(map(with_power, findings, controls["fitted on members"]))
    verdict, reason = verdict_of(
        powered,
        baseline,
        controls["leaky"],
        aside=copied_aside(subject),
        whole_aside=copied_whole(subject.aside, subject.synthetic, 1 - subject.prior),
        is_claimed=subject.claim.is_made,
        is_of_few=copied_of_few(subject) >= FEW_COPIES,
        repeats_held_out=repeats_held_out(subject),
        canaries_held_out=found_held_out(subject),
        is_in_another_language=is_in_another_language(subject),
    )
    told = powered if verdict != "not run" else tuple(map(of_void_audit, powered))
    told = tuple(_with_rows(found, subject) for found in told)
    members = int(subject.is_in.sum())
    notes = (*subject.notes, *unjudged(subject))
    subject.progress.done()
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
            **word_for_word(subject),
            **{name: count for name, count in subject.left_out.items() if count},
        },
        subject.seed,
        notes,
        closest=_closest(subject, powered),
    )


def _closest(subject: Subject, findings: Sequence[Finding]) -> tuple[Closest, ...]:
    """The pairs of texts that are most alike, each once, with the attack that found them most alike."""
    found = sorted(
        ((match, each.name) for each in findings for match in each.matches),
        key=lambda pair: -pair[0].similarity,
    )
    first: dict[tuple[int, int], Closest] = {}
    for match, name in found:
        texts = (subject.texts[match.private], subject.synthetic[match.synthetic])
        first.setdefault((match.private, match.synthetic), Closest(name, float(match.similarity), *texts))
    return tuple(first.values())[:MOST_CLOSEST]


def _with_rows(found: Finding, subject: Subject) -> Finding:
    """The finding; its matches name texts by the positions at which the caller gave them."""
    matches = tuple(replace(match, private=int(subject.row[match.private])) for match in found.matches)
    return replace(found, matches=matches)
