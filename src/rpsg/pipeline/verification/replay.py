"""Rebuilds a release from the release alone: noisy answers, plan, pack, replies and public models.

There is no private data: the people of a replay have none, and reading them is an error. The result must
equal the release, byte for byte. If texts were made from private texts, only the operator can derive
them, so the rows are used unchanged, and everything else is made from the rows, plan, pack and evidence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rpsg.disk.json_text import strict_json
from rpsg.errors import ModelError, UsageError, VerificationError
from rpsg.machine.processes import HERE
from rpsg.methods.base import Job, Tools
from rpsg.models.catalog import KNOWN, check_known
from rpsg.pipeline.ledger_facts import sigma_told
from rpsg.pipeline.made import Made
from rpsg.pipeline.models_of_run import load_tools
from rpsg.pipeline.people import nobody
from rpsg.pipeline.private_data import NoQuestions
from rpsg.pipeline.verification.claimed import (
    check_amount,
    check_changed,
    check_ways,
    earlier_writers,
    named_tools,
    told_readers,
)
from rpsg.plan import EngineSection
from rpsg.privacy.claims import FIRST_FORM
from rpsg.privacy.evidence import checked_text
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.privacy.first_words import as_in
from rpsg.privacy.replay import ReplayKernel
from rpsg.privacy.sources import TOKENS, noisy_answers
from rpsg.protocols import Silent
from rpsg.records import Candidate, Card, Pool
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.layout import CORPUS, FAILED, VECTORS
from rpsg.storage.public_vectors import PublicVectors, read_vectors
from rpsg.storage.replayed_writer import ReplayedWriter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from rpsg.machine.processes import Processes
    from rpsg.pipeline.verification.claimed import Claimed
    from rpsg.plan import Plan
    from rpsg.privacy.released import Performed
    from rpsg.protocols import Progress, Writer

ROLES = tuple(KNOWN)


def check_roles(models: Mapping[str, str]) -> None:
    """Raise UsageError if ``models`` names a role that a replay does not have."""
    if unknown := sorted(set(models) - set(ROLES)):
        raise UsageError(
            f"A replay has no model called {unknown[0]!r}.", hint=f"There are: {', '.join(ROLES)}."
        )


def made_again(
    claimed: Claimed,
    plan: Plan,
    models: Mapping[str, str],
    plugins: Collection[str],
    progress: Progress | None,
    processes: Processes = HERE,
) -> Made:
    """What the release was made from. All of it is derived, except for what only its ledger can say.

    Args:
        claimed: the release.
        plan: its plan, with the models that may be opened here.
        models: the models that the caller named, by role.
        plugins: names of third-party models that the caller allows.
        progress: receives progress.
        processes: share what can be divided.

    Raises:
        RpsgError: something does not follow; the sentence says what.
    """
    if claimed.method.has_seeds:
        return _from_rows(claimed, progress or Silent())
    return _from_replies(claimed, plan, models, plugins, progress or Silent(), processes)


class _Replayed:
    """Progress of a replay: no line says that budget was spent, because a replay spends none."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.start, self.advance, self.note = progress.start, progress.advance, progress.note

    def done(self, **facts: object) -> None:
        self._progress.done(**{name: fact for name, fact in facts.items() if name != "epsilon_spent"})


def _from_replies(
    claimed: Claimed,
    plan: Plan,
    models: Mapping[str, str],
    plugins: Collection[str],
    progress: Progress,
    processes: Processes,
) -> Made:
    """Run the method again, with the noisy answers and the replies of the evidence."""
    settled = ReplayedWriter(claimed.evidence, claimed.writer.name)
    replies = settled.replies
    drawn = sum(int(line["dim"]) for line in noisy_answers(claimed.ledger) if line["kind"] == TOKENS)
    check_amount(claimed, len(replies) + len(settled.failed) + drawn)
    tools = load_known(plan, models, plugins, replies)
    _same_models(claimed, tools)
    check_ways(claimed, replace(tools, writer=claimed.writer))
    kernel = None if claimed.budget is None else ReplayKernel(claimed.evidence, claimed.ledger)
    vectors = kept_vectors(claimed.evidence, tools)
    ours = replace(tools, writer=settled, embedder=vectors)
    job = _job(claimed, ours, kernel, _Replayed(progress), processes)
    pool = claimed.method.synthesize(job)
    return Made(
        claimed.plan,
        claimed.pack,
        claimed.budget,
        pool,
        replace(tools, writer=claimed.writer),
        claimed.evidence,
        _performed(claimed, kernel),
        replies.some(settled.asked),
        vectors.chunks(),
        settled.failed & settled.asked,
        len(settled.asked),
        earlier_writers(claimed),
        readers=told_readers(claimed),
        first_form=claimed.ledger["code"]["version"] in FIRST_FORM,
    )


def _from_rows(claimed: Claimed, progress: Progress) -> Made:
    """Use the rows unchanged, and repeat the queries to voters."""
    tools, pool = named_tools(claimed), _read_rows(claimed)
    changed = check_changed(claimed)
    check_ways(claimed, tools)
    ledger = claimed.ledger
    version = ledger["code"]["version"]
    expected = tuple(
        replace(flow, what=as_in(version, flow.what)) for flow in claimed.method.flows_of(claimed.plan, tools)
    )
    flows = tuple(UnprotectedFlow(f["from"], f["to"], f["what"]) for f in ledger["non_dp_flows"])
    if _of_one_writer(flows, expected, tools.writer.name, changed=changed) != expected:
        raise VerificationError("The reads of private text in the ledger are not those that this plan makes.")
    kernel = None
    if claimed.method.retell is not None:
        kernel = ReplayKernel(claimed.evidence, ledger)
        claimed.method.retell(_job(claimed, tools, kernel, progress), kernel, len(pool))
    return Made(
        claimed.plan,
        claimed.pack,
        claimed.budget,
        pool,
        tools,
        claimed.evidence,
        _performed(claimed, kernel),
        noise=ledger["rng"]["source"],
        sigma=sigma_told(ledger["claim"]["text"]),
        flows=flows,
    )


