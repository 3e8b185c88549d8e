"""What RPSG needs to know about private prediction: its cost, its model, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg.errors import InfeasibleError, UsageError
from rpsg.methods.base import Workload
from rpsg.models.fake import FakeLogits
from rpsg.models.transformers.logits import TransformersLogits
from rpsg.privacy.accounting import Budget, StagePlan, calibrate
from rpsg.privacy.egress import EgressRule
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.token_sampling import RULE, SCALE, largest_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Contexts, LogitSource

#: The only question, and its share of mu squared: all of it, less a rounding error.
STAGE, SHARE = "tokens", 1.0
#: The model reads private texts, on this machine; what it is sent is not covered by the claim.
EGRESS = (
    EgressRule("reading", "embedder", "dp_outputs", "here", "synthetic texts"),
    EgressRule("drawing", "mechanisms", "private", "here", "logits from private texts; they release tokens"),
    EgressRule("filtering", "scorer", "dp_outputs", "here", "synthetic texts"),
    EgressRule("predicting", "writer", "private", "here", "private texts as examples", "raw_private"),
)


def groups_of(plan: Plan) -> int:
    """The number of groups into which people are divided: one group for each text, and the groups that are
    not used.

    If more people are declared than ``batch`` for each text, the others are in groups without a text.
    """
    size, people = plan.corpus.size, plan.privacy.n_public or 0
    return max(size, people // plan.prediction.batch)


def budget(plan: Plan, pack: Pack) -> Budget:  # noqa: ARG001  # the signature of all budgets
    """All of epsilon for the tokens of one text: each person takes part in one text only. The clip w is the
    largest that the budget allows; the noise of a draw is fixed.

    Raises:
        InfeasibleError: the budget does not even allow a clip of one step.
    """
    privacy, k, c = plan.privacy, plan.prediction.tokens, plan.records_per_unit
    mu = mu_for(privacy.epsilon, privacy.delta) * (1 - 1e-6)
    w = largest_clip(mu, k, c, doubled=privacy.adjacency == "replace_one")
    if w < 1:
        raise InfeasibleError(
            "The privacy budget is too small for this number of tokens.",
            hint="Raise --epsilon, or ask for fewer tokens.",
        )
    tokens = StagePlan(STAGE, SHARE, RULE, k=k, w=w, c=c, words="which token comes next in each text")
    return calibrate(privacy.epsilon, privacy.delta, [tokens], adjacency=privacy.adjacency)


def clip_of(plan: Plan, planned: Budget) -> float:
    """The clip in logits: how far a person can move a logit before the average over ``batch`` people is
    taken.
    """
    return planned.releases[0].w / SCALE * plan.prediction.batch * plan.prediction.temperature


def make_source(plan: Plan) -> LogitSource:
    """The model that the plan names as its writer.

    Raises:
        MissingExtraError, ModelError: as ``TransformersLogits``.
    """
    if plan.models.writer == "fake":
        return FakeLogits()
    return TransformersLogits(
        plan.models.writer, threads=plan.models.threads, precision=plan.prediction.precision
    )


class _Later:
    """The model of a plan, opened at its first use: a release is verified without it."""

    endpoint = "local_model"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @property
    def _source(self) -> LogitSource:
        if not hasattr(self, "_opened"):
            self._opened = make_source(self._plan)
        return self._opened

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def pieces(self) -> Sequence[str | None]:
        return self._source.pieces

    def begin(self, before: str, texts: Sequence[str], after: str, **bounds: int) -> Contexts:
        return self._source.begin(before, texts, after, **bounds)


def models(plan: Plan) -> Mapping[str, Callable[[], Any]]:
    """One model for two roles: it replaces the writer, and its logits are read."""
    return {"writer": partial(make_source, plan), "logits": partial(_Later, plan)}


def check(plan: Plan) -> None:
    """Check that the plan asks for nothing that this method does not do.

    Raises:
        UsageError: the model does not run here, there are labels, or the noise is to come from OpenDP.
    """
    form, _, name = plan.models.writer.partition(":")
    if name and form not in {"transformers", "hf"}:
        raise UsageError(
            f"The writer {plan.models.writer} does not show its logits.",
            hint="Name weights, for instance: --writer smollm2-135m, or --writer transformers:OWNER/REPO",
        )
    if plan.data.label is not None:
        raise UsageError(
            "The method private-prediction makes texts without labels.", hint="Leave --label out."
        )
    if plan.privacy.noise != "os":
        raise UsageError(
            "Tokens are drawn by RPSG itself, not by OpenDP.", hint="Leave [privacy] noise at its default."
        )


def workload(plan: Plan, pack: Pack) -> Workload:  # noqa: ARG001  # the signature of all such functions
    """No writer is asked for anything; ``explain`` describes what the model computes instead."""
    size, s = plan.corpus.size, plan.prediction
    return Workload(
        candidates=size,
        requests=0,
        prompt=0,
        computed_prompt=size * (s.batch + 1) * s.reference_tokens,
        completion=size * (s.batch + 1) * s.tokens,
        most_requests=0,
        most_tokens=None,
    )


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """How much each person can change a logit, and how many people the plan is made for."""
    s, size = plan.prediction, plan.corpus.size
    clip = clip_of(plan, budget(plan, pack))
    made_for = (
        f"Each text of at most {s.tokens} tokens is drawn from what about {s.batch} people wrote: the "
        f"plan is made for about {size * s.batch:,} people."
    )
    heard = (
        f"Each of them can change a logit by at most {clip:.2f} before the average is taken; a limit of "
        "about 2 or more cuts off little of what they say."
    )
    return made_for, heard


def cautions(plan: Plan) -> tuple[str, ...]:
    """What is not covered."""
    told = (
        f"The model {plan.models.writer} reads private texts, on this machine. The claim covers the tokens "
        "that are drawn from the model, but not what the model reads."
    )
    return (told,)
