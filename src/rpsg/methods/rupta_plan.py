"""What RPSG needs to know about the method rupta: settings, who sees what, what a release says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import counted
from rpsg.domains import find_pack
from rpsg.errors import UsageError
from rpsg.methods.base import Workload
from rpsg.methods.rupta_steps import CHOSEN, IN_PROMPTS
from rpsg.methods.seed_steps import SEEN
from rpsg.methods.seeded import refuse_budget_words, set_without_budget
from rpsg.methods.trial import TEXTS
from rpsg.methods.workload import WORDS_TO_TOKENS, tokens_of, typical_words
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.privacy.egress import EgressRule, host_of
from rpsg.privacy.facts import UnprotectedFlow
from rpsg.stages.abstraction import Seed
from rpsg.stages.anonymization import Asker, Version

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.methods.base import Tools
    from rpsg.plan import Plan

#: Assumed, not measured: the share of the allowed edits that a text needs, and the share of guesses that are
#: right.
USUAL_EDITS, USUAL_RIGHT = 0.5, 0.5


def check(plan: Plan) -> None:
    """Check that the plan has a label whose utility can be judged, and names no budget.

    Raises:
        UsageError: there is neither a column of labels nor a sentiment, or the public words name a budget.
    """
    pack = find_pack(plan.corpus.domain)
    if plan.data.label is None and not pack.has_sentiments:
        raise UsageError(
            "The method rupta keeps the label of a text, or its sentiment; no column of labels is named, and "
            f"the texts of the domain {pack.name} have no sentiment.",
            hint="Name the column with --label.",
        )
    refuse_budget_words(plan)


def cautions(plan: Plan) -> tuple[str, ...]:
    """What is not protected, and settings without effect."""
    edited = (
        "The method rupta edits private texts and releases the edited ones, so most of their words are those "
        "of the private texts. One model guesses, edits and judges itself; what it does not notice remains "
        "in the texts."
    )
    kept = (
        "Texts that still reveal an attribute after the last edit are released, as in the paper; [rupta] "
        "leaking"
    )
    told = (f'{kept} = "drop" leaves them out.',) if plan.rupta.leaking == "keep" else ()
    unheard = set_without_budget(plan)
    verb = "has" if len(unheard) == 1 else "have"
    none = f"The method rupta has no budget and gives no guarantee: {', '.join(unheard)} {verb} no effect."
    return (edited, *told, *((none,) if unheard else ()))


def claim_words(plan: Plan, tools: Tools) -> str:
    """The sentences of a release: what was done, and that it bounds nothing."""
    return (
        f"{NO_GUARANTEE} Each text is a private text that a language model edited, until the same model no "
        "longer guessed what the text reveals about its writer, or at most "
        f"{counted(plan.rupta.edits, 'time')} after a first rewrite. This does not bound what the release "
        f"reveals about a private text. Private texts were sent to {tools.writer.name} on "
        f"{host_of(tools.writer)}. Audit: not run."
    )


def egress(plan: Plan) -> tuple[EgressRule, ...]:
    """Which model is sent what, and where it may run."""
    sees = {
        "embedder": "private texts, what they reveal about their writers, and edited texts",
        "sentiment": "private texts and edited ones",
        "scorer": "edited texts",
    }
    here = [
        EgressRule("reading", role, "private", "here", what, "raw_private") for role, what in sees.items()
    ]
    writer = EgressRule(
        "editing",
        "writer",
        "private",
        "anywhere" if plan.rupta.remote == "records" else "here",
        "private texts and what they reveal about their writers, one text per prompt",
        "raw_private",
        'Choose a writer on this machine, or allow another one in the plan: [rupta] remote = "records".',
    )
    return (*here, writer)


def flows(plan: Plan, tools: Tools) -> tuple[UnprotectedFlow, ...]:  # noqa: ARG001  # the signature of all such functions
    """The ways in which private text reached the release of a finished run, in order."""
    return (
        UnprotectedFlow("records", "seeds", SEEN),
        UnprotectedFlow("seeds", tools.writer.name, IN_PROMPTS),
        UnprotectedFlow("seeds", "choice of edits", CHOSEN),
    )


def workload(plan: Plan, pack: Pack) -> Workload:
    """An estimate from texts of the length that the pack expects; tokens have no public bound."""
    size, settings, words = plan.corpus.size, plan.rupta, typical_words(pack)
    text = "word " * words
    asker = Asker(pack, plan, b"", Seed(0, text, "positive", words))
    guarded = min(settings.guarded, len(settings.attributes))
    versions = [Version(text, 1, 50)] * max(1, min(settings.history, 2))
    edits = USUAL_EDITS * settings.edits
    scored = 1 + edits  # the first edit is scored too
    trial = (4 if pack.examples else 1) * TEXTS
    written = (
        (size, asker.facts(0), 4 * len(settings.attributes)),
        (size, asker.first_edit(0), words),
        (size * edits, asker.next_edit(1, versions, {}, 0), words),
        (size * scored * guarded, asker.guesses(text, settings.attributes[0], 0), 6 * settings.guesses),
        (
            size * scored * guarded * USUAL_RIGHT,
            asker.confirmed(text, settings.attributes[0], "value", 0),
            12,
        ),
        (size * scored, asker.certainty(text, 0), 4),
    )
    prompt = round(sum(count * tokens_of(request) for count, request, _ in written))
    most = size * (2 + settings.edits + (1 + settings.edits) * (2 * guarded + 1))
    return Workload(
        candidates=size,
        requests=round(sum(count for count, _, _ in written)) + trial,
        prompt=prompt,
        computed_prompt=prompt,
        completion=round(sum(count * said * WORDS_TO_TOKENS for count, _, said in written)),
        most_requests=most * settings.attempts + trial,
        most_tokens=None,
    )


def explain(plan: Plan, pack: Pack) -> tuple[str, ...]:
    """Sentences for ``rpsg plan``."""
    settings = plan.rupta
    by = "label" if plan.data.label is not None else "sentiment"
    attributes = f"{settings.guarded} attribute{'s' if settings.guarded > 1 else ''}"
    done = (
        f"{plan.corpus.size:,} private texts are rewritten once and then edited at most {settings.edits} "
        f"times each, until {attributes} of {', '.join(settings.attributes)} cannot be guessed "
        f"in {settings.guesses} guesses and the {by} is more than {settings.confidence} % certain. No "
        "private text was read: calls, tokens and time are estimates for texts of "
        f"{typical_words(pack)} words and half of the edits."
    )
    return "There is no budget, and [privacy] has no effect.", done