def _read_rows(claimed: Claimed) -> Pool:
    """The texts of a release from private seeds, from its rows: they cannot be derived.

    Raises:
        VerificationError: a row is not as this method writes rows.
    """
    labels, pack = claimed.plan.data.label_values, claimed.pack
    allowed = {a.name for a in pack.attributes} | {"sentiment"}
    found = []
    try:
        with (claimed.folder / CORPUS).open("rb") as lines:
            for index, line in enumerate(lines):
                row = strict_json(line)
                values = {str(name): checked_text(value) for name, value in row["attributes"].items()}
                if row["id"] != index or not values.keys() <= allowed:
                    raise VerificationError(
                        f"Line {index + 1} of {CORPUS} is not a row that a release of this method can have."
                    )
                if "label" in row:
                    values["label"] = checked_text(row["label"])
                    if claimed.plan.data.label is None or (labels and values["label"] not in labels):
                        raise VerificationError(
                            f"Line {index + 1} of {CORPUS} has a label that no plan names."
                        )
                found.append(Candidate(index, checked_text(row["text"]), Card(values)))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise VerificationError(f"{CORPUS} cannot be read.") from None
    return Pool(tuple(found))


def _of_one_writer(
    flows: tuple[UnprotectedFlow, ...], expected: tuple[UnprotectedFlow, ...], writer: str, *, changed: bool
) -> tuple[UnprotectedFlow, ...]:
    """The flows of a run whose writer was changed, with the last writer in place of the earlier ones."""
    if not changed:
        return flows
    to_writer = {(flow.origin, flow.what) for flow in expected if flow.to == writer}
    return tuple(
        dict.fromkeys(replace(f, to=writer) if (f.origin, f.what) in to_writer else f for f in flows)
    )


def written_again(
    claimed: Claimed,
    plan: Plan,
    models: Mapping[str, str],
    plugins: Collection[str],
    progress: Progress | None,
    processes: Processes = HERE,
) -> Pool:
    """The pool with texts that the writer writes again; with the arguments and errors of ``made_again``."""
    tools = load_known(plan, models, plugins, None)
    if tools.writer.name != claimed.writer.name:
        raise VerificationError(
            f"The writer here is {tools.writer.name}, but the ledger names {claimed.writer.name}."
        )
    settled = SettledWriter(tools.writer, claimed.evidence / FAILED)
    kernel = None if claimed.budget is None else ReplayKernel(claimed.evidence, claimed.ledger)
    tools = replace(tools, writer=settled, embedder=kept_vectors(claimed.evidence, tools))
    return claimed.method.synthesize(_job(claimed, tools, kernel, progress or Silent(), processes))


def kept_vectors(evidence: Path, tools: Tools) -> PublicVectors:
    """The embedder, but with the rounded embeddings that the run kept."""
    return PublicVectors(tools.embedder, read_vectors(evidence / VECTORS, tools.embedder.dim))


def _job(
    claimed: Claimed,
    tools: Tools,
    kernel: ReplayKernel | None,
    progress: Progress,
    processes: Processes = HERE,
) -> Job:
    people = nobody(
        tools, progress, "A replay asked for private data; the evidence of this run is not complete."
    )
    asked = kernel or NoQuestions()
    return Job(
        claimed.plan, claimed.pack, claimed.budget, people, asked, tools, progress, processes=processes
    )


def _performed(claimed: Claimed, kernel: ReplayKernel | None) -> Performed | None:
    if kernel is None or claimed.budget is None:
        return None
    return kernel.performed(claimed.budget, str(claimed.ledger["rng"]["source"]))


def load_known(
    plan: Plan, models: Mapping[str, str], plugins: Collection[str], writer: Writer | None
) -> Tools:
    """The models of a plan; ``models`` replaces some by role, and ``writer`` the plan's writer.

    Raises:
        VerificationError: the plan names a model that may not be opened, or that is not here.
    """
    opened = [role for role in ROLES if role != "writer" or writer is None]
    check_known(plan, opened, models, plugins)
    # Loaded on this machine, because checking a release must not connect to a cluster.
    here = {"models": plan.models.model_copy(update=dict(models)), "engine": EngineSection()}
    plan = plan.model_copy(update=here)
    try:
        return load_tools(plan, writer)
    except (UsageError, ModelError) as error:
        raise VerificationError(
            f"A model of this release was not found on this machine: {error.message}",
            hint=f"{error.hint} If the run read this model from a file or folder, name yours, for instance: "
            f"rpsg verify RUN --model embedder=PATH (roles: {', '.join(ROLES)}).".strip(),
        ) from None


def _same_models(claimed: Claimed, tools: Tools) -> None:
    """Refuse other models: if another embedder chooses other texts, that shows nothing about the release."""
    named = {line["name"] for line in claimed.ledger["public_inputs"]}
    for model in (tools.embedder, tools.sentiment):
        if model.name not in named:
            raise VerificationError(
                f"This release was made with models that differ from those on this machine ({model.name} is "
                "not among them).",
                hint="Download the models that the ledger names with: rpsg models pull",
            )
