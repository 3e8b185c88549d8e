"""Checks of a plan's models: are their weights here, and do they do what they should?"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.errors import ModelError
from rpsg.methods.named import budget_of, method_of
from rpsg.methods.trial import SAME_FOLDER, TEXTS, require_writer_of
from rpsg.models import download as assets
from rpsg.models.build import EMBEDDER_WEIGHTS
from rpsg.models.catalog import CATALOGUE
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.scorer_check import check_scorer
from rpsg.models.server_hints import hint_for
from rpsg.pipeline.models_of_run import load_tools, trial_job, writer_here
from rpsg.protocols import Message, Request, Silent
from rpsg.release.run import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.plan import Plan
    from rpsg.protocols import Embedder, Model, Writer

WRITERS_WEIGHTS = "weights of the writer"
_SENTENCES = ("The tea was warm and sweet.", "A cup of hot tea.", "The engine lost its oil.")
#: How long a server may refuse the one request; a run waits longer.
_MOST_SECONDS = 60.0
_GLAD, _ANGRY = "I love it, it is wonderful.", "I hate it, it is terrible."


def model_checks(plan: Plan) -> Iterator[tuple[str, Callable[[], Diagnosis]]]:
    """A check and its name for each model that a run of the plan uses."""
    if not plan.engine.is_elsewhere:
        yield WRITERS_WEIGHTS, lambda: _weights(WRITERS_WEIGHTS, plan.models.writer)
    embedder = EMBEDDER_WEIGHTS.get(plan.models.embedder, plan.models.embedder)
    yield "weights of the embedder", lambda: _weights("weights of the embedder", embedder)
    for role, make in method_of(plan).models(plan).items():
        yield role, partial(_made, role, make)
    yield "embedder", lambda: _embedder(plan)
    yield "sentiment", lambda: _sentiment(plan)
    yield "scorer", lambda: _scorer(plan)
    yield "writer", lambda: _writer(plan)


def _weights(name: str, model: str) -> Diagnosis:
    """Whether the files of a model are here, and have the right digests if the model is in the catalogue."""
    if name == WRITERS_WEIGHTS and registry.is_plain(model) and not registry.is_known("writers", model):
        return Diagnosis(name, "warn", f"not looked for: there is no writer {model!r}")
    if model in CATALOGUE:
        assets.check(model)
        return Diagnosis(name, "ok", f"{model} is on this machine, and its digest is right")
    if model.endswith(".gguf"):
        assets.locate(model)
        return Diagnosis(name, "ok", "the file is on this machine; RPSG knows no digest to compare it with")
    return Diagnosis(name, "ok", f"{model} needs no weights that RPSG knows of")


def _made(name: str, make: Callable[[], Model]) -> Diagnosis:
    """Make the model, which needs packages, weights in a safe format and memory for them."""
    return Diagnosis(name, "ok", f"{make().name}: it can be loaded")


def _made_embedder(plan: Plan) -> Embedder:
    return registry.embedder(plan.models.embedder, threads=plan.models.threads, server=plan.server)


def _embedder(plan: Plan) -> Diagnosis:
    """Whether rows have unit length, and similar texts are nearer than others."""
    began = time.monotonic()
    embedder = _made_embedder(plan)
    rows = embedder.embed(_SENTENCES)
    took = time.monotonic() - began
    if rows.shape != (len(_SENTENCES), embedder.dim) or abs((rows**2).sum(axis=1) - 1).max() > 1e-3:
        return Diagnosis("embedder", "fail", "its rows are not of unit length", "Choose another --embedder.")
    near, far = float(rows[0] @ rows[1]), float(rows[0] @ rows[2])
    detail = f"{embedder.name}: rows of {embedder.dim} numbers in {took:.1f} s"
    if near <= far:
        return Diagnosis(
            "embedder",
            "warn",
            f"{detail}, but similar texts do not get similar rows",
            "Try another --embedder.",
        )
    return Diagnosis("embedder", "ok", detail)


def _sentiment(plan: Plan) -> Diagnosis:
    """Whether a happy sentence and an angry one get different sentiments."""
    embedder = _made_embedder(plan)
    classifier = registry.sentiment(embedder, plan.models.sentiment, threads=plan.models.threads)
    texts = (_GLAD, _ANGRY)
    found = classifier.classify(texts, embedder.embed(texts))
    if found[0] == found[1]:
        detail = f"{classifier.name} calls a happy sentence and an angry one both {found[0]}"
        return Diagnosis("sentiment", "warn", detail, "Choose another --sentiment.")
    return Diagnosis("sentiment", "ok", f"{classifier.name}: tells a happy sentence from an angry one")


def _scorer(plan: Plan) -> Diagnosis:
    """Whether the scorer finds English more likely than the same words shuffled."""
    if plan.models.scorer is None:
        return Diagnosis("scorer", "ok", "the plan names none")
    scorer = registry.scorer(plan.models.scorer, threads=plan.models.threads)
    if plan.models.scorer == "fake":  # all other scorers were checked when they were loaded
        check_scorer(scorer)
    return Diagnosis("scorer", "ok", f"{scorer.name}: its probabilities pass the check")


def _writer(plan: Plan) -> Diagnosis:
    """Whether the writer can be used, judged as a run judges it before it reads private data.

    If another model cannot be loaded, or the method does not test its writer, one short reply is enough.
    """
    method = method_of(plan)
    if plan.engine.is_elsewhere:
        return Diagnosis("writer", "warn", "it is on the nodes of the cluster, and is not tested from here")
    writer = writer_here(plan)
    if isinstance(writer, ServerWriter):
        writer.hurry(_MOST_SECONDS)
    if not method.tries_writer and method.trial is None:
        return _one_reply(writer)
    try:
        tools = load_tools(plan, writer)
    except Exception:  # noqa: BLE001  # the check of that model says why
        return _one_reply(writer)
    noted, began = Noted(), time.monotonic()
    pack = find_pack(plan.corpus.domain)
    try:
        require_writer_of(method, trial_job(plan, pack, budget_of(plan, pack), tools, noted))
    except ModelError as error:
        return Diagnosis("writer", "fail", error.message, error.hint.removesuffix(SAME_FOLDER))
    took = time.monotonic() - began
    detail = noted.said or f"{writer.name} was tested on {TEXTS} public prompts; all replies can be used"
    return Diagnosis("writer", "ok", f"{detail.removesuffix('.')} ({took:.1f} s)")


def _one_reply(writer: Writer) -> Diagnosis:
    """Whether the writer writes anything, for a prompt in the form that a run has."""
    began = time.monotonic()
    prompt = (Message("system", "You answer with one word."), Message("user", "Say yes."))
    (reply,) = writer.write([Request(prompt, max_tokens=32, seed=1)])
    took = time.monotonic() - began
    if reply.finish == "error":
        reason = reply.error or "no reason was given"
        return Diagnosis("writer", "fail", f"{writer.name} failed: {reason}", hint_for(reason))
    return Diagnosis("writer", "ok", f"{writer.name} answered after {took:.1f} s; its reply was not judged")


class Noted(Silent):
    """Progress that keeps what was noted last."""

    said = ""

    def note(self, message: str) -> None:
        self.said = message
