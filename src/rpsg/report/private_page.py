"""The part for the owner of the data only: internal metrics, nearness to real texts, and times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.display import Html, isolate, joined, tag
from rpsg.report.html import block, paragraph, part, percent, table
from rpsg.report.nearness import nearness
from rpsg.report.scores import details, scores_block
from rpsg.report.svg import bar, compared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.measures import Report
    from rpsg.report.nearness import Floats

#: The fewest real texts for which a picture is drawn.
FEWEST = 3
MARK = "PRIVATE: never share this page. It shows what was read from private texts without a budget."
TOLD = "Private texts were read for these numbers. Do not use them to choose anything that is released."


@dataclass(frozen=True, slots=True)
class PrivateExtras:
    """What a private report adds to the public one.

    ``no_picture`` says why there is no picture of the nearness to real texts.

    ``stages`` are the lines of a seeded run's table: stage, in, out, dropped, seconds. ``audit`` is the
    outcome of the run's audit, and ``matches`` are the closest texts that the audit kept.
    """

    scores: Report | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    real: Floats | None = None
    synthetic: Floats | None = None
    no_picture: str = ""
    stages: Sequence[Sequence[str]] = ()
    audit: Mapping[str, Any] | None = None
    matches: Sequence[Mapping[str, Any]] = ()


def private_mark() -> Html:
    return tag("p", MARK, class_="mark")


def private_part(private: PrivateExtras) -> Html:
    """The section that only the owner of the data may see."""
    return part(
        "private",
        "Only for the owner of the data",
        "Private. Nothing in this part is in the release.",
        _scores(private),
        _lengths(private),
        _sentiments(private),
        _nearness(private),
        _stages(private),
        _times(private),
    )


def _scores(private: PrivateExtras) -> Html:
    if private.scores is None:
        return block("Metrics", paragraph("No evaluation with real texts was found."))
    return scores_block(private.scores, "Metrics", TOLD)


def _lengths(private: PrivateExtras) -> Html | None:
    """Two histograms of words per text, side by side."""
    found = {} if private.scores is None else details(private.scores, "length_distance")
    if not {"up to words", "corpus", "real"} <= found.keys():
        return None
    edges = [*(f"up to {edge}" for edge in found["up to words"]), "more"]
    rows = list(zip(edges, found["corpus"], found["real"], strict=True))
    # The scale is made for texts of any length, so empty bins at both ends are left out.
    filled = [place for place, (_, mine, real) in enumerate(rows) if mine or real]
    return _side_by_side("Lengths", "words", rows[filled[0] : filled[-1] + 1]) if filled else None


def _sentiments(private: PrivateExtras) -> Html | None:
    found = {} if private.scores is None else details(private.scores, "sentiment_distance")
    shares = found.get("corpus, real", {})
    rows = [(name, *both) for name, both in shares.items()]
    return _side_by_side("Sentiments", "sentiment", rows) if rows else None


def _side_by_side(title: str, what: str, rows: list[tuple[str, float, float]]) -> Html:
    """Shares of synthetic and of real texts; the mark in a bar is the real share."""
    widest = max(max(mine, real) for _, mine, real in rows) or 1.0
    cells = [
        (isolate(name), joined(compared(mine / widest, real / widest), percent(mine)), percent(real))
        for name, mine, real in rows
    ]
    columns = (what, "synthetic texts", "real texts")
    told = "The bar is the share of the synthetic texts, the upright mark that of the real texts."
    return block(title, paragraph(told), table(f"{title}, as measured", columns, cells, columns[1:]))


def _nearness(private: PrivateExtras) -> Html:
    title = "How close it comes to each real text"
    real, synthetic = private.real, private.synthetic
    if real is None or synthetic is None or len(real) < FEWEST or not len(synthetic):
        return block(title, paragraph(private.no_picture or "There are too few embeddings of this run."))
    return block(title, nearness(real, synthetic))


def _stages(private: PrivateExtras) -> Html | None:
    if not private.stages:
        return None
    told = (
        "How many texts each stage received and how many it passed on. Most of these counts come from "
        "private texts."
    )
    columns = ("stage", "in", "out", "dropped", "seconds")
    rows = [tuple(map(isolate, line)) for line in private.stages]
    lines = table("Drops by stage", columns, rows, ("in", "out", "seconds"))
    return block("What became of the texts", paragraph(told), lines)


def _times(private: PrivateExtras) -> Html | None:
    total = sum(private.seconds.values())
    if total <= 0:
        return None
    rows = [
        (stage, joined(bar(seconds / total), f"{seconds:,.1f} s ({percent(seconds / total)})"))
        for stage, seconds in private.seconds.items()
    ]
    told = "These times are private, because the time that reading takes shows how many texts there are."
    return block(
        "Where the time went", paragraph(told), table("Seconds by stage", ("step", "time"), rows, ("time",))
    )
