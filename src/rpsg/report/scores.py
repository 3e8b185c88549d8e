"""The scores of an evaluation, as a report shows them: a value beside its floor and its ceiling.

An evaluation that was given real texts stays private as a whole: also how many texts each row has, and so
every number, follows from how many real ones there are. Only one without real texts is public.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.errors import RunError
from rpsg.json_text import strict_json
from rpsg.report.blocks import block, counted, listed, paragraph, percent, table
from rpsg.report.html import Html, foreign, joined, tag
from rpsg.report.svg import between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rpsg.report.html import Child

FORMAT = "rpsg-evaluation/1"
#: Where a reader looks first.
HEADLINES = ("next_word_accuracy", "mauve", "fid", "downstream_accuracy")
SPELT = {"fid": "FID", "mauve": "MAUVE", "kl": "KL", "tv": "TV", "knn": "k-NN", "f1": "F1", "bleu": "BLEU"}
ARROWS = {True: "higher is better", False: "lower is better", None: "nearer to real texts is better"}


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, or the reason why there is none; ``n_real`` is None when no real text was read for it."""

    value: float | None
    interval: tuple[float, float] | None = None
    n_synthetic: int = 0
    n_real: int | None = None
    model: str = ""
    seed: int = 0
    higher_is_better: bool | None = None
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """A metric of the corpus, beside the floor (no private data) and the ceiling (real against real).

    ``informative`` is False where real texts do no better than the floor.
    """

    name: str
    corpus: Measured
    floor: Measured | None = None
    ceiling: Measured | None = None
    informative: bool | None = None

    @property
    def normalised(self) -> float | None:
        """(value - floor) / (ceiling - floor): 0 at the floor, 1 at the ceiling; None if these agree."""
        return self.placed(self.corpus.value)

    def placed(self, value: float | None) -> float | None:
        """Where ``value`` lies between floor and ceiling."""
        low = self.floor.value if self.floor else None
        high = self.ceiling.value if self.ceiling else None
        if value is None or low is None or high is None or abs(high - low) < 1e-12:
            return None
        return (value - low) / (high - low)


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of an evaluation; ``internal`` when real texts were given to it."""

    scores: tuple[Score, ...]
    internal: bool
    n: int
    n_real: int | None = None
    split: str = ""
    embedder: str = ""
    notes: tuple[str, ...] = ()

    def details(self, name: str) -> Mapping[str, Any]:
        """The tables behind a metric of the corpus; none when it was not measured."""
        return next((s.corpus.details for s in self.scores if s.name == name), {})

    def gained(self) -> Iterator[str]:
        """What was gained over the floor, in words, for the metrics that people look at first."""
        by_name = {score.name: score for score in self.scores}
        for name in HEADLINES:
            score = by_name.get(name)
            if score is not None and score.normalised is not None and score.informative is not False:
                yield f"{said(name)}: {number(score.corpus.value)}, {_way(score.normalised)}."


def _way(share: float) -> str:
    if share < 0:
        return "no better than without private data"
    return f"{percent(share)} of the way from the floor (no private data) to the ceiling (real texts)"


def read_scores(path: Path) -> Scores | None:
    """The scores in a file that ``rpsg evaluate`` wrote; None when there is none.

    Raises:
        RunError: the file is damaged or of another version.
    """
    if not path.is_file():
        return None
    try:
        return _scores(strict_json(path.read_bytes()))
    except (ValueError, KeyError, TypeError):
        raise RunError(
            f"{path.name} is damaged or of another version.", hint="Make it again with: rpsg evaluate RUN"
        ) from None


def _scores(found: Mapping[str, Any]) -> Scores:
    if found["format"] != FORMAT:
        raise ValueError("another version")
    return Scores(
        scores=tuple(_score(row) for row in found["metrics"]),
        internal=found["internal"] is not False or found["n_real"] is not None,
        n=int(found["n"]),
        n_real=found["n_real"],
        split=str(found["split"]),
        embedder=str(found["embedder"]),
        notes=tuple(map(str, found["notes"])),
    )


def _score(row: Mapping[str, Any]) -> Score:
    beside = {name: _measured(row[name]) for name in ("floor", "ceiling") if row[name] is not None}
    return Score(
        name=str(row["name"]),
        corpus=_measured(row["corpus"]),
        floor=beside.get("floor"),
        ceiling=beside.get("ceiling"),
        informative=row["informative"],
    )


def _measured(row: Mapping[str, Any]) -> Measured:
    interval = row["interval"]
    return Measured(
        value=None if row["value"] is None else float(row["value"]),
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        n_synthetic=int(row["n_synthetic"]),
        n_real=row["n_real"],
        model=str(row["model"]),
        seed=int(row["seed"]),
        higher_is_better=row["higher_is_better"],
        reason=str(row["reason"]),
        details=row["details"],
    )


def scores_block(scores: Scores, title: str, told: str) -> Html:
    """A row for each metric that has a value, with its interval; below, those without and why."""
    columns = ("metric", "value", "95 % interval", "floor", "ceiling", "floor to ceiling", "model")
    rows = [_row(score) for score in scores.scores if score.corpus.value is not None]
    missing = [
        joined(said(score.name), ": ", foreign(score.corpus.reason))
        for score in scores.scores
        if score.corpus.value is None
    ]
    return block(
        title,
        paragraph(told),
        paragraph(_sizes(scores)),
        table("Metrics", columns, rows, columns[1:-1]),
        listed(foreign(note) for note in scores.notes) if scores.notes else None,
        joined(paragraph("Not measured:"), listed(missing)) if missing else None,
    )


def _sizes(scores: Scores) -> str:
    """What every number depends on: never compare it with one where this differs."""
    real = "" if scores.n_real is None else f", against {counted(scores.n_real, 'real one')}"
    split = f", split {scores.split}" if scores.split else ""
    return (
        f"Every row has {counted(scores.n, 'text')}{real}{split}; embedder {scores.embedder or 'none'}. "
        "Compare numbers only where all of this is the same."
    )


def _row(score: Score) -> tuple[Child, ...]:
    mine = score.corpus
    unknown = "unknown"
    interval = (
        unknown if mine.interval is None else f"{number(mine.interval[0])} to {number(mine.interval[1])}"
    )
    name = joined(said(score.name), tag("span", f" ({ARROWS[mine.higher_is_better]})", class_="reader"))
    model = joined(foreign(mine.model), f", seed {mine.seed}") if mine.model else f"seed {mine.seed}"
    beside = (_other(score.floor), _other(score.ceiling))
    return name, number(mine.value), interval, *beside, _between(score), model


def _other(measured: Measured | None) -> Child:
    """A floor or a ceiling, with its interval."""
    if measured is None or measured.value is None:
        return "not measured"
    if measured.interval is None:
        return number(measured.value)
    low, high = (number(end) for end in measured.interval)
    return joined(number(measured.value), tag("small", f" ({low} to {high})"))


def _between(score: Score) -> Child:
    place = score.normalised
    if score.informative is False:
        return "tells nothing here"
    if place is None:
        return "unknown"
    if score.informative is None:
        return f"{percent(place)}, and how much of it is chance is unknown"
    ends = score.corpus.interval or (score.corpus.value, score.corpus.value)
    placed = sorted(p for end in ends if (p := score.placed(end)) is not None)
    return joined(between(place, placed[0], placed[-1]), percent(place))


def said(name: str) -> str:
    """A metric's name as people write it."""
    return " ".join(SPELT.get(word, word) for word in name.split("_"))


def number(value: float | None) -> str:
    """Three significant digits, or all the digits of a large one."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
