"""By which ways private text goes on without noise, as a plan alone tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg import registry
from rpsg.methods.paper_steps import IN_PROMPTS, retained
from rpsg.methods.seed_steps import CHOSEN, EMBEDDINGS, SEEN, SUMMED_UP, TEXTS
from rpsg.privacy.facts import Flow
from rpsg.stages.surrogate import NgramRecipe

if TYPE_CHECKING:
    from rpsg.methods.tools import Tools
    from rpsg.plan import Plan


def flows_of(plan: Plan, tools: Tools) -> tuple[Flow, ...]:
    """The ways of private text without a mechanism that a finished run of this plan has gone, in order.

    They are those that its door wrote down: which of them there are does not depend on the texts.
    """
    donors = registry.method(plan.method.name).reads == "donors"
    records, paper = "records of donors" if donors else "records", plan.paper
    reader = tools.writer if paper.abstracter == "writer" else tools.summariser
    found = [
        Flow(records, "seeds", SEEN),
        Flow("seeds", "" if reader is None else reader.name, SUMMED_UP),
        Flow("summaries of seeds", "choice", CHOSEN),
    ]
    if paper.selection == "votes":
        found.append(Flow(records, "votes for summaries", EMBEDDINGS))
    found.append(Flow("abstracts of seeds", tools.writer.name, IN_PROMPTS))
    if donors:
        return tuple(found)
    if paper.histogram_sigma > 0:
        found.append(Flow(records, "histogram of votes", EMBEDDINGS))
    if retained(plan) < 1:
        found.append(Flow(records, "cosine filter", EMBEDDINGS))
    if paper.filters != "early":
        found.append(Flow(records, f"nll filter under {(tools.surrogate or NgramRecipe()).name}", TEXTS))
    return tuple(found)
