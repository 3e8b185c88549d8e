"""Checks of a plan's models: are their weights here, and do they do what they should?"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.methods.named import method_of
from rpsg.models import download as assets
from rpsg.models.build import EMBEDDER_WEIGHTS
from rpsg.models.catalog import CATALOGUE
from rpsg.models.openai.writer import ServerWriter
from rpsg.models.scorer_check import check_scorer
from rpsg.models.server_hints import hint_for
from rpsg.pipeline.forecast import SERVED
from rpsg.protocols import Message, Request
from rpsg.release.run import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.plan import Plan
    from rpsg.protocols import Embedder, Model

_SENTENCES = ("The tea was warm and sweet.", "A cup of hot tea.", "The engine lost its oil.")
#: How long a server may refuse the one request; a run waits longer.
_MOST_SECONDS = 60.0
_GLAD, _ANGRY = "I love it, it is wonderful.", "I hate it, it is terrible."


def model_checks(plan: Plan) -> Iterator[tuple[str, Callable[[], Diagnosis]]]:
    """A check and its name for each model that a run of the plan uses."""
    yield "weights of the writer", lambda: _weights("weights of the writer", plan.models.writer)
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
    """Whether the writer writes a few tokens, for a prompt in the form that a run has."""
    began = time.monotonic()
    models = plan.models
    # One thread: two would busy-wait for each other, which takes three times as long on a busy machine.
    writer = registry.writer(
        models.writer, slots=1, threads=1, context=models.context, form=models.form, server=plan.server
    )
    if isinstance(writer, ServerWriter):
        writer.hurry(_MOST_SECONDS)
    prompt = (Message("system", "You answer with one word."), Message("user", "Say yes."))
    request = Request(prompt, max_tokens=32 if models.writer.partition(":")[0] in SERVED else 1, seed=1)
    (reply,) = writer.write([request])
    took = time.monotonic() - began
    if reply.finish == "error":
        reason = reply.error or "no reason was given"
        return Diagnosis("writer", "fail", f"{writer.name} failed: {reason}", hint_for(reason))
    return Diagnosis("writer", "ok", f"{writer.name} wrote its first token after {took:.1f} s")
