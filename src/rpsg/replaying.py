"""The corpus derived again, from a release alone: noisy counts, plan, pack, replies and public models.

No private data is there to be read: the people of a replay have none, and asking them is an error. What
comes out must be the released corpus, byte for byte.
"""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.domains import read_pack
from rpsg.errors import ModelError, RpsgError, UsageError, VerificationError
from rpsg.methods.tools import Job, Tools
from rpsg.plan import resolve
from rpsg.privacy.replay import ReplayKernel
from rpsg.private_side import NoQuestions, nobody
from rpsg.release import CORPUS, EVIDENCE, PACK, PLAN, TEXTS, synthetic_texts, write_rows
from rpsg.report.writing import own_models
from rpsg.results import Check
from rpsg.running import Silent, budget_of, load_tools
from rpsg.store.settled import FAILED, SettledWriter
from rpsg.store.writers import ReplayWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Progress, Writer

REPLAY = "the corpus follows from the evidence"
REGENERATE = "the writer writes the same texts again"
ROLES = ("writer", "embedder", "scorer", "sentiment")


def replay(
    release: Path,
    ledger: Mapping[str, Any],
    models: Mapping[str, str],
    *,
    regenerate: bool,
    progress: Progress | None,
) -> Check:
    """Whether the released corpus comes out again; with ``regenerate`` the writer writes every text again.

    ``models`` says where the models are, by role, when the names in the release do not lead to them. Raises
    UsageError for a role that a replay does not have.
    """
    if strangers := sorted(set(models) - set(ROLES)):
        raise UsageError(
            f"A replay has no model called {strangers[0]!r}.", hint=f"There are: {', '.join(ROLES)}."
        )
    name = REGENERATE if regenerate else REPLAY
    try:
        with tempfile.TemporaryDirectory(prefix="rpsg-replay-") as scratch:
            _derive(
                release,
                ledger,
                Path(scratch),
                models,
                regenerate=regenerate,
                progress=progress or Silent(),
            )
            same = (Path(scratch) / CORPUS).read_bytes() == (release / CORPUS).read_bytes()
    except RpsgError as error:
        return Check(name, ok=False, detail=str(error))
    detail = "byte for byte, without private data" if same else "what comes out differs from corpus.jsonl"
    return Check(name, ok=same, detail=detail)


def _derive(
    release: Path,
    ledger: Mapping[str, Any],
    scratch: Path,
    models: Mapping[str, str],
    *,
    regenerate: bool,
    progress: Progress,
) -> None:
    evidence = release / EVIDENCE
    plan = own_models(release.resolve().parent, _plan(evidence / PLAN))
    plan = plan.model_copy(update={"models": plan.models.model_copy(update=dict(models))})
    pack = read_pack(evidence / PACK)
    _same_pack(pack, ledger)
    budget = budget_of(plan, pack)
    named = _writer_name(ledger)
    tools = _tools(plan, None if regenerate else ReplayWriter(evidence / TEXTS, name=named))
    _same_models(tools, ledger, named)
    tools = replace(tools, writer=SettledWriter(tools.writer, evidence / FAILED))
    kernel = NoQuestions() if budget is None else ReplayKernel(evidence, ledger)
    job = Job(plan, pack, budget, nobody(tools, progress), kernel, tools, progress)
    pool = registry.method(plan.method.name).synthesize(job)
    write_rows(scratch, synthetic_texts(pool))


def _plan(path: Path) -> Plan:
    try:
        return resolve(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError):
        raise VerificationError(f"The evidence holds no readable {path.name}.") from None


def _tools(plan: Plan, writer: Writer | None) -> Tools:
    """The models of the plan. A release tells no path, so some may have to be named by whoever replays it."""
    try:
        return load_tools(plan, writer)
    except (UsageError, ModelError) as error:
        raise VerificationError(
            f"A model of this release was not found here: {error.message}",
            hint=f"{error.hint} If the run had it as a file or folder, say where yours is, for instance: "
            f"rpsg verify RUN --model embedder=PATH (roles: {', '.join(ROLES)}).".strip(),
        ) from None


def _writer_name(ledger: Mapping[str, Any]) -> str:
    models = [str(line.get("model", "")) for line in ledger["egress"]]
    if len(models) != 1:
        raise VerificationError("The ledger does not name one writer.")
    return models[0]


def _same_pack(pack: Pack, ledger: Mapping[str, Any]) -> None:
    """Also where a changed word would lead to the same texts: whoever reads the pack believes it."""
    if pack.sha256 not in {line.get("sha256") for line in ledger["public_inputs"]}:
        raise VerificationError("The domain pack of the evidence is not the one that the ledger names.")


def _same_models(tools: Tools, ledger: Mapping[str, Any], writer: str) -> None:
    """Another embedder would choose other texts: that says nothing about the release."""
    named = {line["name"] for line in ledger["public_inputs"]}
    for model in (tools.embedder, tools.sentiment):
        if model.name not in named:
            raise VerificationError(
                f"This release was made with other models than those here ({model.name} is not among them).",
                hint="Bring the models that the ledger names with: rpsg models pull",
            )
    if tools.writer.name != writer:
        raise VerificationError(f"The writer here is {tools.writer.name}, the ledger names {writer}.")
