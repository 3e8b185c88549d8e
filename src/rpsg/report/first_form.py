"""The page that version 0.1.0 put into releases.

``rpsg verify`` makes a release again and compares every file, including the page. So the page of that version
must come out as it did then, byte for byte. Nothing here changes any more, and neither does what the parts do
with ``first=True``. The words of the parts are those of today, and are translated at the end
(``rpsg.privacy.first_words``). Pages of today are in ``page``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.privacy.claims import FIRST_FORM, not_below
from rpsg.privacy.first_words import page_as_in
from rpsg.report.claim import claim_part
from rpsg.report.corpus import corpus_part
from rpsg.report.html import document, listed, paragraph, percent, percent_up, power
from rpsg.report.page_style import first_style
from rpsg.report.provenance import provenance_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.display import Child
    from rpsg.release.reader import Release


def has_first_form(release: Release) -> bool:
    """Whether the page inside this release is the one that is made here."""
    return release.ledger["code"]["version"] in FIRST_FORM


def first_report(release: Release) -> str:
    """The page inside a release that version 0.1.0 made."""
    parts = [
        ("claim", "The claim: for the privacy officer", claim_part(release, first=True)),
        ("texts", "The texts: for the analyst", corpus_part(release, isolate, first=True)),
        ("making", "How it was made: for the engineer", provenance_part(release, isolate, first=True)),
    ]
    body = joined(
        tag("a", "To the report", href="#main", class_="skip"),
        tag("header", _headline(release)),
        tag("main", _first_screen(release), _contents(parts), *(p for _, _, p in parts), id="main"),
        footer(release),
    )
    page = document(f"{len(release.texts)} synthetic texts", first_style(), body)
    return page_as_in(release.ledger["code"]["version"], page)


def _contents(parts: list[tuple[str, str, Html]]) -> Html:
    links = listed(tag("a", words, href=f"#{name}") for name, words, _ in parts)
    return tag("nav", tag("h2", "On this page"), links, aria_label="On this page")


def footer(release: Release) -> Html:
    """The last lines of every page of a release."""
    version = release.ledger["code"]["version"]
    return tag("footer", tag("p", f"Made by rpsg {version}. This page loads nothing and runs nothing."))


def _first_screen(release: Release) -> Html:
    """Three answers side by side."""
    return tag(
        "section",
        tag("h2", "In short", id="short-title"),
        tag(
            "div",
            _answer("What the private data bought", list(_bought(release))),
            _answer("What it cost", list(_cost(release))),
            _answer("What is claimed", list(_claimed(release)), figure=_figure(release)),
            class_="answers",
        ),
        id="short",
        aria_labelledby="short-title",
    )


def _headline(release: Release) -> Html:
    """The number of texts, their subject, their writer, and their quality."""
    plan = release.plan
    asked = "" if len(release.texts) >= plan.corpus.size else f" ({plan.corpus.size:,} were asked for)"
    return joined(
        tag("h1", f"{counted(len(release.texts), 'synthetic text')}{asked}"),
        tag("p", isolate(plan.corpus.about or release.pack.about), class_="about"),
        paragraph(
            "Written by ",
            isolate(release.writer),
            " with the domain pack ",
            isolate(release.pack.name),
            f", method {plan.method.name}.",
        ),
        tag("p", release.quality.line or None, class_="quality"),
    )


def _answer(title: str, items: list[Child], figure: Child = None) -> Html:
    return tag("div", tag("h3", title), figure, listed(items), class_="answer")


def _bought(release: Release) -> Iterator[Child]:
    if not release.reads_private:
        yield "Nothing: no private data were read. This is what public knowledge alone gives."
        return
    if release.is_seeded:
        whose = "record of a seed donor" if release.ledger["reads"] == "donors" else "private record"
        yield f"Texts that were made from private records: each goes back to one {whose}."
    first = next((c for c in release.coverage if c.moved is not None), None)
    if first is not None and first.moved is not None:
        distance, alone = first.moved
        yield joined(
            "Which ",
            isolate(first.attribute),
            f" a text is about: the noisy counts lie {percent(distance)} away from an even spread over "
            f"{len(first.values)} values. Noise alone would give about {percent(alone)}.",
        )
        yield joined(
            f"{len(first.values) - len(first.unseen)} of {len(first.values)} values of ",
            isolate(first.attribute),
            " stand out of the noise.",
        )
    yield from release.fit
    yield from _chosen(release)


def _chosen(release: Release) -> Iterator[Child]:
    how = {"sketch": "the noisy sketch of the private texts", "votes": "votes of the private records"}
    for stage, words in how.items():
        usable = [c for c in release.pool if stage in c.scores]
        chosen = [c for c in usable if c.dropped is None or c.dropped.stage != stage]
        if release.is_whole and usable:
            yield f"Of {counted(len(usable), 'usable text')}, {words} chose {len(chosen)}."


def _cost(release: Release) -> Iterator[Child]:
    asked, pool, calls = len(release.mechanisms), release.pool, release.calls
    if release.is_seeded:
        yield "Private text went to models without protection: see the claim."
    if release.is_private:
        yield f"ε = {not_below(release.claim['epsilon'])} of privacy, for {counted(asked, 'noisy answer')}."
    written = f"{counted(len(pool), 'text')} written, " if release.is_whole else ""
    yield f"{written}{len(release.texts):,} released."
    if calls is not None:
        yield (
            f"{counted(calls.replies, 'reply', 'replies')} of the writer: {calls.prompt_tokens:,} tokens "
            f"read, {calls.new_tokens:,} written."
        )


def _figure(release: Release) -> Child:
    if not release.is_private:
        words = "No guarantee" if release.reads_private else "No private data"
        return tag("p", words, class_="figure-words")
    claim = release.claim
    return tag("p", f"ε = {not_below(claim['epsilon'])}, δ = {power(claim['delta'])}", class_="figure-words")


def _claimed(release: Release) -> Iterator[Child]:
    claim, unit = release.claim, release.ledger["privacy_unit"]
    if not release.is_private:
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
