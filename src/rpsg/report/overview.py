"""The first screen: what the private data bought, what it cost, what is claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.privacy.claims import not_below
from rpsg.report.blocks import counted, listed, paragraph, percent, percent_up, power
from rpsg.report.html import Html, foreign, joined, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.release.reader import Story
    from rpsg.report.html import Child
    from rpsg.report.scores import Scores


def first_screen(story: Story, scores: Scores | None) -> Html:
    """Three answers side by side."""
    return tag(
        "section",
        tag("h2", "In short", id="short-title"),
        tag(
            "div",
            _answer("What the private data bought", list(_bought(story, scores))),
            _answer("What it cost", list(_cost(story))),
            _answer("What is claimed", list(_claimed(story)), figure=_figure(story)),
            class_="answers",
        ),
        id="short",
        aria_labelledby="short-title",
    )


def headline(story: Story) -> Html:
    """How many texts, about what, by whom, and how they read."""
    facts, plan = story.facts, story.facts.plan
    asked = "" if len(story.texts) >= plan.corpus.size else f" ({plan.corpus.size:,} were asked for)"
    return joined(
        tag("h1", f"{counted(len(story.texts), 'synthetic text')}{asked}"),
        tag("p", foreign(plan.corpus.about or facts.pack.about), class_="about"),
        paragraph(
            "Written by ",
            foreign(facts.writer),
            " with the domain pack ",
            foreign(facts.pack.name),
            f", method {plan.method.name}.",
        ),
        tag("p", facts.quality.line or None, class_="quality"),
    )


def _answer(title: str, items: list[Child], figure: Child = None) -> Html:
    return tag("div", tag("h3", title), figure, listed(items), class_="answer")


def _bought(story: Story, scores: Scores | None) -> Iterator[Child]:
    if not story.reads_private:
        yield "Nothing: no private data were read. This is what public knowledge alone gives."
        return
    if story.is_seeded:
        whose = "record of a seed donor" if story.facts.ledger["reads"] == "donors" else "private record"
        yield f"Texts that were made from private records: each goes back to one {whose}."
    if scores is not None:
        yield from scores.gained()
    first = next((c for c in story.coverage if c.moved is not None), None)
    if first is not None and first.moved is not None:
        distance, alone = first.moved
        yield joined(
            "Which ",
            foreign(first.attribute),
            f" a text is about: the noisy counts lie {percent(distance)} away from an even spread over "
            f"{len(first.values)} values. Noise alone would give about {percent(alone)}.",
        )
        yield joined(
            f"{len(first.values) - len(first.unseen)} of {len(first.values)} values of ",
            foreign(first.attribute),
            " stand out of the noise.",
        )
    if story.fit:
        yield story.fit
    yield from _chosen(story)


def _chosen(story: Story) -> Iterator[Child]:
    how = {"sketch": "the noisy sketch of the private texts", "votes": "votes of the private records"}
    for stage, words in how.items():
        usable = [c for c in story.facts.pool if stage in c.scores]
        chosen = [c for c in usable if c.dropped is None or c.dropped.stage != stage]
        if story.is_whole and usable:
            yield f"Of {counted(len(usable), 'usable text')}, {words} chose {len(chosen)}."


def _cost(story: Story) -> Iterator[Child]:
    asked, pool, calls = len(story.gaussians), story.facts.pool, story.calls
    if story.is_seeded:
        yield "Private text went to models without protection: see the claim."
    if story.is_private:
        yield f"ε = {not_below(story.claim['epsilon'])} of privacy, for {counted(asked, 'noisy answer')}."
    written = f"{counted(len(pool), 'text')} written, " if story.is_whole else ""
    yield f"{written}{len(story.texts):,} released."
    if calls is not None:
        yield (
            f"{counted(calls.replies, 'reply', 'replies')} of the writer: {calls.prompt_tokens:,} tokens "
            f"read, {calls.new_tokens:,} written."
        )


def _figure(story: Story) -> Child:
    if not story.is_private:
        words = "No guarantee" if story.reads_private else "No private data"
        return tag("p", words, class_="figure-words")
    claim = story.claim
    return tag("p", f"ε = {not_below(claim['epsilon'])}, δ = {power(claim['delta'])}", class_="figure-words")


def _claimed(story: Story) -> Iterator[Child]:
    claim, unit = story.claim, story.facts.ledger["privacy_unit"]
    if not story.is_private:
        yield claim["text"]
        return
    who = "person (all their rows)" if unit["unit"] == "user" else "row (one row, not one person)"
    change = "added or removed" if unit["adjacency"] == "add_remove" else "replaced"
    if claim["type"] == "voters_only_dp":
        yield "Only voters are protected. The records of seed donors are not."
    yield f"Protected is one {who}, {change}."
    yield (
        "Shown one who took part and one who did not, even the best possible attacker picks the right one in "
        f"at most {percent_up(claim['attack']['auc'])} of the cases. Guessing is right in 50 %."
    )
    yield "Anybody can check this without private data: rpsg verify."
