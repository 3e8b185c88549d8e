"""What may leave: the corpus, the ledger, the words about it, and the evidence that lets anyone replay it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.privacy.claims import PrivacyUnit
from rpsg.privacy.facts import Cumulative, Egress, Output, PublicInput
from rpsg.privacy.facts import Facts as LedgerFacts
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.kernel import Kernel, Performed
from rpsg.privacy.ledger import build_private_ledger, build_public_ledger
from rpsg.report.croissant import CROISSANT, FORMATS, croissant, write_croissant
from rpsg.report.lives import LIVES, write_lives
from rpsg.report.page import REPORT
from rpsg.report.settings import public_toml
from rpsg.report.summary import Facts, card, summary
from rpsg.report.writing import write_release_report
from rpsg.results import Run
from rpsg.store.exports import SyntheticText, write_corpus
from rpsg.store.files import write_atomic
from rpsg.store.settled import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rpsg.egress import Seen
    from rpsg.methods.tools import Job
    from rpsg.plan import Plan
    from rpsg.privacy.odometer import Account
    from rpsg.private_side import PrivateSide
    from rpsg.records import Candidate, Pool
    from rpsg.store.calls import CallStore
    from rpsg.store.exports import ExportFormat
    from rpsg.store.run import RunFolder

PUBLIC_MODE = 0o644
CORPUS = "corpus.jsonl"
EVIDENCE = "evidence"
TEXTS = "texts.jsonl"
PLAN = "plan.toml"
PACK = "pack"
EGRESS = "egress.json"
LEDGER = "ledger.json"


def publish(
    folder: RunFolder, private: PrivateSide, job: Job, pool: Pool, calls: CallStore, seen: Sequence[Seen]
) -> None:
    """Assemble ``release/``; it appears whole or not at all. ``seen`` is what each host saw."""
    with folder.assemble_release() as target:
        outputs = write_texts(target, pool)
        outputs |= write_evidence(target, folder.evidence, public_toml(job.plan, job.pack), calls)
        outputs[EGRESS] = write_egress(target, seen)
        outputs[f"{EVIDENCE}/{LIVES}"] = write_lives(target / EVIDENCE / LIVES, pool)
        outputs[CROISSANT] = write_metadata(target, job, pool, outputs)
        ledger = write_ledger(
            target,
            outputs,
            lambda named: build_public_ledger(
                ledger_facts(job, pool, named),
                _performed(private),
                _cumulative(job.plan, private.account),
                commitment=private.commitment,
            ),
            lambda told: Facts(job.plan, job.pack, pool, told, *models_of(job), seen),
        )
        if private.commitment is not None:
            mine = build_private_ledger(ledger, private.commitment, {})
            folder.vault.write("ledger.private.json", _pretty(mine))


def write_ledger(
    folder: Path,
    outputs: Mapping[str, str],
    sealed: Callable[[Mapping[str, str]], Mapping[str, Any]],
    facts: Callable[[Mapping[str, Any]], Facts],
) -> Mapping[str, Any]:
    """Write summary, card, report and ledger; ``sealed`` makes a ledger that names files with their SHA-256.

    Words and report tell what the ledger says, and the ledger names them by their hashes. So there are three
    ledgers: one for the words, made to ``facts``, one that names these, for the report, and the last.
    """
    outputs = {**outputs, **write_words(folder, facts(sealed(outputs)))}
    write_atomic(folder / LEDGER, _pretty(sealed(outputs)), PUBLIC_MODE)
    ledger = sealed({**outputs, REPORT: write_release_report(folder)})
    write_atomic(folder / LEDGER, _pretty(ledger), PUBLIC_MODE)
    return ledger


def models_of(job: Job) -> tuple[str, str]:
    """The names of writer and embedder."""
    return job.tools.writer.name, job.tools.embedder.name


def ledger_facts(job: Job, pool: Pool, outputs: Mapping[str, str]) -> LedgerFacts:
    """What the ledger says about a run besides its account."""
    plan, paid = job.plan, job.budget is not None
    texts = len(pool.alive())
    return LedgerFacts(
        reads="noisy_answers" if paid else "nothing",
        method=plan.method.name,
        claim="end_to_end_dp" if paid else "no_private_data",
        unit=PrivacyUnit(plan.unit, plan.privacy.adjacency, plan.records_per_unit, "random_subset_csprng"),
        outputs=tuple(Output(name, sha, texts) for name, sha in sorted(outputs.items())),
        generation_seed=plan.generation.seed,
        public_inputs=_public_inputs(job),
        egress=(
            Egress(job.tools.writer.endpoint, "dp_outputs" if paid else "public_only", job.tools.writer.name),
        ),
    )


def _public_inputs(job: Job) -> tuple[PublicInput, ...]:
    plan = job.plan
    inputs = [
        PublicInput(f"domain pack {job.pack.name}", "schema and prompts", job.pack.sha256),
        PublicInput("about", "one line about the corpus, in the prompts"),
        PublicInput("epsilon, delta, size and method", "fixed in the plan, not computed from the data"),
        PublicInput(job.tools.embedder.name, "embedder of the votes", declared_by="plan"),
        PublicInput(job.tools.sentiment.name, "sentiment classifier", declared_by="plan"),
    ]
    if plan.data.labels:
        inputs.append(PublicInput("labels", "declared label values"))
    if plan.privacy.n_public is not None:
        inputs.append(PublicInput("n_public", "declared number of people"))
    return tuple(inputs)


def _performed(private: PrivateSide) -> Performed | None:
    return private.kernel.performed if isinstance(private.kernel, Kernel) else None


def _cumulative(plan: Plan, account: Account | None) -> Cumulative:
    cap = mu_for(plan.privacy.lifetime_epsilon, plan.privacy.delta) ** 2
    if account is None:
        return Cumulative(0.0, 0, cap, tracked=False)
    total = account.total()
    return Cumulative(total.mu2, total.releases, cap)


def _pretty(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def synthetic_texts(pool: Pool) -> list[SyntheticText]:
    """The living texts as rows of the release: the label apart, the other card values as attributes."""
    return [_row(candidate) for candidate in pool.alive()]


def _row(candidate: Candidate) -> SyntheticText:
    values = dict(candidate.card.values)
    label = values.pop("label", None)
    return SyntheticText(candidate.id, candidate.text, label, values)


def write_texts(folder: Path, pool: Pool) -> dict[str, str]:
    """Write the corpus in every format that can be written here; SHA-256 by file name."""
    formats: list[ExportFormat] = ["jsonl", "csv"]
    if find_spec("pyarrow") is not None:
        formats.append("parquet")
    return write_corpus(folder, synthetic_texts(pool), formats)


def write_evidence(folder: Path, evidence: Path, plan: str, calls: CallStore) -> dict[str, str]:
    """Copy what a replay needs: noisy counts, plan, pack, every reply of the writer, and what failed.

    Gives SHA-256 by name of the files that the ledger does not name otherwise.
    """
    target = folder / EVIDENCE
    target.mkdir()
    for file in (*sorted(evidence.glob("release-*.json")), *evidence.glob(FAILED)):
        shutil.copyfile(file, target / file.name)
    calls.export_jsonl(target / TEXTS)
    write_atomic(target / PLAN, plan.encode(), PUBLIC_MODE)
    shutil.copytree(evidence / PACK, target / PACK)
    files = (target / name for name in (TEXTS, PLAN, FAILED))
    return {f"{EVIDENCE}/{file.name}": _sha256(file) for file in files if file.exists()}


def write_egress(folder: Path, seen: Sequence[Seen]) -> str:
    """Write which host saw what; gives the SHA-256 of the file."""
    lines = [{k: v for k, v in asdict(line).items() if v not in (None, "")} for line in seen]
    return write_atomic(folder / EGRESS, _pretty({"format": "rpsg-egress/1", "seen": lines}), PUBLIC_MODE)


def write_metadata(folder: Path, job: Job, pool: Pool, outputs: Mapping[str, str]) -> str:
    """Write what loaders read about the corpus; gives the SHA-256 of the file."""
    files = {name: sha for name, sha in outputs.items() if name in FORMATS}
    attributes = sorted({name for c in pool.alive() for name in c.card.values} - {"label"})
    about = job.plan.corpus.about or job.pack.about
    label, seeded = job.plan.data.label is not None, job.seeding is not None
    told = croissant(
        about,
        files,
        attributes,
        label=label,
        seeded=seeded,
        license_name=job.plan.corpus.license,
        language=job.pack.language,
    )
    return write_croissant(folder, told)


def write_words(folder: Path, facts: Facts) -> dict[str, str]:
    """The summary and the data set's card; SHA-256 by file name."""
    words = {"summary.md": summary(facts), "README.md": card(facts)}
    return {name: write_atomic(folder / name, told.encode(), PUBLIC_MODE) for name, told in words.items()}


def read_release(path: Path, timings: Mapping[str, float] | None = None) -> Run:
    """A finished run from its folder, or from its release folder alone.

    Raises:
        RunError: there is no finished release.
    """
    release = release_folder(path)
    try:
        ledger = json.loads((release / "ledger.json").read_text(encoding="utf-8"))
        records = _records(release / CORPUS)
        words = (release / "summary.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(
            f"{path} holds no finished run.", hint="Go on with it: the same `rpsg run` command again."
        ) from None
    return Run(
        path=release.parent,
        texts=tuple(str(record["text"]) for record in records),
        records=tuple(records),
        ledger=ledger,
        summary=words,
        timings=dict(timings or {}),
    )


def release_folder(path: Path) -> Path:
    """The release folder: ``path`` itself, or the one inside a run folder.

    Raises:
        RunError: there is no finished release.
    """
    for folder in (path, path / "release"):
        if (folder / "ledger.json").is_file():
            return folder
    raise RunError(f"{path} holds no finished run.", hint="Go on with it: the same `rpsg run` command again.")


def _records(path: Path) -> Sequence[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
