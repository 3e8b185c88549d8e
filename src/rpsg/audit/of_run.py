"""The audit of a run that held people out: its members, the people held out, its texts and its claim.

The run's secret key says again who was held out, and its commitment shows that the rows are those that it
read. Private texts leave their boxes here as in an evaluation: what comes out is for the operator alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg.arguments import path_of
from rpsg.audit.run import audit
from rpsg.errors import DataError, UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.people import bounds_of, donors_and_voters, held_out_and_used
from rpsg.plan import read_toml, resolve
from rpsg.privacy.private import open_private
from rpsg.release.reader import Release
from rpsg.stages.contributions import bound
from rpsg.storage.layout import PLAN, RUN
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import RunFolder
from rpsg.verification.opening import check_commitment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.audit.finding import Attack
    from rpsg.audit.inputs import Given
    from rpsg.audit.report import AuditReport
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.protocols import Progress
    from rpsg.records import Document, PrivateCorpus

OF_VOTERS = "Members are voters, whom the claim protects. Donors are not protected, and were not looked at."
OF_DONORS = "Members are donors, whom no claim protects."


def audit_run(
    run: str | Path,
    *,
    data: str | Path | None = None,
    donors: bool = False,
    reference: Given | None = None,
    attacks: Sequence[str] | Mapping[str, Attack] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> AuditReport:
    """Attack the release of a run for which ``audit_holdout`` held people out, and say what follows.

    Both sides are bounded as the run bounds its rows. ``data`` is where the private file is now, by default
    where the plan says. Of a run in split mode the voters are tested, with ``donors`` the donors. Everything
    else is as for ``audit``.

    Raises:
        UsageError: this is no run folder, or nobody was held out; the hint says what to do.
        DataError: the file cannot be read, or holds other rows than the run read; too few people.
        RunError: the run is not finished, in use or purged.
    """
    run = path_of(run, "run")
    if not (run / RUN).is_file():
        raise UsageError(
            f"{run} is no run folder, and only there is the key that says who was held out.",
            hint="Name the folder that was given to rpsg run -o, not its release.",
        )
    plan = resolve(read_toml(run / PLAN))
    _refuse(plan, donors=donors)
    release = Release(run)
    if progress is not None:
        progress.start("reading the file")
    with RunFolder.finished(run) as folder:
        members, held = _sides(
            folder,
            _moved(plan, None if data is None else path_of(data, "data")),
            release.ledger,
            donors=donors,
        )
    named = plan.data.user is not None
    claim = {} if donors else release.ledger["claim"]  # without figures where nothing is claimed
    report = audit(
        [str(record["text"]) for record in release.records],
        [row.text for row in members],
        [row.text for row in held],
        member_units=[str(row.user) for row in members] if named else None,
        nonmember_units=[str(row.user) for row in held] if named else None,
        reference=reference,
        epsilon=claim.get("epsilon"),
        delta=claim.get("delta"),
        attacks=attacks,
        seed=seed,
        progress=progress,
    )
    note = OF_DONORS if donors else OF_VOTERS
    return replace(report, notes=(*report.notes, note)) if method_of(plan).has_donors else report


def _refuse(plan: Plan, *, donors: bool) -> None:
    """UsageError for a run that cannot be audited so, before anything private is read."""
    if not (plan.data.audit_holdout and method_of(plan).reads_private):
        raise UsageError(
            "Nobody was held out of this run, so there is nobody to compare its members with.",
            hint="Make a run that holds people out: rpsg run ... --audit-holdout 0.5 -o NEW. It pays anew.",
        )
    if donors and not method_of(plan).has_donors:
        raise UsageError("This run has no donors.", hint="Leave --donors out.")


def _moved(plan: Plan, data: Path | None) -> Plan:
    if data is None:
        return plan
    return plan.model_copy(update={"data": plan.data.model_copy(update={"path": str(data)})})


def _sides(
    folder: RunFolder, plan: Plan, ledger: Mapping[str, Any], *, donors: bool
) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
    """The rows of members and of people held out, bounded alike."""
    corpus = read_by_rule(plan.data).map(lambda reading: reading.corpus)
    if not check_commitment(folder, corpus, ledger).ok:
        raise DataError(
            "These are not the rows that the run read, so who was held out of it cannot be told.",
            hint="Name the file as it was then: rpsg audit RUN --data FILE",
        )
    held, used = held_out_and_used(plan, folder, corpus)
    if method_of(plan).has_donors:
        side = 0 if donors else 1
        used = donors_and_voters(plan, folder, used)[side]
        if plan.split.donor_list:  # a list is no draw: only people on the same side of it are alike
            held = donors_and_voters(plan, folder, held)[side]
    return _bounded(plan, folder.key, used), _bounded(plan, folder.key, held)


def _bounded(plan: Plan, key: bytes, corpus: Private[PrivateCorpus]) -> tuple[Document, ...]:
    most, words = bounds_of(plan, bounded=method_of(plan).budget is not None)
    return open_private(corpus.map(partial(bound, max_records=most, key=key, passage_words=words)))
