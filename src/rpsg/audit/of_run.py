"""The audit of a run that held people out: its members, the people held out, its texts and its claim.

The run's secret key determines again who was held out, and its commitment shows that the rows are those that
it read. Private texts are taken out of ``Private`` here, as in an evaluation: the outcome is for the operator
alone.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.arguments import path_of, shown
from rpsg.audit.again import with_pipeline
from rpsg.audit.answers import answers_of, if_asked
from rpsg.audit.run import audit
from rpsg.disk.json_text import canonical_json
from rpsg.errors import DataError, UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.logs import logged
from rpsg.pipeline.people import bounds_of, donors_and_voters, held_out_and_used
from rpsg.pipeline.planting import kept_canaries, tested_plan
from rpsg.pipeline.verification.opening import check_commitment
from rpsg.pipeline.verification.repeating import tools_of_release
from rpsg.plan import read_toml, resolve
from rpsg.privacy.private import open_private
from rpsg.privacy.published_audit import texts_digest
from rpsg.release.reader import Release
from rpsg.stages.contributions import bound
from rpsg.storage.layout import MATCHES, PLAN, RUN
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.audit.aids import Aids
    from rpsg.audit.finding import Attack
    from rpsg.audit.inputs import Given
    from rpsg.audit.report import AuditReport
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.protocols import Progress
    from rpsg.records import Document, PrivateCorpus

OF_VOTERS = "Members are voters, whom the claim protects. Donors are not protected, and were not tested."
OF_DONORS = "Members are donors, whom no claim protects."


def audit_run(
    run: str | Path,
    *,
    data: str | Path | None = None,
    donors: bool = False,
    reference: Given | None = None,
    aids: Aids | None = None,
    shadows: bool = False,
    attacks: Sequence[str] | Mapping[str, Attack] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditReport:
    """Attack the release of a run for which ``audit_holdout`` held people out, and say what follows.

    The most similar pairs of texts are kept in the run's vault. On both sides, as many rows of each person
    are used as in the run. ``data`` says where the private file is now (by default where the plan says). In
    split mode the voters are tested, or the donors if ``donors`` is true. With ``shadows`` the plan is run 16
    more times, for ``lira-shadow``. If the run has canaries, it is repeated from its evidence, without its
    writer, for the attacks on its noisy answers. All other arguments are as for ``audit``.

    Raises:
        UsageError: this is not a run folder, or nobody was held out; the hint says what to do.
        DataError: the file cannot be read or its rows differ from those of the run, or there are too few
            people.
        RunError: the run is not finished, in use or purged.
    """
    run = path_of(run, "run")
    if not (run / RUN).is_file():
        raise UsageError(
            f"{run} is not a run folder. Only a run folder has the key that shows who was held out."
            if run.exists()
            else f"{run} does not exist.",
            hint="Name the folder that was given to rpsg run -o, not its release.",
        )
    plan = resolve(read_toml(run / PLAN))
    _refuse(plan, donors=donors)
    release = Release(run)
    if shadows:
        aids = with_pipeline(aids, plan)
    progress = logged(progress, "audit")
    progress.start("reading the file")
    claim = {} if donors else release.ledger["claim"]  # without figures if nothing is claimed
    with RunFolder.finished(run) as folder:
        moved = _moved(plan, None if data is None else path_of(data, "data"))
        corpus = read_by_rule(moved.data).map(lambda reading: reading.corpus)
        if not check_commitment(folder.vault, corpus, release.ledger).ok:
            raise other_rows("rpsg audit RUN --data FILE")
        texts = [str(record["text"]) for record in release.records]
        has_canaries = bool(plan.data.audit_canaries) and not donors
        answers, notes = if_asked(
            attacks,
            moved,
            lambda: answers_of(folder, moved, corpus, tools_of_release(folder, moved, release.ledger)),
            progress,
            has_canaries=has_canaries,
        )
        if answers is not None:
            answers = replace(answers, noise=())  # the release has these answers: see ``noise_left``
        report = audit(
            texts,
            **sides_of(folder, moved, corpus, donors=donors),
            reference=reference,
            epsilon=claim.get("epsilon"),
            delta=claim.get("delta"),
            canaries=kept_canaries(folder.vault) if has_canaries else None,
            answers=answers,
            aids=aids,
            attacks=attacks,
            seed=seed,
            progress=progress,
            about={} if donors else _about(plan, release, texts),
            notes=((OF_DONORS if donors else OF_VOTERS, *notes) if method_of(plan).has_donors else notes),
        )
        _keep_closest(folder, report)
    return report


def _about(plan: Plan, release: Release, texts: Sequence[str]) -> dict[str, Any]:
    """The facts by which ``rpsg publish`` checks that the attacked corpus is that of the release."""
    return {
        "ledger_id": str(release.ledger["ledger_id"]),
        "plan": tested_plan(plan, release.pack),
        "texts": texts_digest(texts),
        "held out": plan.data.audit_holdout,
    }


def _keep_closest(folder: RunFolder, report: AuditReport) -> None:
    """Keep the closest texts in the vault, for the private report: they are private texts, word for word."""
    rows = [asdict(pair) for pair in report.closest]
    folder.vault.write(MATCHES, canonical_json({"format": "rpsg-audit-matches/1", "matches": rows}))


def other_rows(again: str) -> DataError:
    """The error for a file that changed since the run; ``again`` is the command that names another file."""
    return DataError(
        "These are not the rows that the run read, so it is not known who was held out.",
        hint=f"Restore the file as it was when the run read it, then run: {again}",
    )


def _refuse(plan: Plan, *, donors: bool) -> None:
    """UsageError for a run that cannot be audited in this way, before anything private is read."""
    if not (plan.data.audit_holdout and method_of(plan).reads_private):
        raise UsageError(
            "Nobody was held out of this run, so there is nobody to compare its members with.",
            hint="Make a run that holds people out: rpsg run ... --audit-holdout 0.5 -o NEW. That "
            "spends budget again.",
        )
    if donors and not method_of(plan).has_donors:
        raise UsageError("This run has no donors.", hint="Leave --donors out.")


def _moved(plan: Plan, data: Path | None) -> Plan:
    if data is None:
        if plan.data.path and not Path(plan.data.path).exists():
            raise DataError(
                f"{shown(Path(plan.data.path))}, the file that the run read, does not exist any more.",
                hint="Say where it is now: rpsg audit RUN --data FILE",
            )
        return plan
    return plan.model_copy(update={"data": plan.data.model_copy(update={"path": str(data)})})


def sides_of(
    folder: RunFolder, plan: Plan, corpus: Private[PrivateCorpus], *, donors: bool = False
) -> dict[str, Any]:
    """Texts and people of members and of those held out, limited in the same way, by argument of ``audit``.

    Canaries are on neither side: attacks of their own look for them.
    """
    held, used = held_out_and_used(plan, folder, corpus)
    if method_of(plan).has_donors:
        side = 0 if donors else 1
        used = donors_and_voters(plan, folder, used)[side]
        if (
            plan.split.donor_list
        ):  # a list is not a random draw: only people on the same side of it can be compared
            held = donors_and_voters(plan, folder, held)[side]
    members, others = _bounded(plan, folder.key, used), _bounded(plan, folder.key, held)
    named = plan.data.user is not None
    return {
        "members": [row.text for row in members],
        "nonmembers": [row.text for row in others],
        "member_units": [str(row.user) for row in members] if named else None,
        "nonmember_units": [str(row.user) for row in others] if named else None,
    }


def _bounded(plan: Plan, key: bytes, corpus: Private[PrivateCorpus]) -> tuple[Document, ...]:
    most, words = bounds_of(plan, bounded=method_of(plan).budget is not None)
    return open_private(corpus.map(partial(bound, max_records=most, key=key, passage_words=words)))
