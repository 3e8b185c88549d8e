"""The claim, the texts and how they were made, in short: a card for each of three kinds of reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.privacy.claims import not_below
from rpsg.privacy.egress import NOTHING_LEFT, hosts
from rpsg.report.html import listed, percent
from rpsg.report.scores import gained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.display import Child
    from rpsg.measures import Report
    from rpsg.release.reader import Release


NO_FIGURE = "The release has no figure for this."


def readers(release: Release, scores: Report | None, others: Sequence[tuple[str, str]]) -> Html:
    """Three cards, each with a link to its part; ``others`` are further parts that the page links to."""
    also = listed((tag("a", title, href=f"#{name}") for name, title in others), kind="also")
    return tag(
        "nav",
        tag("h2", "In short, for three readers", id="short-title"),
        tag(
            "div",
            _answer("privacy officer", "claim", "What is claimed", list(_claimed(release))),
            _answer(
                "analyst",
                "texts",
                "What the private data added",
                list(_added(release, scores)) or [NO_FIGURE],
            ),
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
        yield "Nothing, because no private data were read."
        return
    if release.is_seeded:
        whose = "the texts of seed donors" if release.ledger["reads"] == "donors" else "private texts"
        yield f"The texts were made from {whose}. No noise protects these texts."
    if scores is not None:
        yield from gained(scores)
    first = next((c for c in release.coverage if c.moved is not None), None)
    if first is not None and first.moved is not None:
        distance, alone = first.moved
        yield joined(
            f"In the noisy counts, the shares of the {len(first.values)} values of ",
            isolate(first.attribute),
            f" differ from equal shares by {percent(distance)} (total variation distance). Noise alone would "
            f"make them differ by about {percent(alone)}",
            ", so this figure is uninformative." if distance <= alone else ".",
        )
        yield joined(
            f"For {len(first.values) - len(first.unseen)} of {len(first.values)} values of ",
            isolate(first.attribute),
            ", the noisy count is clearly larger than the noise.",
        )
    yield from release.fit
    yield from _chosen(release)


def _chosen(release: Release) -> Iterator[Child]:
    how = {
        "sketch": "because together they are most like the private texts",
        "votes": "because they got the most votes from private texts",
    }
    for stage, why in how.items():
        usable = [c for c in release.pool if stage in c.scores]
        chosen = sum(c.dropped is None or c.dropped.stage != stage for c in usable)
        if release.is_whole and usable:
            verb = "was" if chosen == 1 else "were"
            yield (
                f"{chosen:,} of the {counted(len(usable), 'usable draft')} {verb} chosen {why}, as far as "
                "the noisy answers show."
            )


def _cost(release: Release) -> Iterator[Child]:
    asked, pool, calls = len(release.mechanisms), release.pool, release.calls
    yield joined(f"Method {release.plan.method.name}, with the domain pack ", isolate(release.pack.name), ".")
    if release.is_seeded:
        yield "Models read private text without the protection of noise. See the claim."
    if release.is_private:
        epsilon = not_below(release.claim["epsilon"])
        yield f"Privacy budget: \u03b5 = {epsilon}, spent on {counted(asked, 'noisy answer')}."
    written = f"Drafts written: {len(pool):,}. " if release.is_whole else ""
    yield f"{written}Texts released: {len(release.texts):,}."
    if calls is not None and calls.replies:
        yield (
            f"The writer gave {counted(calls.replies, 'reply', 'replies')}. For these it read "
            f"{counted(calls.prompt_tokens, 'token')} and wrote {counted(calls.new_tokens, 'token')}."
        )


def _claimed(release: Release) -> Iterator[Child]:
    claim, unit = release.claim, release.ledger["privacy_unit"]
    if not release.is_private:
        yield claim["text"]
        return
    is_user, voters = unit["unit"] == "user", claim["type"] == "voters_only_dp"
    of = ("voter" if voters else "person") if is_user else ("row of a voter" if voters else "row")
    whole = ", with all their rows" if is_user else ", not each person"
    cases = f"the data with one {of} and the same data with another {of} instead"
    if unit["adjacency"] == "add_remove":
        cases = f"the data with and without one {of}"
    if voters:
        yield "Only voters are protected. The texts of seed donors are not."
    yield f"The claim protects each {of}{whole}. It compares {cases}."
    if release.egress:
        others = hosts(release.egress)
        sent = joined("Data were sent to ", isolate(", ".join(others)), ".")
        yield sent if others else NOTHING_LEFT
    yield from release.ledger["cautions"][:1]
    yield "Anybody can check this with rpsg verify, without private data."
