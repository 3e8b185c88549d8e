"""What may leave: the corpus, the ledger, the words about it, and the evidence that lets anyone replay it."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.errors import RunError
from rpsg.files import file_sha256, write_atomic
from rpsg.methods.budget import noise_decides
from rpsg.methods.seed_steps import seeds_wanted, sigma_of
from rpsg.methods.seeded import seen_places
from rpsg.models.catalog import licence_of
from rpsg.pipeline.seeded_release import seeded_facts, short_claim
from rpsg.plan import resolve
from rpsg.privacy.cautions import counted_units
from rpsg.privacy.claims import PrivacyUnit
from rpsg.privacy.egress import host_of, seen
from rpsg.privacy.facts import Egress, Output, PublicInput
from rpsg.privacy.facts import Facts as LedgerFacts
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.ledger import build_private_ledger, build_public_ledger, new_free
from rpsg.release.history import write_lives
from rpsg.release.public_plan import public_toml, told_toml
from rpsg.report.croissant import FORMATS, croissant, write_croissant
from rpsg.report.files import write_release_report
from rpsg.report.summary import Facts, card, summary
from rpsg.results import Run
from rpsg.storage.cached_writer import write_replies
from rpsg.storage.checkpoints import table
from rpsg.storage.export import SyntheticText, write_corpus
from rpsg.storage.layout import (
    CANDIDATES,
    CARD,
    CHANGED,
    CORPUS,
    CROISSANT,
    EGRESS,
    EVIDENCE,
    FAILED,
    LEDGER,
    PACK,
    PARQUET,
    PLAN,
    PRIVATE_LEDGER,
    REPORT,
    STAGE_TABLE,
    SUMMARY,
    TEXTS,
    VECTORS,
)
from rpsg.storage.own import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.methods.tools import Job, Tools
    from rpsg.pipeline.private_data import PrivateSide
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.egress import Seen
    from rpsg.privacy.facts import Flow, Free
    from rpsg.privacy.kernel import Performed
    from rpsg.protocols import Reply
    from rpsg.records import Candidate, Pool
    from rpsg.storage.call_store import CallStore
    from rpsg.storage.export import ExportFormat
    from rpsg.storage.failed_requests import SettledWriter
    from rpsg.storage.public_vectors import PublicVectors
    from rpsg.storage.run_folder import RunFolder

PUBLIC_MODE = 0o644
#: In the vault of the run: what opens its commitment, and what its account has paid.


@dataclass(frozen=True, slots=True)
class Made:
    """All that a release is built from: public settings, models by name, and what a run made with them.

    ``plan`` is the public plan, as ``evidence/plan.toml`` tells it. Of ``tools`` only names and places are
    used. ``evidence`` is the folder with the noisy vectors and the pack; ``replies`` are those of the writer
    that the corpus was made from, by their keys, ``failed`` the keys of texts that it could not write, and
    ``vectors`` the rounded embeddings of its texts: all are empty where prompts held private text.
    ``earlier`` are the requests, by host and model, to writers that were changed for this one. ``noise`` is
    the source of noise, ``sigma`` the noise of a choice that bounds nothing, and ``flows`` the ways of
    private text, for methods with private seeds.
    """

    plan: Plan
    pack: Pack
    budget: Budget | None
    pool: Pool
    tools: Tools
    evidence: Path
    performed: Performed | None = None
    replies: Iterable[tuple[str, Reply]] = ()
    vectors: bytes = b""
    failed: Collection[str] = ()
    asked: int = 0
    earlier: Mapping[tuple[str, str], int] = field(default_factory=dict)
    noise: str = ""
    sigma: float = 0.0
    flows: tuple[Flow, ...] = ()

    @property
    def is_seeded(self) -> bool:
        """Whether texts were made from private records, so that nobody else can derive them again."""
        return registry.method(self.plan.method.name).has_seeds

    @property
    def seen(self) -> list[Seen]:
        """What each host saw."""
        if self.is_seeded:
            return seen_places(self.plan, self.tools)
        writer = self.tools.writer
        sent = {**self.earlier, (host_of(writer), writer.name): self.asked}
        return seen(roles(self.tools), private=self.budget is not None, sent=sent)


def roles(tools: Tools) -> dict[str, object]:
    """The models of a run by the names that the table of egress has for them."""
    return {
        "writer": tools.writer,
        "embedder": tools.embedder,
        "sentiment": tools.sentiment,
        "scorer": tools.scorer,
    }


def public_plan(plan: Plan, pack: Pack) -> Plan:
    """The plan as a release tells it: without places, and without what its method does not read."""
    return resolve(tomllib.loads(public_toml(plan, pack, budget=tells_budget(plan))))


def tells_budget(plan: Plan) -> bool:
    """Whether a release of this plan tells the section ``[privacy]``: not where nothing is promised."""
    return registry.method(plan.method.name).reads != "records"


def publish(
    folder: RunFolder,
    private: PrivateSide,
    job: Job,
    pool: Pool,
    calls: CallStore,
    writer: SettledWriter,
    vectors: PublicVectors,
) -> None:
    """Assemble ``release/``; it appears whole or not at all. The operator's own ledger goes beside it.

    ``job`` names the models as they are; ``writer`` knows what was asked of the job's, and ``vectors`` what
    was embedded.
    """
    side = private.seeding
    made = Made(
        public_plan(job.plan, job.pack),
        job.pack,
        job.budget,
        pool,
        job.tools,
        folder.evidence,
        private.kernel.performed if isinstance(private.kernel, Kernel) else None,
    )
    if side is None:
        told = (host_of(job.tools.writer), job.tools.writer.name)
        made = replace(
            made,
            replies=calls.replies(writer.asked),
            vectors=vectors.to_bytes(),
            failed=writer.failed & writer.asked,
            asked=len(writer.asked),
            earlier={who: n for who, n in calls.sent().items() if who != told},
        )
    else:
        sigma = sigma_of(job.plan, seeds_wanted(job.plan))
        made = replace(made, noise=side.noise.name, sigma=sigma, flows=side.door.flows)
        write_atomic(folder.private_path(STAGE_TABLE), (table(side.shelf.lines) + "\n").encode())
    commitment = private.commitment
    with folder.assemble_release() as target:
        ledger = build_release(target, made, new_free(commitment))
        if commitment is not None:
            mine = build_private_ledger(ledger, commitment, private.paid())
            folder.vault.write(PRIVATE_LEDGER, _pretty(mine))
            write_atomic(folder.private_path("commitment"), commitment.value.encode())


def build_release(target: Path, made: Made, free: Free, *, parquet: bytes | None = None) -> Mapping[str, Any]:
    """Fill the empty folder ``target`` with a release and give its public ledger. Nothing private is read.

    The same arguments give the same bytes, so whoever has a release can build it again and compare. What
    does not follow from ``made`` is in ``free``. ``parquet`` stands in for the Parquet file that would be
    written here, because another version of its library writes the same table in other bytes; with no bytes
    in it, there is no such file.
    """
    claim = short_claim(made) if made.is_seeded else ""
    outputs = write_rows(target, rows_of(made, claim), parquet)
    outputs |= write_evidence(target / EVIDENCE, made)
    outputs[EGRESS] = write_egress(target, made.seen)
    outputs[CROISSANT] = write_metadata(target, made, outputs)
    facts = seeded_facts if made.is_seeded else ledger_facts
    return write_ledger(
        target,
        outputs,
        lambda named: build_public_ledger(
            facts(made, named, changed_inputs(named)), made.performed, free=free
        ),
        lambda told: Facts(made.plan, made.pack, made.pool, told, *models_of(made), made.seen),
    )


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


def models_of(made: Made) -> tuple[str, str]:
    """The names of writer and embedder."""
    return made.tools.writer.name, made.tools.embedder.name


def ledger_facts(
    made: Made, outputs: Mapping[str, str], changed: tuple[PublicInput, ...] = ()
) -> LedgerFacts:
    """What the ledger says about a run besides its account; ``changed`` is told of generation."""
    plan, paid = made.plan, made.budget is not None
    texts, counted = len(made.pool.alive()), counted_units(made.performed, made.evidence)
    return LedgerFacts(
        reads="noisy_answers" if paid else "nothing",
        method=plan.method.name,
        claim="end_to_end_dp" if paid else "no_private_data",
        unit=PrivacyUnit(
            plan.unit,
            plan.privacy.adjacency,
            plan.records_per_unit,
            "random_subset_csprng",
            unusable_rows=plan.data.unusable,
        ),
        outputs=tuple(Output(name, sha, texts) for name, sha in sorted(outputs.items())),
        generation_seed=plan.generation.seed,
        public_inputs=(*_public_inputs(made), *changed),
        egress=(
            Egress(
                made.tools.writer.endpoint, "dp_outputs" if paid else "public_only", made.tools.writer.name
            ),
        ),
        in_the_clear=plan.vault.key == "none",
        n_public=plan.privacy.n_public,
        counted=counted,
        noise_decides=noise_decides(plan, made.pack, made.budget, counted),
    )


def _public_inputs(made: Made) -> tuple[PublicInput, ...]:
    plan = made.plan
    inputs = [
        PublicInput(f"domain pack {made.pack.name}", "schema and prompts", made.pack.sha256),
        PublicInput("about", "one line about the corpus, in the prompts"),
        PublicInput("epsilon, delta, size and method", "fixed in the plan, not computed from the data"),
        PublicInput(
            made.tools.writer.name,
            f"writer; licence: {licence_of(plan.models.writer) or 'not known here'}",
            declared_by="plan",
        ),
        PublicInput(made.tools.embedder.name, "embedder of private texts and drafts", declared_by="plan"),
        PublicInput(made.tools.sentiment.name, "sentiment classifier", declared_by="plan"),
    ]
    if plan.data.labels:
        inputs.append(PublicInput("labels", "declared label values"))
    if plan.privacy.n_public is not None:
        inputs.append(PublicInput("n_public", "declared number of people"))
    return tuple(inputs)


def changed_inputs(outputs: Mapping[str, str]) -> tuple[PublicInput, ...]:
    """A line where the evidence says that writer or prompts were changed after the first noisy answers."""
    if f"{EVIDENCE}/{CHANGED}" not in outputs:
        return ()
    role = "changed after the first noisy answers, before any vote, without looking at the private data"
    return (PublicInput("writer, prompts or settings of generation", role),)


def _pretty(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def synthetic_texts(pool: Pool) -> list[SyntheticText]:
    """The living texts as rows of the release: the label apart, the other card values as attributes."""
    return [_row(candidate) for candidate in pool.alive()]


def _row(candidate: Candidate) -> SyntheticText:
    values = dict(candidate.card.values)
    label = values.pop("label", None)
    return SyntheticText(candidate.id, candidate.text, label, values)


def rows_of(made: Made, claim: str) -> list[SyntheticText]:
    """The rows of the release. Those from private seeds carry the claim and are numbered anew."""
    rows = synthetic_texts(made.pool)
    if not claim:
        return rows
    return [replace(row, id=place, claim=claim) for place, row in enumerate(rows)]


def write_rows(folder: Path, rows: Sequence[SyntheticText], parquet: bytes | None = None) -> dict[str, str]:
    """Write the corpus in every format that can be written here; SHA-256 by file name."""
    formats: list[ExportFormat] = ["jsonl", "csv"]
    if parquet is None and find_spec("pyarrow") is not None:
        formats.append("parquet")
    written = write_corpus(folder, rows, formats)
    if parquet:
        written[PARQUET] = write_atomic(folder / PARQUET, parquet)
    return written


def write_evidence(target: Path, made: Made) -> dict[str, str]:
    """Write what a replay needs: noisy counts, plan, pack, the writer's replies, what failed, and the lives.

    Gives SHA-256 by name of the files that the ledger does not name otherwise. Where texts were made from
    private records, no reply and no life of a text is told.
    """
    target.mkdir()
    for file in (*sorted(made.evidence.glob("release-*.json")), *made.evidence.glob(CHANGED)):
        shutil.copyfile(file, target / file.name)
    shutil.copytree(made.evidence / PACK, target / PACK)
    told = told_toml(made.plan, budget=tells_budget(made.plan))
    written = {PLAN: write_atomic(target / PLAN, told.encode(), PUBLIC_MODE)}
    if not made.is_seeded:
        written[TEXTS] = write_replies(target / TEXTS, made.replies)
        written[VECTORS] = write_atomic(target / VECTORS, made.vectors, PUBLIC_MODE)
        written[CANDIDATES] = write_lives(target / CANDIDATES, made.pool)
    if made.failed:
        written[FAILED] = write_atomic(
            target / FAILED, "".join(f"{k}\n" for k in sorted(made.failed)).encode()
        )
    if (target / CHANGED).exists():
        written[CHANGED] = file_sha256(target / CHANGED)
    return {f"{EVIDENCE}/{name}": sha for name, sha in written.items()}


def write_egress(folder: Path, seen: Sequence[Seen]) -> str:
    """Write which host saw what; gives the SHA-256 of the file."""
    lines = [{k: v for k, v in asdict(line).items() if v not in (None, "")} for line in seen]
    return write_atomic(folder / EGRESS, _pretty({"format": "rpsg-egress/1", "seen": lines}), PUBLIC_MODE)


def write_metadata(folder: Path, made: Made, outputs: Mapping[str, str]) -> str:
    """Write what loaders read about the corpus; gives the SHA-256 of the file."""
    files = {name: sha for name, sha in outputs.items() if name in FORMATS}
    attributes = sorted({name for c in made.pool.alive() for name in c.card.values} - {"label"})
    about = made.plan.corpus.about or made.pack.about
    label, seeded = any("label" in c.card.values for c in made.pool.alive()), made.is_seeded
    told = croissant(
        about,
        files,
        attributes,
        label=label,
        seeded=seeded,
        license_name=made.plan.corpus.license,
        language=made.pack.language,
    )
    return write_croissant(folder, told)


def write_words(folder: Path, facts: Facts) -> dict[str, str]:
    """The summary and the data set's card; SHA-256 by file name."""
    words = {SUMMARY: summary(facts), CARD: card(facts)}
    return {name: write_atomic(folder / name, told.encode(), PUBLIC_MODE) for name, told in words.items()}


