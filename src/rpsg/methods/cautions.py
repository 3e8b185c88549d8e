"""What to tell of a plan before, while and after it runs: what is not guarded, and what has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.plan import Plan

#: Settings without a meaning in the method paper, with the words a user knows them by.
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


def cautions(plan: Plan) -> tuple[str, ...]:
    """A sentence for each thing that whoever runs this plan should know; none where all is as it looks."""
    return tuple(filter(None, (unguarded(plan), refusing(plan), *without_effect(plan))))


def unguarded(plan: Plan) -> str:
    """What to tell of a plan whose guard and scrub do not know names of people; empty where they do."""
    if not registry.method(plan.method.name).has_seeds or (
        plan.paper.recogniser == "presidio" and plan.paper.recogniser_model
    ):
        return ""
    return (
        "Guard and scrub know no names of people, so the corpus may hold some of the private records. For "
        'texts with names set recogniser = "presidio" and recogniser_model = "en_core_web_sm", or another '
        "spaCy model, in [paper] of the plan."
    )


def refusing(plan: Plan) -> str:
    """What to tell of a plan that a single row can end; empty where none can, or nothing is claimed."""
    covered = registry.method(plan.method.name).reads in ("noisy_answers", "donors")
    if not covered or plan.data.unusable == "drop":
        return ""
    return (
        'With [data] unusable = "refuse" a single row decides whether there is a release, and the claim says '
        'that it does not cover this. "drop" leaves such rows out; `rpsg check` shows them to you alone.'
    )


def without_effect(plan: Plan) -> Iterator[str]:
    """A sentence about settings of the plan that its method does not look at."""
    if registry.method(plan.method.name).reads != "records":
        return
    unheard = [words for (section, key), words in NO_BUDGET.items() if _is_set(plan, section, key)]
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


def _is_set(plan: Plan, section: str, key: str) -> bool:
    """Whether a setting is another one than its default: a plan file may write down the default too."""
    part = getattr(plan, section)
    return bool(getattr(part, key) != getattr(type(part)(), key))
