"""An audit run: canaries are planted, the plan is run, its corpus is attacked and then destroyed.

The corpus is never released. It is in the vault of the run until the report is written, and an interrupted
audit run holds nothing that could be published. The same call resumes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.arguments import path_of
from rpsg.audit.again import with_pipeline
from rpsg.audit.answers import answers_of, if_asked, tools_of_unreleased
from rpsg.audit.of_run import other_rows, sides_of
from rpsg.audit.run import audit
from rpsg.disk.files import write_atomic
from rpsg.domains import read_pack
from rpsg.errors import RunError, UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.execute import execute_unreleased, unreleased_texts
from rpsg.pipeline.logs import logged
from rpsg.pipeline.models_of_run import load_tools, open_calls
from rpsg.pipeline.people import is_same_rows
from rpsg.pipeline.planting import kept_canaries, tested_plan
from rpsg.pipeline.purge import destroy_unreleased
from rpsg.plan import resolve
from rpsg.privacy.commitment import commit_to
from rpsg.report.audit_page import audit_page
from rpsg.storage.layout import AUDIT, AUDIT_PAGE, PACK, PRIVATE, RUN
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import AUDIT_RUN, locked, purpose_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.audit.aids import Aids
    from rpsg.audit.answers import CanaryAnswers
    from rpsg.audit.finding import Attack
    from rpsg.audit.inputs import Given
    from rpsg.audit.report import AuditReport
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource, Progress
    from rpsg.records import PrivateCorpus
    from rpsg.storage.run_folder import RunFolder

#: If the plan says nothing: how many canaries are drawn, and what share of people is held out.
CANARIES, HELD_OUT = 200, 0.5
#: With fewer canaries, findings cannot be distinguished from chance.
FEWEST = 20
NOTE = (
    "This corpus was made only to be attacked, and has been destroyed. What was found applies to the plan, "
    "and to a release only if it was made with the same plan."
)
SPLIT = "Canaries and members are voters, whom the claim protects. Donors are not protected."


def canary_run(
    plan: Plan,
    out: str | Path,
    *,
    reference: Given | None = None,
    aids: Aids | None = None,
    shadows: bool = False,
    attacks: Sequence[str] | Mapping[str, Attack] = (),
    seed: int = 0,
    progress: Progress | None = None,
    tools: Tools | None = None,
    noise: NoiseSource | None = None,
) -> AuditReport:
    """Run the plan with planted canaries in ``out``, attack its corpus, keep the report, destroy the rest.

    The plan is run as ``rpsg run`` runs it, on the same account: its noisy answers are drawn and charged. If
    the plan has no canaries, 200 are drawn; if it holds nobody out, half of the people are. At the end only
    the plan is left and, in the private folder, ``audit.json`` and ``audit.html``. ``aids``, ``attacks`` and
    ``seed`` as for ``audit``, ``shadows`` as for ``audit_run``; ``tools`` and ``noise`` are for tests.

    Raises:
        UsageError: the method reads nothing private, or there are too few canaries or public texts.
        RunError: ``out`` contains another run, or a finished audit; the message names the report of that
            audit.
        DataError: fewer than 30 people are on a side, or the file changed since the run.
        BudgetError: the account has too little budget left.
    """
    plan, out = plan_of_audit(plan), path_of(out, "out")
    _refuse_finished(out)
    if shadows:  # an impossible path is refused before anything is charged
        aids = with_pipeline(aids, plan, tools)
    with execute_unreleased(plan, out, progress=progress, tools=tools, noise=noise) as folder:
        progress = logged(progress, "audit")
        progress.start("reading the file")
        corpus = read_by_rule(plan.data).map(lambda reading: reading.corpus)
        if not is_same_rows(folder, corpus):
            raise other_rows("rpsg audit-run FILE ...")
        answers, notes = if_asked(attacks, plan, lambda: _answers(folder, plan, corpus, tools), progress)
        report = audit(
            unreleased_texts(folder),
            **sides_of(folder, plan, corpus),
            reference=reference,
            **_claim(plan),
            canaries=kept_canaries(folder.vault),
            answers=answers,
            aids=aids,
            attacks=attacks,
            seed=seed,
            progress=progress,
            about=_about(folder, plan, corpus),
            notes=(NOTE, *((SPLIT,) if method_of(plan).has_donors else ()), *notes),
        )
        progress.start("destroy the corpus")
        _keep(folder, report)
        destroy_unreleased(folder.path, (AUDIT, AUDIT_PAGE))
        progress.done()
    return report


def _answers(
    folder: RunFolder, plan: Plan, corpus: Private[PrivateCorpus], tools: Tools | None
) -> CanaryAnswers | None:
    """The noisy answers of the run, repeated with the replies that it stored."""
    with open_calls(plan, folder) as calls:
        models = tools_of_unreleased(folder, plan, tools or load_tools(plan), calls)
        return answers_of(folder, plan, corpus, models)


def _about(folder: RunFolder, plan: Plan, corpus: Private[PrivateCorpus]) -> dict[str, Any]:
    """What ``rpsg publish`` compares with a release, including a commitment to the rows, with its nonce.

    It stays in the private folder. Without the rows, it does not reveal which rows these were.
    """
    rows = commit_to(corpus)
    return {
        "plan": tested_plan(plan, read_pack(folder.evidence_path(PACK))),
        "held out": plan.data.audit_holdout,
        "rows": {"nonce": rows.nonce.hex(), "value": rows.value},
    }


def plan_of_audit(plan: Plan) -> Plan:
    """The plan with canaries and with people held out.

    Raises:
        UsageError: nothing private is read, or fewer than 20 canaries are asked for.
    """
    if not method_of(plan).reads_private:
        raise UsageError("This method reads no private data, so there is nothing to find.")
    data = {
        "audit_canaries": plan.data.audit_canaries or CANARIES,
        "audit_holdout": plan.data.audit_holdout or HELD_OUT,
    }
    if data["audit_canaries"] < FEWEST:
        raise UsageError(
            f"An audit run needs at least {FEWEST} canaries.",
            hint="Ask for more with --audit-canaries, or leave that option out.",
        )
    return resolve(plan.model_dump(mode="json"), {"data": data})


def _refuse_finished(out: Path) -> None:
    """RunError for an audit run whose report is there; what an interruption has left of it is destroyed."""
    if not ((out / RUN).is_file() and purpose_of(out) == AUDIT_RUN and (out / PRIVATE / AUDIT).is_file()):
        return
    with locked(out):
        destroy_unreleased(out, (AUDIT, AUDIT_PAGE))
    raise RunError(
        f"The audit run in {out} is finished, and its corpus has been destroyed.",
        hint=(
            f"Its report is {out / PRIVATE / AUDIT_PAGE}. For another audit run, choose a new folder with -o."
        ),
    )


def _claim(plan: Plan) -> dict[str, Any]:
    """What a release of this plan would claim."""
    if method_of(plan).budget is None:
        return {}
    return {"epsilon": plan.privacy.epsilon, "delta": plan.privacy.delta}


def _keep(folder: RunFolder, report: AuditReport) -> None:
    """Write the report; the JSON last, since with it the audit counts as finished."""
    found = report.to_json(with_matches=True)
    write_atomic(folder.private_path(AUDIT_PAGE), audit_page(found).encode())
    write_atomic(folder.private_path(AUDIT), found.encode())