def read_release(path: Path, timings: Mapping[str, float] | None = None) -> Run:
    """A finished run from its folder, or from its release folder alone.

    Raises:
        RunError: there is no finished release.
    """
    release = release_folder(path)
    try:
        ledger = json.loads((release / LEDGER).read_text(encoding="utf-8"))
        records = _records(release / CORPUS)
        words = (release / SUMMARY).read_text(encoding="utf-8")
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


def read_any_release(path: Path) -> Run:
    """A finished run that may be a stranger's: its release is copied before it is read, unless it is ours.

    Raises:
        RunError: there is no finished release, or a file of it is damaged.
        VerificationError: the release holds what no release has.
    """
    release = release_folder(path)
    try:
        with readable(release) as folder:
            return replace(read_release(folder), path=release.parent)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise RunError(
            f"{release} holds a file that cannot be read.", hint="Check it with: rpsg verify RUN"
        ) from None


def release_folder(path: Path) -> Path:
    """The release folder: ``path`` itself, or the one inside a run folder.

    Raises:
        RunError: there is no finished release.
    """
    for folder in (path, path / "release"):
        if (folder / LEDGER).is_file():
            return folder
    raise RunError(f"{path} holds no finished run.", hint="Go on with it: the same `rpsg run` command again.")


def _records(path: Path) -> Sequence[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
