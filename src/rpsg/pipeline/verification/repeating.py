"""Repeats a finished run with its private rows, its noisy answers and its replies; nothing of it is kept.

The writer is not asked again, and no noise is drawn. What depends on private rows goes to the kernel alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg.domains import read_pack
from rpsg.errors import RunError
from rpsg.methods.base import Job
from rpsg.methods.named import budget_of, method_of
from rpsg.pipeline.models_of_run import load_tools
from rpsg.pipeline.people import (
    donors_and_voters,
    held_out_and_used,
    open_seeding,
    people_of,
    with_canaries,
)
from rpsg.pipeline.verification.replay import kept_vectors
from rpsg.privacy.noise import RoundedGaussian
from rpsg.storage.layout import DONORS, EMBEDDINGS, EVIDENCE, PACK
from rpsg.storage.replayed_writer import ReplayedWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.engines.base import Engine
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.privacy.private import Private
    from rpsg.privacy.released import Releases
    from rpsg.protocols import Endpoint, OnReply, Progress, Reply, Request
    from rpsg.records import PrivateCorpus
    from rpsg.stages.contributions import People
    from rpsg.storage.run_folder import RunFolder

    Asked = Callable[[Private[PrivateCorpus]], tuple[People, Engine]]


class WritesNothing:
    """A writer that refuses every request: all texts of the run are stored, and a new text would not be the
    run's.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:  # noqa: ARG002  # refused
        raise RunError("A text of this run is missing from its vault.", hint="Restore the private folder.")


def tools_of_release(folder: RunFolder, plan: Plan, ledger: Mapping[str, Any]) -> tuple[Tools, Tools]:
    """The models that read the private rows of a released run, and those that read its public texts."""
    writer, evidence = str(ledger["egress"][0].get("model", "")), folder.release / EVIDENCE
    if method_of(plan).has_seeds:
        tools = load_tools(plan, WritesNothing(writer))
        return tools, tools
    replayed = ReplayedWriter(evidence, writer)
    tools = load_tools(plan, replayed.replies)
    return tools, replace(tools, writer=replayed, embedder=kept_vectors(evidence, tools))


def repeat(
    folder: RunFolder,
    plan: Plan,
    corpus: Private[PrivateCorpus],
    tools: tuple[Tools, Tools],
    kernel: Releases,
    progress: Progress,
    asked: Asked | None = None,
) -> None:
    """Let the method make its texts again, with what ``kernel`` answers.

    ``tools`` as ``tools_of_release`` gives them. ``asked`` gives the people who are asked, by the rows that
    the run used, and how their sums are made; by default as in the run.
    """
    method, (of_private, of_public) = method_of(plan), tools
    gathered = partial(people_of, plan, folder, of_private, progress)
    seeding, engine = None, None
    _, corpus = held_out_and_used(plan, folder, corpus)
    if method.has_donors:
        donors, corpus = donors_and_voters(plan, folder, corpus)
        seeding = open_seeding(folder, gathered(donors, DONORS), RoundedGaussian())
    if asked is None:
        people = gathered(with_canaries(plan, folder, corpus), EMBEDDINGS)
    else:
        people, engine = asked(corpus)
    pack = read_pack(folder.evidence / PACK)
    sides = (people, kernel, of_public, progress, folder.key, seeding, engine)
    method.synthesize(Job(plan.without_data(), pack, budget_of(plan, pack), *sides))
