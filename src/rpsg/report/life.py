"""The life of one synthetic text, step by step, from what its release publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import isolate, joined, tag
from rpsg.release.coverage import CONFIDENT
from rpsg.report.fields import is_from_records
from rpsg.report.html import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.display import Child
    from rpsg.records import Candidate
    from rpsg.release.reader import Release
    from rpsg.report.marks import ShowText


def life_steps(release: Release, text: Candidate, shown: ShowText) -> Iterator[Child]:
    """The steps of a released text, in order, from the values that it was written from to the text itself."""
    if is_from_records(release):
        yield from _seeded_steps(release, text, shown)
        return
    values = listed(
        joined(isolate(name), ": ", isolate(value)) for name, value in sorted(text.card.values.items())
    )
    phrases = joined("Released words: ", isolate(", ".join(text.card.phrases))) if text.card.phrases else None
    if text.card.values:
        yield joined(
            tag("strong", "Card"), f": values that its prompt asked for{_drawn(release)}.", values, phrases
        )
    if text.parent is not None:
        yield joined(
            tag("strong", "Parent"), f": it is a variant of text {text.parent}, which was chosen before."
        )
    yield joined(tag("strong", "Writing"), ": ", isolate(release.writer), f" wrote it as text {text.id}.")
    if release.is_whole:
        yield joined(
            tag("strong", "Filters"),
            ": it was kept, because it is no near-copy, is not cut off and does not talk about the task.",
        )
    if "votes" in text.scores:
        yield joined(
            tag("strong", "Votes"),
            f": it was kept, because it got {text.scores['votes']:.0f} votes, with noise{_noise(release)}.",
        )
    elif "sketch" in text.scores:
        yield joined(
            tag("strong", "Choice"),
            ": it was kept, because together with the other released texts it is close to the noisy sketch.",
        )
    yield joined(tag("strong", "Scrubbed and released"), tag("blockquote", tag("p", shown(text.text))))


def _drawn(release: Release) -> str:
    """How the values of the cards were drawn, if the ledger shows it."""
    if any(line["stage"] == "cards" for line in release.mechanisms):
        return ", drawn by the noisy counts"
    return "" if release.reads_private else ", drawn evenly, without private data"


def _seeded_steps(release: Release, text: Candidate, shown: ShowText) -> Iterator[Child]:
    """The steps of a text that was made from a private text; which text is not published."""
    source = "the values of a private text, without noise."
    if release.ledger["reads"] == "donors":
        source = "the values of a seed donor's text, without noise."
    values = [joined(isolate(name), ": ", isolate(value)) for name, value in sorted(text.card.values.items())]
    yield joined(tag("strong", "Made from"), f": {source}", listed(values))
    writer = isolate(release.writer)
    yield joined(tag("strong", "Writing"), ": ", writer, " wrote the text from that one.")
    yield joined(tag("strong", "Scrubbed and released"), tag("blockquote", tag("p", shown(text.text))))


def sigma_of_votes(release: Release) -> float | None:
    """The standard deviation of the noise on votes; None if there were none."""
    return next((float(m["sigma"]) for m in release.mechanisms if m["stage"].startswith("votes")), None)


def _noise(release: Release) -> str:
    sigma = sigma_of_votes(release)
    return "" if sigma is None else f" (± {CONFIDENT * sigma:.0f})"
