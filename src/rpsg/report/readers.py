"""The claim, the texts and how they were made, in short: a card for each of three kinds of reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.privacy.claims import not_below
from rpsg.privacy.egress import hosts
from rpsg.report.html import listed, percent
from rpsg.report.scores import gained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.display import Child
    from rpsg.measures import Report
    from rpsg.release.reader import Release


def readers(release: Release, scores: Report | None, others: Sequence[tuple[str, str]]) -> Html:
    """Three cards, each with a link to its part; ``others`` are further parts that the page links to."""
    also = listed((tag("a", title, href=f"#{name}") for name, title in others), kind="also")
    return tag(
        "nav",
        tag("h2", "In short, for three readers", id="short-title"),
        tag(
            "div",
            _answer("privacy officer", "claim", "What is claimed", list(_claimed(release))),
            _answer("analyst", "texts", "What the private data added", list(_added(release, scores))),
            _answer("engineer", "making", "What it cost", list(_cost(release))),
            class_="answers",
        ),
        also if others else None,
        id="short",
        aria_labelledby="short-title",
    )


def _answer(reader: str, name: str, title: str, items: list[Child]) -> Html:
    links = {"claim": "The claim in full", "texts": "The texts", "making": "How it was made"}
    return tag(
        "div",
        tag("p", f"For the {reader}", class_="reader"),
        tag("h3", title),
        listed(items),
        tag("p", tag("a", links[name], href=f"#{name}")),
        class_="answer",
    )


def _added(release: Release, scores: Report | None) -> Iterator[Child]:
    if not release.reads_private:
        yield "Nothing: no private data were read. This is what public knowledge alone gives."
        return
    if release.is_seeded:
        whose = "records of seed donors" if release.ledger["reads"] == "donors" else "private records"
        yield f"Texts that were made from {whose}, which no noise hides."
    if scores is not None:
        yield from gained(scores)
    first = next((c for c in release.coverage if c.moved is not None), None)
    if first is not None and first.moved is not None:
        distance, alone = first.moved
        yield joined(
            "Which ",
            isolate(first.attribute),
            f" a text is about: the noisy counts are {percent(distance)} away from an even spread over "
            f"{len(first.values)} values. Noise alone would give about {percent(alone)}",
            ", so this figure is uninformative." if distance <= alone else ".",
        )
        yield joined(
            f"{len(first.values) - len(first.unseen)} of {len(first.values)} values of ",
            isolate(first.attribute),
            " are clearly above the noise.",
        )
    yield from release.fit
    yield from _chosen(release)


def _chosen(release: Release) -> Iterator[Child]:
    how = {
        "sketch": "because together they resemble the private texts",
        "votes": "because private texts voted for them",
    }
    for stage, why in how.items():
        usable = [c for c in release.pool if stage in c.scores]
        chosen = sum(c.dropped is None or c.dropped.stage != stage for c in usable)
        if release.is_whole and usable:
            yield f"{chosen:,} of the {len(usable):,} usable drafts were chosen {why}, by noisy answers."


def _cost(release: Release) -> Iterator[Child]:
    asked, pool, calls = len(release.mechanisms), release.pool, release.calls
    yield joined(f"Method {release.plan.method.name}, with the domain pack ", isolate(release.pack.name), ".")
    if release.is_seeded:
        yield "Private text went to models without protection: see the claim."
    if release.is_private:
        epsilon = not_below(release.claim["epsilon"])
        yield f"\u03b5 = {epsilon} of privacy, for {counted(asked, 'noisy answer')}."
    written = f"{counted(len(pool), 'text')} written, " if release.is_whole else ""
    yield f"{written}{len(release.texts):,} released."
    if calls is not None:
        yield (
            f"{counted(calls.replies, 'reply', 'replies')} of the writer: {calls.prompt_tokens:,} tokens "
            f"read, {calls.new_tokens:,} written."
        )


def _claimed(release: Release) -> Iterator[Child]:
    claim, unit = release.claim, release.ledger["privacy_unit"]
    if not release.is_private:
        yield claim["text"]
        return
    who = "person (all their rows)" if unit["unit"] == "user" else "row (one row, not one person)"
    change = "added or removed" if unit["adjacency"] == "add_remove" else "replaced"
    if claim["type"] == "voters_only_dp":
        yield "Only voters are protected. The records of seed donors are not."
    yield f"The claim protects one {who}, {change}."
    if release.egress:
        others = hosts(release.egress)
        sent = joined("Something was sent to ", isolate(", ".join(others)), ".")
        yield sent if others else "Nothing left the machine on which it was made."
    yield from release.ledger["cautions"][:1]
    yield "Anybody can check this without private data: rpsg verify."
