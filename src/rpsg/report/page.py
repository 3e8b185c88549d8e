"""The report: one HTML file that loads nothing and runs nothing, for three readers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rpsg.report.blocks import listed, part
from rpsg.report.claim import claim_part
from rpsg.report.corpus import corpus_part
from rpsg.report.html import Html, document, joined, tag
from rpsg.report.overview import first_screen, headline
from rpsg.report.provenance import making_part
from rpsg.report.scores import scores_block

if TYPE_CHECKING:
    from rpsg.release.reader import Story
    from rpsg.report.private_page import Private
    from rpsg.report.scores import Scores

PUBLIC = "No real text was read for these numbers."
READERS = "For the engineer and the analyst."


def report(story: Story, scores: Scores | None = None, private: Private | None = None) -> str:
    """The page of a release; with ``private`` the page that must stay, marked as such.

    ``scores`` are those of an evaluation without real texts; others are shown in no case.
    """
    public = scores if scores is not None and not scores.internal else None
    shown = private.scores if private is not None and private.scores is not None else public
    parts = [
        ("claim", "The claim: for the privacy officer", claim_part(story)),
        ("texts", "The texts: for the analyst", corpus_part(story)),
        ("making", "How it was made: for the engineer", making_part(story)),
    ]
    if public is not None:
        section = part("scores", "Metrics", READERS, scores_block(public, "Public metrics", PUBLIC))
        parts.append(("scores", "Metrics: for the engineer and the analyst", section))
    marks: tuple[Html | None, str] = (None, "")
    if private is not None:
        from rpsg.report.private_page import private_mark, private_part  # noqa: PLC0415  # numpy

        parts.insert(0, ("private", "Only for the owner of the data", private_part(private)))
        marks = (private_mark(), "PRIVATE: ")
    body = joined(
        tag("a", "To the report", href="#main", class_="skip"),
        tag("header", marks[0], headline(story)),
        tag("main", first_screen(story, shown), _contents(parts), *(p for _, _, p in parts), id="main"),
        _footer(story),
    )
    title = f"{marks[1]}{len(story.texts)} synthetic texts"
    return document(title, _style(is_private=private is not None), body)


def _contents(parts: list[tuple[str, str, Html]]) -> Html:
    links = listed(tag("a", words, href=f"#{name}") for name, words, _ in parts)
    return tag("nav", tag("h2", "On this page"), links, aria_label="On this page")


def _footer(story: Story) -> Html:
    version = story.facts.ledger["code"]["version"]
    return tag("footer", tag("p", f"Made by rpsg {version}. This page loads nothing and runs nothing."))


@cache
def _style(*, is_private: bool) -> str:
    """The page's own style; on paper, every sheet of a private report says what it is."""
    style = files("rpsg.report").joinpath("style.css").read_text(encoding="utf-8")
    return style + ('@page { @top-center { content: "PRIVATE"; color: #a40e26; } }\n' if is_private else "")
