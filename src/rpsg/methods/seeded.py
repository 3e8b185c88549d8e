"""What the methods with private seeds, paper and split, share besides their steps.

    embedder, sentiment, recogniser, summariser, surrogate    private texts    only on this machine
    writer                                                    records or abstracts of them, in every prompt

A writer on another machine is refused unless the plan allows it (``paper.remote``): "abstracts" if it only
rewrites what a summariser on this machine made of a record, "records" if it summarises records itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.domains import find_pack
from rpsg.errors import UsageError
from rpsg.methods.paper_steps import IN_PROMPTS, retained
from rpsg.methods.seed_steps import CHOSEN, EMBEDDINGS, SEEN, SUMMED_UP, TEXTS
from rpsg.privacy.checks import speaks_of_a_budget
from rpsg.privacy.egress import EgressRule
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.stages.partition import listed
from rpsg.stages.surrogate import NgramRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.methods.base import Tools
    from rpsg.plan import Plan
    from rpsg.stages.abstraction import Summarizer
    from rpsg.stages.surrogate import SurrogateTrainer

ALL_TEXTS = "private texts, abstracts of them, and synthetic texts"
_TORCH = {"torch": "hf", "transformers": "hf"}
ALLOWED = {"never": 0, "abstracts": 1, "records": 2}

#: Settings without effect in the method paper, and how a user writes them.
NO_BUDGET = {
    ("data", "passage_words"): "--passage-words",
    ("privacy", "epsilon"): "--epsilon",
    ("privacy", "delta"): "--delta",
    ("privacy", "adjacency"): "--adjacency",
    ("privacy", "max_records_per_user"): "--max-records-per-user",
    ("privacy", "n_public"): "--n-public",
    ("privacy", "lifetime_epsilon"): "--lifetime-epsilon",
    ("privacy", "shares"): "[privacy.shares]",
    ("method", "rounds"): "--rounds",
    ("method", "oversample"): "--oversample",
    ("method", "votes_per_record"): "[method] votes_per_record",
    ("method", "hub_correction"): "[method] hub_correction",
    ("method", "uniform_mix"): "[method] uniform_mix",
    ("method", "phrases_per_record"): "[method] phrases_per_record",
    ("models", "scorer"): "[models] scorer",
    ("split", "donors"): "[split] donors",
    ("split", "donor_list"): "[split] donor_list",
}

# -- models -----------------------------------------------------------------------------------------------


def seed_models(plan: Plan) -> dict[str, Callable[[], Any]]:
    """How to make each model that only methods with private seeds need, by the names of ``Tools``."""
    makers: dict[str, Callable[[], Any]] = {
        "recogniser": partial(registry.recognizer, plan.paper.recogniser, model=plan.paper.recogniser_model)
    }
    if plan.paper.abstracter == "summariser":
        makers["summariser"] = partial(_summarizer, plan)
    return makers


def paper_models(plan: Plan) -> dict[str, Callable[[], Any]]:
    """As ``seed_models``, and the surrogate that scores texts for the filters of the method paper."""
    return {**seed_models(plan), "surrogate": partial(_surrogate, plan)}


def seed_packages(plan: Plan) -> dict[str, str]:
    """The modules that these models import, each with the extra that installs it."""
    recogniser = {"presidio_analyzer": "pii"} if plan.paper.recogniser == "presidio" else {}
    return {**recogniser, **(_TORCH if plan.paper.abstracter == "summariser" else {})}


def paper_packages(plan: Plan) -> dict[str, str]:
    """As ``seed_packages``, for the method paper."""
    return {**seed_packages(plan), **(_TORCH if plan.paper.surrogate == "transformers" else {})}


def _summarizer(plan: Plan) -> Summarizer:
    from rpsg.models.transformers.summarizer import Seq2SeqSummarizer  # noqa: PLC0415  # optional package

    return Seq2SeqSummarizer(plan.paper.summariser)


def _surrogate(plan: Plan) -> SurrogateTrainer:
    if plan.paper.surrogate != "transformers":
        return NgramRecipe()
    from rpsg.models.transformers.surrogate import FineTuned  # noqa: PLC0415  # optional package

    return FineTuned(plan.paper.surrogate_model, epochs=plan.paper.surrogate_epochs)


# -- who is sent what -------------------------------------------------------------------------------------


def split_egress(plan: Plan) -> tuple[EgressRule, ...]:
    """Which model is sent what, and where it may run."""
    return tuple(way for way in paper_egress(plan) if way.role != "surrogate")


def paper_egress(plan: Plan) -> tuple[EgressRule, ...]:
    """Which model is sent what in the method paper, and where it may run."""
    sees = {
        "embedder": ALL_TEXTS,
        "sentiment": ALL_TEXTS,
        "recogniser": ALL_TEXTS,
        "summariser": "private texts",
        "surrogate": "synthetic texts, and private texts to score",
        "scorer": "synthetic texts",
    }
    if sums_up(plan):
        del sees["summariser"]
    here = [
        EgressRule("seeding", role, "private", "here", what, "raw_private") for role, what in sees.items()
    ]
    return (*here, _writer_way(plan))


def _writer_way(plan: Plan) -> EgressRule:
    if sums_up(plan):
        needed, said = "records", "private texts, one per prompt"
    else:
        needed, said = (
            "abstracts",
            "abstracts of private texts, one per prompt, with the sentiment and the length of the text",
        )
    return EgressRule(
        "writing",
        "writer",
        "private",
        "anywhere" if ALLOWED[plan.paper.remote] >= ALLOWED[needed] else "here",
        said,
        "raw_private" if sums_up(plan) else "abstracted_private",
        f'Choose a writer on this machine, or allow another one in the plan: [paper] remote = "{needed}".',
    )


def sums_up(plan: Plan) -> bool:
    """Whether the writer summarises the records itself, so that its prompts hold them."""
    return plan.paper.abstracter == "writer"


def split_flows(plan: Plan, tools: Tools) -> tuple[UnprotectedFlow, ...]:
    """The unprotected reads of a finished run of this plan, in order, as in its journal. The list does not
    depend on the texts.
    """
    return _seed_flows(plan, tools, "records of donors")


def paper_flows(plan: Plan, tools: Tools) -> tuple[UnprotectedFlow, ...]:
    """The unprotected reads of a finished run of the method paper, in order, as in its journal."""
    records, paper = "records", plan.paper
    found = list(_seed_flows(plan, tools, records))
    if paper.histogram_sigma > 0:
        found.append(UnprotectedFlow(records, "histogram of votes", EMBEDDINGS))
    if retained(plan) < 1:
        found.append(UnprotectedFlow(records, "cosine filter", EMBEDDINGS))
    if paper.filters != "early":
        found.append(
            UnprotectedFlow(records, f"nll filter under {(tools.surrogate or NgramRecipe()).name}", TEXTS)
        )
    return tuple(found)


def _seed_flows(plan: Plan, tools: Tools, records: str) -> tuple[UnprotectedFlow, ...]:
    reader = tools.writer if sums_up(plan) else tools.summariser
    votes = (
        (UnprotectedFlow(records, "votes for summaries", EMBEDDINGS),)
        if plan.paper.selection == "votes"
        else ()
    )
    return (
        UnprotectedFlow(records, "seeds", SEEN),
        UnprotectedFlow("seeds", "" if reader is None else reader.name, SUMMED_UP),
        UnprotectedFlow("summaries of seeds", "choice", CHOSEN),
        *votes,
        UnprotectedFlow("abstracts of seeds", tools.writer.name, IN_PROMPTS),
    )


# -- settings ---------------------------------------------------------------------------------------------


def check_paper(plan: Plan) -> None:
    """Check that the plan asks for nothing that the method paper does not do.

    Raises:
        UsageError: its public words name a budget, or a model is named for a recognizer that has none.
    """
    _check_recognizer(plan)
    refuse_budget_words(plan)


def refuse_budget_words(plan: Plan) -> None:
    """UsageError if the public words of a plan without a guarantee name a budget."""
    pack = find_pack(plan.corpus.domain)
    if speaks_of_a_budget(f"{pack.name} {plan.corpus.about or pack.about}"):
        raise UsageError(
            f"The method {plan.method.name} gives no guarantee, so its release may not name an epsilon, but "
            "the line about the corpus names one.",
            hint="Say it in other words with --about.",
        )


def check_split(plan: Plan) -> None:
    """Check that the plan asks for nothing that split mode does not do.

    Raises:
        UsageError: donors' records are to be counted without a mechanism; labels or donors are declared
            wrongly; the list of donors cannot be read; or a model is named for a recognizer that has none.
    """
    _check_recognizer(plan)
    if plan.data.label is not None and not plan.data.labels:
        raise UsageError(
            "In split mode the values of the label must be declared.", hint="Name them with --labels a,b,c."
        )
    if plan.split.donor_list and plan.data.user is None:
        raise UsageError(
            "A list of donors names people, but no column says which person a row belongs to.",
            hint="Name it with --user.",
        )
    if plan.paper.selection == "votes":
        raise UsageError(
            "In split mode summaries are not chosen by votes: only voters vote, and only for finished texts.",
            hint='Leave [paper] selection at "argmax".',
        )
    if plan.paper.histogram_sigma > 0:
        raise UsageError(
            "In split mode there is no histogram outside the budget: the votes use the privacy budget.",
            hint="Leave [paper] histogram_sigma at 0; [privacy] epsilon sets the noise of the votes.",
        )
    if plan.split.donor_list:
        listed(plan)


def _check_recognizer(plan: Plan) -> None:
    registry.find("recognizers", plan.paper.recogniser)
    if plan.paper.recogniser_model and plan.paper.recogniser == "patterns":
        raise UsageError(
            '[paper] names a recogniser_model, but the recogniser "patterns" has no model.',
            hint='Set recogniser = "presidio" too, or leave recogniser_model out.',
        )


def split_cautions(plan: Plan) -> tuple[str, ...]:
    """A caution for a plan whose guard and scrub cannot recognise names of people; else none.

    It is not known what a recognizer of another package finds.
    """
    if plan.paper.recogniser_model or plan.paper.recogniser not in registry.built_in("recognizers"):
        return ()
    told = (
        "The guard and the scrubber do not recognize names of people, so the corpus may contain names from "
        'the private texts. For texts with names set recogniser = "presidio" and recogniser_model = '
        '"en_core_web_sm", or another spaCy model, in [paper] of the plan.'
    )
    return (told,)


def paper_cautions(plan: Plan) -> tuple[str, ...]:
    """As ``split_cautions``, for the method paper: with sentences about settings that have no effect."""
    return (*split_cautions(plan), *_without_effect(plan))


def _without_effect(plan: Plan) -> Iterator[str]:
    unheard = set_without_budget(plan)
    if unheard:
        verb = "has" if len(unheard) == 1 else "have"
        yield (
            f"The method paper has no budget and gives no guarantee: {', '.join(unheard)} {verb} no effect. "
            "The noise of its choices is set by [paper] nominal_epsilon and histogram_sigma, and bounds "
            "nothing."
        )
    if plan.paper.seeds is not None and plan.paper.seeds != plan.corpus.size:
        yield (
            f"[paper] seeds = {plan.paper.seeds} says how many texts are written, so --size "
            f"{plan.corpus.size} has no effect."
        )


def set_without_budget(plan: Plan) -> list[str]:
    """The settings of a budget that differ from their defaults, as a user writes them."""
    return [
        words for (section, key), words in NO_BUDGET.items() if not getattr(plan, section).is_default(key)
    ]
