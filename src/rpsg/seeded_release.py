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
from typing import TYPE_CHECKING, Any, Literal

from rpsg.methods.places import carries, egress_of
from rpsg.methods.seed_steps import seeding, seeds_wanted, sigma_of
from rpsg.privacy.checks import row_claim
from rpsg.privacy.claims import PrivacyUnit, paper_claim_text
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
    models_of,
    synthetic_texts,
    write_egress,
    write_ledger,
    write_metadata,
)
from rpsg.report.croissant import CROISSANT
from rpsg.report.settings import public_toml
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
        outputs[f"{EVIDENCE}/{PLAN}"] = write_open_evidence(target, folder.evidence, job)
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
            lambda told: Facts(job.plan, job.pack, pool, told, *models_of(job), seen),
        )
        if private.commitment is not None:
            mine = build_private_ledger(ledger, private.commitment, {})
            folder.vault.write("ledger.private.json", _pretty(mine))


def _pretty(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def short_claim(job: Job) -> str:
    """One sentence that goes with every row."""
    return row_claim(claim_of(job), testing=not supports_claims(seeding(job).noise.name))


def claim_of(job: Job) -> Literal["voters_only_dp", "no_formal_guarantee"]:
    """The type of the claim: what is asked of voters has a budget, and what is read of seeds has none."""
    return "no_formal_guarantee" if job.budget is None else "voters_only_dp"


def write_rows(folder: Path, pool: Pool, claim: str) -> dict[str, str]:
    """Write the corpus, each row with the claim, in every format there is; SHA-256 by file name."""
    formats: list[ExportFormat] = ["jsonl", "csv"]
    if find_spec("pyarrow") is not None:
        formats.append("parquet")
    rows = [replace(row, id=place, claim=claim) for place, row in enumerate(synthetic_texts(pool))]
    return write_corpus(folder, rows, formats)


def write_open_evidence(folder: Path, evidence: Path, job: Job) -> str:
    """Copy what is public: noisy counts if there are any, plan and pack; gives the SHA-256 of the plan."""
    target = folder / EVIDENCE
    target.mkdir()
    for file in sorted(evidence.glob("release-*.json")):
        shutil.copyfile(file, target / file.name)
    shutil.copytree(evidence / PACK, target / PACK)
    told = public_toml(job.plan, job.pack, budget=job.budget is not None)
    return write_atomic(target / PLAN, told.encode(), PUBLIC_MODE)


def seeded_facts(job: Job, pool: Pool, outputs: Mapping[str, str], host: str) -> LedgerFacts:
    """What the ledger says about a run besides its account; ``host`` is where the writer is."""
    plan, texts, split = job.plan, len(pool.alive()), job.budget is not None
    return LedgerFacts(
        reads="donors" if split else "records",
        method=plan.method.name,
        claim=claim_of(job),
        unit=PrivacyUnit(
            plan.unit,
            plan.privacy.adjacency,
            plan.records_per_unit,
            "random_subset_csprng" if split else "none_asserted_by_user",
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
