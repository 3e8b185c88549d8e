"""The part for the owner of the data only: internal metrics, a map of real and synthetic texts, times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.markup import Html, foreign, joined, tag
from rpsg.report.html import block, figure, paragraph, part, percent, table
from rpsg.report.scores import details, scores_block
from rpsg.report.svg import bar, cloud, compared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from rpsg.measures import Report
    from rpsg.report.svg import Point

    Floats = npt.NDArray[np.float32]

MOST_DOTS = 1500
BINS = 6
MARK = "PRIVATE: never share this page. It was made from the private texts and no budget was paid for it."
TOLD = "Private texts were read for these numbers. They may not choose anything that is released."


@dataclass(frozen=True, slots=True)
class PrivateExtras:
    """What a private report adds to the public one. ``no_map`` says why there is no map.

    ``stages`` are the lines of a seeded run's table: stage, in, out, dropped, seconds. ``audit`` is what the
    run's audit found, and ``matches`` the closest texts that it kept.
    """

    scores: Report | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    real: Floats | None = None
    synthetic: Floats | None = None
    no_map: str = ""
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
        "Private. Nothing of this part is in the release.",
        _scores(private),
        _lengths(private),
        _sentiments(private),
        _map(private),
        _stages(private),
        _times(private),
    )


def _scores(private: PrivateExtras) -> Html:
    if private.scores is None:
        return block("Metrics", paragraph("No evaluation with real texts was found."))
    return scores_block(private.scores, "Metrics", TOLD)


def _lengths(private: PrivateExtras) -> Html | None:
    """Two histograms of words a text, side by side."""
    found = {} if private.scores is None else details(private.scores, "length_distance")
    if not {"up to words", "corpus", "real"} <= found.keys():
        return None
    edges = [*(f"up to {edge}" for edge in found["up to words"]), "more"]
    return _side_by_side("Lengths", "words", list(zip(edges, found["corpus"], found["real"], strict=True)))


def _sentiments(private: PrivateExtras) -> Html | None:
    found = {} if private.scores is None else details(private.scores, "sentiment_distance")
    shares = found.get("corpus, real", {})
    rows = [(name, *both) for name, both in shares.items()]
    return _side_by_side("Sentiments", "sentiment", rows) if rows else None


def _side_by_side(title: str, what: str, rows: list[tuple[str, float, float]]) -> Html:
    """Shares of synthetic and of real texts; the mark in a bar is the real share."""
    widest = max(max(mine, real) for _, mine, real in rows) or 1.0
    cells = [
        (foreign(name), joined(compared(mine / widest, real / widest), percent(mine)), percent(real))
        for name, mine, real in rows
    ]
    columns = (what, "synthetic texts", "real texts")
    told = "Bar: share of the synthetic texts. Upright mark: share of the real ones."
    return block(title, paragraph(told), table(f"{title}, as measured", columns, cells, columns[1:]))


def _map(private: PrivateExtras) -> Html:
    if private.real is None or private.synthetic is None or not len(private.real):
        return block("Map of the texts", paragraph(private.no_map or "There are no embeddings of this run."))
    real, synthetic, kept = flattened(private.real, private.synthetic)
    picture = cloud(
        "map",
        [("real", real), ("synthetic", synthetic)],
        title="Map of real and synthetic texts",
        desc="Each dot is a text, placed by the two directions in which the texts differ most. Where real "
        "dots stand without synthetic ones near them, something is missing.",
    )
    words = joined(
        tag("span", "real", class_="key real-key"),
        f" ({len(real):,}) and ",
        tag("span", "synthetic", class_="key synthetic-key"),
        f" ({len(synthetic):,}). Two directions hold {percent(kept)} of all differences: near here need not "
        "be near in all directions.",
    )
    return block("Map of the texts", figure(picture, words, _squares(real, synthetic)))


def flattened(real: Floats, synthetic: Floats) -> tuple[list[Point], list[Point], float]:
    """Both sets of embeddings on their first two joint principal components, and the variance explained.

    At most 1,500 rows of each, evenly spaced.
    """
    real, synthetic = _some(real), _some(synthetic)
    rows = np.concatenate([real, synthetic]).astype(np.float64)
    rows -= rows.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    flat = rows @ vectors[:, [-1, -2]]
    low, high = flat.min(axis=0), flat.max(axis=0)
    placed = (flat - low) / np.maximum(high - low, 1e-12)
    points = [(float(x), float(y)) for x, y in placed]
    kept = float(values[-2:].sum() / max(values.sum(), 1e-12))
    return points[: len(real)], points[len(real) :], kept


def _some(rows: Floats) -> Floats:
    """At most 1,500 finite rows; only these are read from a stored file."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_DOTS)).astype(int)]
    return np.asarray(chosen[np.isfinite(chosen).all(axis=1)], np.float32)


def _squares(real: list[Point], synthetic: list[Point]) -> Html:
    """The map as a table of shares by square, for readers who cannot see it."""
    first, second = _grid(real), _grid(synthetic)
    rows = [
        (f"column {x + 1}, row {y + 1} from below", percent(first[x, y]), percent(second[x, y]))
        for x in range(BINS)
        for y in range(BINS)
        if first[x, y] or second[x, y]
    ]
    columns = ("square", "real", "synthetic")
    return table(f"Share of the dots in each square of a {BINS} by {BINS} grid", columns, rows, columns[1:])


def _grid(points: list[Point]) -> npt.NDArray[np.float64]:
    counts = np.zeros((BINS, BINS))
    for x, y in points:
        counts[min(int(x * BINS), BINS - 1), min(int(y * BINS), BINS - 1)] += 1
    return counts / max(len(points), 1)


def _stages(private: PrivateExtras) -> Html | None:
    if not private.stages:
        return None
    told = "How many texts a stage was given and gave on. Private records were read for most of these counts."
    columns = ("stage", "in", "out", "dropped", "seconds")
    rows = [tuple(map(foreign, line)) for line in private.stages]
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
    told = "How long reading takes follows from how many texts there are, so it is private."
    return block(
        "Where the time went", paragraph(told), table("Seconds by stage", ("step", "time"), rows, ("time",))
    )
