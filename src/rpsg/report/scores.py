"""The scores of an evaluation, as a report shows them: each value next to its floor and its ceiling.

An evaluation with real texts is private as a whole: the number of texts in each row, and so every figure,
depends on the number of real texts. Only an evaluation without real texts is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import strict_json
from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.errors import RunError
from rpsg.measures import Report
from rpsg.report.html import folded, listed, paragraph, percent, table
from rpsg.report.questions import OTHERS, answer, asked, counts
from rpsg.report.svg import between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.display import Child
    from rpsg.measures import Line, Measure
    from rpsg.report.questions import QualityQuestion

#: The metrics that readers look at first.
HEADLINES = ("next_word_accuracy", "mauve", "fid", "downstream_accuracy")
SPELT = {
    "fid": "FID",
    "mauve": "MAUVE",
    "kl": "KL",
    "tv": "TV",
    "knn": "k-NN",
    "f1": "F1",
    "bleu": "BLEU",
    "auc": "AUC",
}
ARROWS = {True: "higher is better", False: "lower is better", None: "closer to real texts is better"}


def gained(scores: Report) -> Iterator[str]:
    """The gain over the floor in words, for each headline metric that differs from chance."""
    by_name = {line.name: line for line in scores.lines}
    for name in HEADLINES:
        line = by_name.get(name)
        if line is not None and line.score is not None and counts(line):
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
    """For each question its answer and its measures; uninformative ones are folded.

    Without real texts there is no answer; one sentence says so.
    """
    judged = any(line.ceiling is not None and line.ceiling.value is not None for line in scores.lines)
    unjudged = "There are no real texts to compare with, so no question has an answer here."
    return tag(
        "div",
        tag("h3", title),
        paragraph(told, " ", _sizes(scores)),
        None if judged else paragraph(unjudged),
        listed(isolate(note) for note in scores.notes) if scores.notes else None,
        tag(
            "div",
            *(_question(q, lines, judged=judged) for q, lines in asked(scores)),
            class_="questions",
        ),
        _models(scores),
        class_="block wide",
    )


def _question(question: QualityQuestion, lines: Sequence[Line], *, judged: bool) -> Html:
    """A question with its answer. The measures that are shown count for the answer, or have no ceiling."""
    given = answer(lines) if judged and question is not OTHERS else None
    counting = lines if given is None else given.counted
    telling = [
        line
        for line in lines
        if line.corpus.value is not None and (line in counting or _has_no_ceiling(line))
    ]
    silent = [line for line in lines if line not in telling]
    shown, rest = telling[:MOST_SHOWN], telling[MOST_SHOWN:]
    return tag(
        "div",
        tag("h4", question.asked),
        None
        if given is None
        else tag("p", tag("strong", f"{given.word}."), " ", given.said, class_="verdict"),
        tag("p", question.told, class_="reader"),
        _table(f"{question.asked} Measures", shown) if shown else None,
        folded(
            counted(len(rest), "more measure"),
            _table(f"{question.asked} More measures", rest),
        )
        if rest
        else None,
        folded(counted(len(silent), "uninformative measure"), _silent(question, silent)) if silent else None,
        class_="question",
    )


def _has_no_ceiling(line: Line) -> bool:
    return line.ceiling is None or line.ceiling.value is None


#: Measures that are shown before the others are folded.
MOST_SHOWN = 5
COLUMNS = ("measure", "here", "floor", "ceiling", "floor to ceiling")


def _table(caption: str, lines: Sequence[Line]) -> Html:
    return table(caption, COLUMNS, [_row(line) for line in lines], COLUMNS[1:4])


def _silent(question: QualityQuestion, lines: Sequence[Line]) -> Html:
    """Measures that do not count for an answer, each with the reason."""
    valued = [line for line in lines if line.corpus.value is not None]
    missing = [
        joined(metric_name(line.name), ": ", isolate(line.corpus.reason))
        for line in lines
        if line.corpus.value is None
    ]
    return joined(
        _table(f"{question.asked} Uninformative measures", valued) if valued else None,
        joined(paragraph("Not measured:"), listed(missing)) if missing else None,
    )


def _sizes(scores: Report) -> str:
    """The conditions on which every number depends. Numbers under different conditions cannot be compared."""
    real = "" if scores.n_real is None else f", against {counted(scores.n_real, 'real one')}"
    split = f", split {scores.split}" if scores.split else ""
    return (
        f"Each row has {counted(scores.n, 'text')}{real}{split}; embedder {scores.embedder or 'none'}, "
        f"seed {scores.seed}. Compare numbers only if all of this is the same. Small figures are 95 % "
        "intervals. Floor: texts made without private data. Ceiling: real texts in place of the corpus."
    )


def _row(line: Line) -> tuple[Child, ...]:
    mine = line.corpus
    name = joined(metric_name(line.name), tag("small", " ", ARROWS[mine.higher_is_better]))
    return name, _other(mine), _other(line.floor), _other(line.ceiling), _between(line)


def _models(scores: Report) -> Html | None:
    """What each measure was computed with, folded."""
    rows = [
        (metric_name(line.name), isolate(line.corpus.model), str(line.corpus.seed))
        for line in scores.lines
        if line.corpus.value is not None
    ]
    head = ("measure", "with", "seed")
    return folded("What each was measured with", table("Models and seeds", head, rows)) if rows else None


def _other(measure: Measure | None) -> Child:
    """A value with its 95 % interval."""
    if measure is None or measure.value is None:
        return "not measured"
    if measure.interval is None:
        return number(measure.value)
    low, high = (number(end) for end in measure.interval)
    return joined(number(measure.value), tag("small", f" {low} to {high}"))


def _between(line: Line) -> Child:
    place = line.score
    if line.informative is False:
        return "uninformative here"
    if place is None:
        return "cannot be placed"
    if line.informative is None:
        return f"{percent(place)}, but how much of it is chance is unknown"
    if not counts(line):
        return f"{percent(place)}, but the interval is wider than the range"
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
