"""What RPSG needs to know about the method dpsgd: settings, who sees what, what a release says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.methods.base import Workload
from rpsg.methods.seeded import refuse_budget_words
from rpsg.models.transformers.dp_training import Recipe, Trainer
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.privacy.egress import EgressRule
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.stages.cards import CardModel
from rpsg.stages.prompts import words_asked
from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.domains import Pack
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan

#: The number of texts is multiplied by this, because filters drop some. Texts that are still missing are then
#: written in at most this many further attempts.
OVERSAMPLE, ATTEMPTS = 1.25, 4
TRAINED = "texts, and their values of the public schema, through clipped gradients with noise"
COUNTED = "how often each value of the public schema occurs, with noise"
RESEARCH = (
    "For research, not a claim: the noise of the training is floating point and not from the secure source."
)


def codes_in_words(pack: Pack, values: Mapping[str, str]) -> str:
    """The control codes of a text, in the order of the schema: "topic: olive oil | sentiment: positive"."""
    told = [f"{a.name}: {values[a.name]}" for a in pack.attributes if a.counted and a.name in values]
    return f"{' | '.join(told)}\n\n"


def make_trainer(plan: Plan) -> Trainer:
    """The weights that the plan has trained, and how."""
    s = plan.dpsgd
    recipe = Recipe(
        s.tuning, s.rank, s.steps, s.batch, s.clip, s.learning_rate, s.tokens, plan.generation.seed
    )
    return Trainer(plan.models.writer, recipe, threads=plan.models.threads)


def check(plan: Plan) -> None:
    """Check that the plan asks for nothing that this DP-SGD cannot do.

    Raises:
        UsageError: the writer has no weights on this machine, label values are not declared, neighbours are
            data sets with a person replaced, or the public words name a budget.
    """
    form, _, name = plan.models.writer.partition(":")
    if plan.models.writer == "fake" or (name and form not in {"transformers", "hf"}):
        raise UsageError(
            f"The writer {plan.models.writer} has no weights that RPSG can train.",
            hint="Name weights, for instance: --writer smollm2-135m, or --writer transformers:OWNER/REPO",
        )
    if plan.data.label is not None and not plan.data.labels:
        raise UsageError(
            "The method dpsgd uses the values of the label as control codes, so they must be declared.",
            hint="Name them with --labels a,b,c.",
        )
    if plan.privacy.adjacency == "replace_one":
        raise UsageError(
            "The accounting of DP-SGD covers adding or removing a person, but not replacing one.",
            hint="Use --adjacency add_remove.",
        )
    refuse_budget_words(plan)


def cautions(plan: Plan) -> tuple[str, ...]:
    """What the operator should know before a run."""
    s, privacy = plan.dpsgd, plan.privacy
    by = (
        f"for which an accountant computes epsilon {privacy.epsilon:g} at delta {privacy.delta:g}"
        if s.noise_multiplier is None
        else f"of the multiplier {s.noise_multiplier:g}, as the plan says"
    )
    noise = (
        f"DP-SGD with noise {by}. {RESEARCH} The release claims nothing, and the account notes that "
        "these texts were read without a bound."
    )
    people = (
        "The probability that a person takes part in a step depends on the number of people. This method "
        "treats that number as public. If it is public, declare it with --n-public."
    )
    if privacy.n_public is not None:
        rate = min(1.0, s.batch / privacy.n_public)
        people = f"Each of {privacy.n_public:,} people takes part in a step with probability {rate:.3g}."
    return noise, people


def claim_words(plan: Plan, tools: Tools) -> str:
    """The sentences of a release: what was done, without a figure of it."""
    what = "low-rank adapters" if plan.dpsgd.tuning == "lora" else "all of its weights"
    noise = (
        "No noise was added"
        if plan.dpsgd.noise_multiplier == 0
        else "The noise of the training was floating point and not from a secure source"
    )
    return (
        f"{NO_GUARANTEE} A copy of a public model was trained on the private texts by DP-SGD ({what}; it is "
        f"{tools.writer.name}) and wrote the corpus. {noise}, so this is for research, and nothing here "
        "bounds what the release reveals about a private text. Audit: not run."
    )


EGRESS = (
    EgressRule("reading", "embedder", "private", "here", "private texts and synthetic texts", "raw_private"),
    EgressRule("describing", "sentiment", "private", "here", "private texts", "raw_private"),
    EgressRule("filtering", "scorer", "private", "here", "synthetic texts", "raw_private"),
    EgressRule("training", "writer", "private", "here", "private texts, to be trained on", "raw_private"),
)


def flows(plan: Plan, tools: Tools) -> tuple[UnprotectedFlow, ...]:  # noqa: ARG001  # the signature of all such functions
    """The ways in which private text reached the release of a finished run, in order."""
    counted = (UnprotectedFlow("records", "cards", COUNTED),) if plan.dpsgd.cards else ()
    return (UnprotectedFlow("records", "training", TRAINED), *counted)


def workload(plan: Plan, pack: Pack) -> Workload:
    """How much the trained model will be asked to write; training is not included."""
    texts = math.ceil(OVERSAMPLE * plan.corpus.size)
    cards = CardModel.uniform(pack).draw(min(texts, 200), stream(plan.generation.seed, "preview"))
    words = sum(words_asked(pack, card.values) for card in cards) / len(cards)
    codes = texts * sum(len(codes_in_words(pack, card.values)) for card in cards) / len(cards) / 4.2
    return Workload(
        candidates=texts,
        requests=texts,
        prompt=round(codes),
        computed_prompt=round(codes),
        completion=round(texts * words * 1.35),
        most_requests=ATTEMPTS * texts,
        most_tokens=None,
    )


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:  # noqa: ARG001  # the signature of all such functions
    """Sentences for ``rpsg plan``."""
    s = plan.dpsgd
    trained = f"{plan.models.writer} is trained for {s.steps:,} steps of about {s.batch:,} people"
    return (f"{trained}; the forecast does not include the time for this.",)
