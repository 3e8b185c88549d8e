"""What may leave of a run that began with private seeds: the corpus, and the truth about it.

No prompt and no reply is in the release, and rows are numbered anew, so that gaps do not tell what was
dropped: all of that was made from private texts. So nobody but the operator can derive the corpus again.
Every row carries the claim with it. How many texts are left is there to count; in split mode the ledger
also tells how many candidates, all of them made from donors, the voters were asked about.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rpsg.methods.places import carries, egress_of
from rpsg.methods.seed_steps import seeding, seeds_wanted, sigma_of
from rpsg.plan import Limits
from rpsg.privacy.claims import DONORS, NO_GUARANTEE, NOT_PRIVATE, PrivacyUnit, paper_claim_text
from rpsg.privacy.facts import Cumulative, Output, PublicInput
from rpsg.privacy.facts import Facts as LedgerFacts
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.ledger import build_private_ledger, build_public_ledger
from rpsg.privacy.sources import supports_claims
from rpsg.release import (
    EGRESS,
    EVIDENCE,
    PACK,
    PLAN,
    PUBLIC_MODE,
    synthetic_texts,
    write_egress,
    write_ledger,
    write_metadata,
    write_words,
)
from rpsg.report.croissant import CROISSANT
from rpsg.report.summary import Facts
from rpsg.store.exports import write_corpus
from rpsg.store.files import write_atomic
from rpsg.store.shelf import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.egress import Seen
    from rpsg.methods.tools import Job
    from rpsg.private_side import PrivateSide
    from rpsg.records import Pool
    from rpsg.store.exports import ExportFormat
    from rpsg.store.run import RunFolder

STAGES = "stages.md"


def publish_seeded(
    folder: RunFolder, private: PrivateSide, job: Job, pool: Pool, seen: Sequence[Seen]
) -> None:
    """Assemble ``release/`` and, in the private folder, the table of stages for the operator."""
    write_atomic(folder.private_path(STAGES), (table(seeding(job).shelf.lines) + "\n").encode())
    with folder.assemble_release() as target:
        outputs = write_rows(target, pool, short_claim(job))
        write_open_evidence(target, folder.evidence, job)
        outputs[EGRESS] = write_egress(target, seen)
        host = next(line.host for line in seen if line.role == "writer")
        outputs[CROISSANT] = write_metadata(target, job, pool, outputs)
        ledger = write_ledger(
            target,
            outputs,
            lambda named: build_public_ledger(
                seeded_facts(job, pool, named, host),
                private.kernel.performed if isinstance(private.kernel, Kernel) else None,
                _cumulative(private),
                commitment=private.commitment,
            ),
        )
        names = (job.tools.writer.name, job.tools.embedder.name)
        write_words(target, Facts(job.plan, job.pack, pool, ledger, *names, seen))
        if private.commitment is not None:
            mine = build_private_ledger(ledger, private.commitment, {})
            write_atomic(folder.private_path("ledger.private.json"), _pretty(mine))


def _pretty(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def short_claim(job: Job) -> str:
    """One sentence that goes with every row."""
    if not supports_claims(seeding(job).noise.name):
        return NOT_PRIVATE
    return NO_GUARANTEE if job.budget is None else f"Differentially private for voters only. {DONORS}"


def write_rows(folder: Path, pool: Pool, claim: str) -> dict[str, str]:
    """Write the corpus, each row with the claim, in every format there is; SHA-256 by file name."""
    formats: list[ExportFormat] = ["jsonl", "csv"]
    if find_spec("pyarrow") is not None:
        formats.append("parquet")
    rows = [replace(row, id=place, claim=claim) for place, row in enumerate(synthetic_texts(pool))]
    return write_corpus(folder, rows, formats)


def write_open_evidence(folder: Path, evidence: Path, job: Job) -> None:
    """Copy what is public: noisy counts where there are any, the plan and the pack."""
    target = folder / EVIDENCE
    target.mkdir()
    for file in sorted(evidence.glob("release-*.json")):
        shutil.copyfile(file, target / file.name)
    write_atomic(target / PLAN, public_plan(job).encode(), PUBLIC_MODE)
    shutil.copytree(evidence / PACK, target / PACK)


def public_plan(job: Job) -> str:
    """The plan as TOML without places and limits; without a budget's settings where nothing is promised."""
    plan = job.plan
    data = plan.data.model_copy(update={"path": ""})
    split = plan.split.model_copy(update={"donor_list": ""})
    public = plan.model_copy(update={"data": data, "limits": Limits(), "split": split})
    lines, kept, section = public.to_toml().splitlines(), [], ""
    for line in lines:
        section = line if line.startswith("[") else section
        if job.budget is not None or not (section.startswith("[privacy") or line.startswith("nominal_")):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def seeded_facts(job: Job, pool: Pool, outputs: Mapping[str, str], host: str) -> LedgerFacts:
    """What the ledger says about a run besides its account; ``host`` is where the writer is."""
    plan, texts, split = job.plan, len(pool.alive()), job.budget is not None
    return LedgerFacts(
        mode="split" if split else "paper",
        method=plan.method.name,
        claim="voters_only_dp" if split else "no_formal_guarantee",
        unit=PrivacyUnit(
            plan.unit,
            plan.privacy.adjacency,
            plan.records_per_unit,
            "random_subset_csprng",
            seed_units_disjoint_from_voters=True if split else None,
        ),
        outputs=tuple(Output(name, sha, texts) for name, sha in sorted(outputs.items())),
        generation_seed=plan.generation.seed,
        public_inputs=_public_inputs(job),
        egress=egress_of(plan, job.tools),
        flows=seeding(job).door.flows,
        claim_words="" if split else claim_words(job, host),
        noise_source=seeding(job).noise.name,
    )


def claim_words(job: Job, host: str) -> str:
    """The sentences of a run that claims nothing."""
    sigma = sigma_of(job.plan, seeds_wanted(job.plan))
    where = f"{job.tools.writer.name} on {host}"
    sent: Any = "The text" if carries(job.plan) == "raw_private" else "Abstracted text"
    return paper_claim_text(sigma, where, "not run", sent)


def _public_inputs(job: Job) -> tuple[PublicInput, ...]:
    plan, budget = job.plan, "epsilon, delta, " if job.budget is not None else ""
    inputs = [
        PublicInput(f"domain pack {job.pack.name}", "schema and prompts", job.pack.sha256),
        PublicInput("prompts", "all prompts as they were used", job.pack.prompts_sha256),
        PublicInput("about", "one line about the corpus, in the prompts"),
        PublicInput(f"{budget}size and method", "fixed in the plan, not computed from the data"),
        PublicInput(job.tools.embedder.name, "embedder", declared_by="plan"),
        PublicInput(job.tools.sentiment.name, "sentiment classifier", declared_by="plan"),
    ]
    if plan.data.labels:
        inputs.append(PublicInput("labels", "declared label values"))
    if plan.privacy.n_public is not None:
        inputs.append(PublicInput("n_public", "declared number of people"))
    return tuple(inputs)


def _cumulative(private: PrivateSide) -> Cumulative:
    if private.account is None:
        return Cumulative(0.0, 0, None, tracked=False)
    total = private.account.total()
    return Cumulative(total.mu2, total.releases, private.account.book.mu2_cap)
