"""The scores of an evaluation, as a report shows them: a value beside its floor and its ceiling.

An evaluation with real texts is private as a whole: the number of texts in each row, and so every figure,
depends on the number of real texts. Only an evaluation without real texts is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.json_text import strict_json
from rpsg.markup import Html, foreign, joined, tag
from rpsg.measures import Report
from rpsg.report.html import block, counted, listed, paragraph, percent, table
from rpsg.report.svg import between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rpsg.markup import Child
    from rpsg.measures import Line, Measure

#: The metrics that readers look at first.
HEADLINES = ("next_word_accuracy", "mauve", "fid", "downstream_accuracy")
SPELT = {"fid": "FID", "mauve": "MAUVE", "kl": "KL", "tv": "TV", "knn": "k-NN", "f1": "F1", "bleu": "BLEU"}
ARROWS = {True: "higher is better", False: "lower is better", None: "nearer to real texts is better"}


def gained(scores: Report) -> Iterator[str]:
    """The gain over the floor in words, for the headline metrics."""
    by_name = {line.name: line for line in scores.lines}
    for name in HEADLINES:
        line = by_name.get(name)
        if line is not None and line.score is not None and line.informative is not False:
            yield f"{metric_name(name)}: {number(line.corpus.value)}, {_way(line.score)}."


def details(scores: Report, name: str) -> Mapping[str, Any]:
    """The tables behind a metric of the corpus; none if it was not measured."""
    return next((line.corpus.details for line in scores.lines if line.name == name), {})


def _way(share: float) -> str:
    if share < 0:
        return "no better than without private data"
    return f"{percent(share)} of the way from the floor (no private data) to the ceiling (real texts)"


def read_scores(path: Path) -> Report | None:
    """The scores in a file that ``rpsg evaluate`` wrote; None if there is none.

    Raises:
        RunError: the file is damaged or of another version.
    """
    if not path.is_file():
        return None
    try:
        return Report.from_dict(strict_json(path.read_bytes()))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RunError(
            f"{path.name} is damaged or of another version.", hint="Make it again with: rpsg evaluate RUN"
        ) from None


def scores_block(scores: Report, title: str, told: str) -> Html:
    """A row with an interval for each metric with a value; then the other metrics and their reasons."""
    columns = ("metric", "value", "95 % interval", "floor", "ceiling", "floor to ceiling", "model")
    rows = [_row(line) for line in scores.lines if line.corpus.value is not None]
    missing = [
        joined(metric_name(line.name), ": ", foreign(line.corpus.reason))
        for line in scores.lines
        if line.corpus.value is None
    ]
    return block(
        title,
        paragraph(told),
        paragraph(_sizes(scores)),
        table("Metrics", columns, rows, columns[1:-1]),
        listed(foreign(note) for note in scores.notes) if scores.notes else None,
        joined(paragraph("Not measured:"), listed(missing)) if missing else None,
    )


def _sizes(scores: Report) -> str:
    """The conditions that every number depends on; numbers under other conditions cannot be compared."""
    real = "" if scores.n_real is None else f", against {counted(scores.n_real, 'real one')}"
    split = f", split {scores.split}" if scores.split else ""
    return (
        f"Every row has {counted(scores.n, 'text')}{real}{split}; embedder {scores.embedder or 'none'}. "
        "Compare numbers only where all of this is the same."
    )


def _row(line: Line) -> tuple[Child, ...]:
    mine = line.corpus
    unknown = "unknown"
    interval = (
        unknown if mine.interval is None else f"{number(mine.interval[0])} to {number(mine.interval[1])}"
    )
    name = joined(metric_name(line.name), tag("span", f" ({ARROWS[mine.higher_is_better]})", class_="reader"))
    model = joined(foreign(mine.model), f", seed {mine.seed}") if mine.model else f"seed {mine.seed}"
    beside = (_other(line.floor), _other(line.ceiling))
    return name, number(mine.value), interval, *beside, _between(line), model


def _other(measure: Measure | None) -> Child:
    """A floor or a ceiling, with its interval."""
    if measure is None or measure.value is None:
        return "not measured"
    if measure.interval is None:
        return number(measure.value)
    low, high = (number(end) for end in measure.interval)
    return joined(number(measure.value), tag("small", f" ({low} to {high})"))


def _between(line: Line) -> Child:
    place = line.score
    if line.informative is False:
        return "tells nothing here"
    if place is None:
        return "unknown"
    if line.informative is None:
        return f"{percent(place)}, and how much of it is chance is unknown"
    ends = line.corpus.interval or (line.corpus.value, line.corpus.value)
    placed = sorted(p for end in ends if (p := line.scaled(end)) is not None)
    return joined(between(place, placed[0], placed[-1]), percent(place))


def metric_name(name: str) -> str:
    """A metric's name as people write it."""
    return " ".join(SPELT.get(word, word) for word in name.split("_"))


def number(value: float | None) -> str:
    """Three significant digits, or all the digits of a large one."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
