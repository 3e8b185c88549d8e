"""``rpsg verify --with-vault``: what only the operator can check, because it needs the private data.

The commitment is opened, the run is repeated from its evidence with the private rows, and the noise of every
answer is tested; run folder, account book and ledger must name the same draws. The result depends on private
data: it is shown to the operator and written nowhere.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import strict_json
from rpsg.errors import RpsgError, UsageError
from rpsg.methods.named import method_of
from rpsg.pipeline.private_data import account_of
from rpsg.pipeline.verification.repeating import repeat, tools_of_release
from rpsg.plan import read_toml, resolve
from rpsg.privacy.commitment import commit_to
from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.replay import OpeningKernel
from rpsg.privacy.residuals import FALSE_ALARM
from rpsg.privacy.sources import noisy_answers
from rpsg.privacy.verify import Check
from rpsg.privacy.write_ahead_log import journal_steps
from rpsg.protocols import Silent
from rpsg.storage.layout import (
    ANSWERS,
    LEDGER,
    PLAN,
    PRIVATE_LEDGER,
    RELEASE,
    RUN,
)
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.privacy.residuals import Outcome
    from rpsg.protocols import Progress
    from rpsg.records import PrivateCorpus
    from rpsg.storage.vault import Vault

COMMITMENT = "the commitment opens on these data"
DRAWS = "run folder, account book and ledger name the same draws"
REPEATED = "the run can be repeated with its private data"


def open_run(run: Path, data: Path | None = None, progress: Progress | None = None) -> list[Check]:
    """The checks of a published run that need its vault and its private data, which are in ``data``.

    Raises:
        RpsgError: the run folder, its key or the data cannot be read.
    """
    if not (run / RUN).is_file():
        raise UsageError(
            f"{run} is not a run folder, and the vault is only in a run folder.",
            hint="Name the folder that was given to rpsg run -o, not its release.",
        )
    plan = resolve(read_toml(run / PLAN))
    ledger = strict_json((run / RELEASE / LEDGER).read_bytes())
    if not method_of(plan).reads_private:
        raise UsageError(
            "This run read no private data, so it has no commitment to open.", hint="Leave out --with-vault."
        )
    if plan.data.shards:
        raise UsageError(
            "The private texts of this run were counted in shards, so they are not in one place, and the "
            "commitment cannot be opened.",
            hint="Leave out --with-vault.",
        )
    with RunFolder.finished(run) as folder:
        found = plan
        if data is not None:
            moved = plan.data.model_copy(update={"path": str(data)})
            found = plan.model_copy(update={"data": moved})
        corpus = read_by_rule(found.data).map(lambda reading: reading.corpus)
        checks = [check_commitment(folder.vault, corpus, ledger)]
        if checks[0].ok and ledger.get("stage_plan"):
            wrong = "; ".join(_differences(folder, plan, ledger))
            checks.append(Check(DRAWS, ok=not wrong, detail=wrong or "each once, under the same id"))
            checks += _noise(folder, found, corpus, ledger, progress or Silent())
        return checks


def check_commitment(vault: Vault, corpus: Private[PrivateCorpus], ledger: Mapping[str, Any]) -> Check:
    """Whether the ledger's commitment, opened with the nonce of the vault, commits to these rows."""
    kept = json.loads(vault.read(PRIVATE_LEDGER))["commitment"]
    nonce = bytes.fromhex(kept["nonce"])
    if commit_to(corpus, nonce).value == ledger.get("private_commitment", {}).get("value"):
        return Check(COMMITMENT, ok=True, detail="these rows, in this order, with the nonce of the vault")
    return Check(
        COMMITMENT,
        ok=False,
        detail="the commitment in the ledger is to other rows, or it is that of another run",
    )


def _differences(folder: RunFolder, plan: Plan, ledger: Mapping[str, Any]) -> Iterator[str]:
    lines = noisy_answers(ledger)
    steps = journal_steps(folder.private_path(ANSWERS))
    drawn = {draw for step in steps.values() for draw in step.draws}
    if sorted(steps) != list(range(len(lines))):
        yield f"the journal has {len(steps)} releases and the ledger {len(lines)}"
        return
    for seq, line in enumerate(lines):
        content = evidence_file(folder.evidence, seq).read_bytes()
        if not line["output_sha256"] == steps[seq].sha256 == hashlib.sha256(content).hexdigest():
            yield f"{line['stage']}: journal, evidence and ledger do not name the same noisy answer"
        elif parse_evidence(content).draw not in steps[seq].draws:
            yield f"{line['stage']}: the draw of the evidence is not in the journal"
    paid = account_of(plan, Odometer()).draws_of(folder.run_id)
    if drawn - paid:
        yield f"{len(drawn - paid)} of {len(drawn)} draws are not in the account book"
    if paid - drawn:
        yield (
            f"the account book has {len(paid - drawn)} draws of this run that are not in this folder: noise "
            "was drawn in a copy of the folder, or the folder was replaced by an older copy"
        )


def _noise(
    folder: RunFolder,
    plan: Plan,
    corpus: Private[PrivateCorpus],
    ledger: Mapping[str, Any],
    progress: Progress,
) -> list[Check]:
    kernel = OpeningKernel(folder.evidence, ledger)
    try:
        repeat(folder, plan, corpus, tools_of_release(folder, plan, ledger), kernel, progress)
    except RpsgError as error:
        return [*_verdicts(kernel.outcomes), Check(REPEATED, ok=False, detail=error.message)]
    return _verdicts(kernel.outcomes)


def _verdicts(outcomes: Sequence[Outcome]) -> list[Check]:
    return [_verdict(outcome, 2 * len(outcomes)) for outcome in outcomes]


def _verdict(found: Outcome, tests: int) -> Check:
    counts = "1 count" if found.cells == 1 else f"{found.cells} counts"
    chances = f"p = {found.spread:.2g} for its spread and {found.mean:.2g} for its mean, over {counts}"
    detail = found.reason or f"{chances}; a p below {FALSE_ALARM / max(1, tests):.1g} would fail"
    return Check(
        f"noisy minus exact answers are the stated noise: {found.stage}",
        ok=found.is_noise(tests),
        detail=detail,
    )
