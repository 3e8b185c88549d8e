"""Where the models of a method with private seeds may run, and what each of them is sent.

    embedder, sentiment, recogniser, summariser, surrogate    private texts    only on this machine
    writer                                                    records or abstracts of them, in every prompt

A writer on another machine is refused unless the plan allows it (``paper.remote``): "abstracts" for one that
only rewrites what a summariser on this machine made of a record, "records" for one that sums up itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.errors import PrivacyError, UsageError
from rpsg.privacy.checks import speaks_of_a_budget
from rpsg.privacy.egress import Seen, host_of, how_to_stay, is_here
from rpsg.privacy.facts import Egress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.domains import Pack
    from rpsg.methods.tools import Tools
    from rpsg.plan import Plan
    from rpsg.protocols import Recognizer

HERE = {
    "embedder": "private texts, abstracts of them and synthetic texts",
    "sentiment": "private texts, abstracts of them and synthetic texts",
    "recogniser": "private texts, abstracts of them and synthetic texts",
    "summariser": "private texts",
    "surrogate": "synthetic texts, and private ones to score",
    "scorer": "synthetic texts",
}
ALLOWED = {"never": 0, "abstracts": 1, "records": 2}
Carries = Literal["raw_private", "abstracted_private"]


def seed_tools(plan: Plan) -> dict[str, Any]:
    """The models that only methods with private seeds need, by the names of ``Tools``."""
    method = registry.method(plan.method.name)
    if not method.has_seeds:
        return {}
    from rpsg.stages.surrogate import NgramRecipe  # noqa: PLC0415  # numpy

    made: dict[str, Any] = {"recogniser": _recogniser(plan)}
    if method.reads == "records":
        made["surrogate"] = NgramRecipe()
    if method.reads == "records" and plan.paper.surrogate == "transformers":
        from rpsg.models.transformers.surrogate import FineTuned  # noqa: PLC0415  # optional package

        made["surrogate"] = FineTuned(plan.paper.surrogate_model, epochs=plan.paper.surrogate_epochs)
    if plan.paper.abstracter == "summariser":
        from rpsg.models.transformers.summarizer import Seq2SeqSummarizer  # noqa: PLC0415  # optional package

        made["summariser"] = Seq2SeqSummarizer(plan.paper.summariser)
    return made


def _recogniser(plan: Plan) -> Recognizer:
    if plan.paper.recogniser == "presidio":
        from rpsg.models.pii import PresidioRecognizer  # noqa: PLC0415  # optional package

        return PresidioRecognizer(plan.paper.recogniser_model or None)
    from rpsg.models.pii import PatternRecognizer  # noqa: PLC0415  # only these methods need it

    return PatternRecognizer()


def seed_names(pack: Pack, tools: Tools) -> dict[str, str]:
    """The prompts as they are used, and the models that only these methods have, by name."""
    models = {role: getattr(tools, role) for role in ("recogniser", "summariser", "surrogate")}
    names = {role: model.name for role, model in models.items() if model is not None}
    return {"prompts": pack.prompts_sha256, **names}


def carries(plan: Plan) -> Carries:
    """What the prompts of the writer hold."""
    return "raw_private" if plan.paper.abstracter == "writer" else "abstracted_private"


def check_settings(plan: Plan) -> None:
    """See that the plan asks for nothing that its method does not do.

    Raises:
        UsageError: split mode is asked to count what donors' records vote for, without a mechanism; or the
            public words of a method without a guarantee name a budget; labels or donors are not as split
            mode wants them; or the patterns are given a model.
    """
    method = registry.method(plan.method.name)
    if method.has_seeds and plan.paper.recogniser_model and plan.paper.recogniser == "patterns":
        raise UsageError(
            "A recogniser_model is named in [paper], and the recogniser is the patterns, which have none.",
            hint='Set recogniser = "presidio" beside it, or leave recogniser_model out.',
        )
    if method.reads == "donors":
        _check_split(plan)
    elif method.reads == "records":
        pack = find_pack(plan.corpus.domain)
        if speaks_of_a_budget(f"{pack.name} {plan.corpus.about or pack.about}"):
            raise UsageError(
                "The method paper gives no guarantee, so its release may not name an epsilon, and the line "
                "about the corpus does.",
                hint="Say it in other words with --about.",
            )


def _check_split(plan: Plan) -> None:
    if plan.data.label is not None and not plan.data.labels:
        raise UsageError(
            "In split mode the values of the label must be declared.", hint="Name them with --labels a,b,c."
        )
    if plan.split.donor_list and plan.data.user is None:
        raise UsageError(
            "A list of donors names users, and no column says whose a row is.", hint="Name it with --user."
        )
    if plan.paper.selection == "votes":
        raise UsageError(
            "In split mode summaries are not chosen by votes: only voters vote, and for finished texts.",
            hint='Leave [paper] selection at "argmax".',
        )
    if plan.paper.histogram_sigma > 0:
        raise UsageError(
            "Split mode has no histogram of its own: its votes are paid from the privacy budget.",
            hint="Leave [paper] histogram_sigma at 0; [privacy] epsilon sets the noise of the votes.",
        )


def check_places(plan: Plan, tools: Tools) -> None:
    """See that the plan fits its method, and that nobody else is sent what the plan does not allow.

    Raises:
        PrivacyError: a model that is not on this machine would be sent private text.
        UsageError: a summariser is asked for and there is none, or ``check_settings`` finds something.
    """
    check_settings(plan)
    check_sent(plan, tools)
    if plan.paper.abstracter == "summariser" and tools.summariser is None:
        raise UsageError("The plan asks for a summariser, and there is none.")


def check_sent(plan: Plan, tools: Tools) -> None:
    """See that nobody else is sent what the plan does not allow; PrivacyError otherwise."""
    for role, model in _models(tools).items():
        if not is_here(model):
            raise PrivacyError(
                f"The {role} {model.name} runs on {host_of(model)}. It would be sent {HERE[role]}, "
                "and those stay on this machine. Nothing was read.",
                hint=how_to_stay(model),
            )
    needed = "records" if carries(plan) == "raw_private" else "abstracts"
    if not is_here(tools.writer) and ALLOWED[plan.paper.remote] < ALLOWED[needed]:
        raise PrivacyError(
            f"The writer {tools.writer.name} runs on {host_of(tools.writer)} and would be sent "
            f"{'private texts' if needed == 'records' else 'abstracts of private texts'}. Nothing was read.",
            hint=f'Choose a writer of this machine, or allow it in the plan: [paper] remote = "{needed}".',
        )


def _models(tools: Tools) -> Mapping[str, Any]:
    """The models that must be on this machine, by role."""
    found = {role: getattr(tools, role) for role in HERE}
    return {role: model for role, model in found.items() if model is not None}


def seen_places(plan: Plan, tools: Tools) -> list[Seen]:
    """Which host saw what. How many requests there were depends on private texts and is not told."""
    said = {
        "raw_private": "private texts, one in a prompt",
        "abstracted_private": "abstracts, one in a prompt, with sentiment and length of the record",
    }
    lines = [
        Seen(host_of(model), role, model.name, "private", HERE[role])
        for role, model in _models(tools).items()
    ]
    writer = tools.writer
    return [*lines, Seen(host_of(writer), "writer", writer.name, "private", said[carries(plan)])]


def egress_of(plan: Plan, tools: Tools) -> tuple[Egress, ...]:
    """The same for the ledger."""
    mine = [Egress("local_model", "raw_private", model.name) for model in _models(tools).values()]
    return (*mine, Egress(tools.writer.endpoint, carries(plan), tools.writer.name))
