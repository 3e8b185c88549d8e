"""The questions that metrics answer about a corpus, and an answer to each in plain words.

A measure counts for an answer only on two conditions: real texts are better than texts made without private
data by more than chance, and the interval of the corpus is shorter than the distance between these two.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from rpsg.report.html import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpsg.measures import Line, Report


@dataclass(frozen=True, slots=True)
class QualityQuestion:
    """A question, what its measures look at, and their names, the most important first."""

    asked: str
    told: str
    metrics: tuple[str, ...]


QUESTIONS = (
    QualityQuestion(
        "Does it read like real texts?",
        "Whether words, lengths and style are those of the real texts, and whether a classifier can tell "
        "the two apart.",
        (
            *("two_sample_auc", "mauve", "fid", "word_distance", "sliced_wasserstein", "sinkhorn"),
            *("length_distance", "length_mean", "type_token_ratio", "readability"),
        ),
    ),
    QualityQuestion(
        "Is it on topic?",
        "Whether the texts have the same topics as real texts, each about as often.",
        (
            *("knn_precision", "density", "kl", "tv", "sentiment_distance"),
            *("column_distance", "attribute_distance", "attribute_coverage"),
        ),
    ),
    QualityQuestion(
        "Is it varied?",
        "Whether the corpus has all kinds of real texts, and repeats itself no more than they do.",
        (
            *("coverage", "knn_recall", "knn_f1", "self_bleu", "self_similarity", "repetition_rate"),
            *("distinct_1", "distinct_2", "distinct_3", "vocabulary"),
        ),
    ),
    QualityQuestion(
        "Does it make sense?",
        "Whether sentences follow from each other, and whether each text is what its prompt asked for, "
        "without repeating the prompt's words.",
        ("coherence", "word_order", "sentiment_agreement", "echo_rate"),
    ),
    QualityQuestion(
        "Can a model learn from it?",
        "Whether a model that is trained on the corpus does well on real texts.",
        ("downstream_accuracy", "downstream_f1", "next_word_accuracy", "perplexity"),
    ),
)
OTHERS = QualityQuestion(
    "Other measures", "Measures of other packages, and those kept for comparison with papers.", ()
)
#: Each answer, with the share of the gap from texts without private data to real texts that it needs.
ANSWERS = ((0.9, "Yes"), (0.6, "Mostly"), (0.35, "Half-way"), (0.1, "Hardly"))
UNKNOWN = "Unclear"


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    """An answer in a word or two, a sentence that explains it, and the lines of the measures behind it."""

    word: str
    said: str
    counted: tuple[Line, ...]


def asked(scores: Report) -> list[tuple[QualityQuestion, tuple[Line, ...]]]:
    """Each question with its lines, in the order of the question; questions without a line are left out."""
    by_name = {line.name: line for line in scores.lines}
    known = {name for question in QUESTIONS for name in question.metrics}
    found = [(q, tuple(by_name[name] for name in q.metrics if name in by_name)) for q in QUESTIONS]
    found.append((OTHERS, tuple(line for line in scores.lines if line.name not in known)))
    return [(question, lines) for question, lines in found if lines]


def answer(lines: Iterable[Line]) -> QualityAnswer:
    """The answer by the median of the measures that count."""
    lines = tuple(lines)
    counted = tuple(line for line in lines if counts(line))
    if not counted:
        return QualityAnswer(UNKNOWN, f"{_why_not(lines)}.", ())
    ways = sorted(way for line in counted if (way := way_of(line)) is not None)
    middle = median(ways)
    word = next((word for least, word in ANSWERS if middle >= least), "No")
    if middle <= 0:
        said = "No closer to real texts than texts made without private data"
    elif middle >= 1:
        said = "As close to real texts as other real texts are"
    else:
        said = f"{percent(middle)} of the way from texts made without private data to real texts"
    if len(ways) > 1 and _share(ways[0]) == _share(ways[-1]):
        said += f": {len(ways)} measures agree"
    elif len(ways) > 1:
        said += f": the median of {len(ways)} measures, from {_share(ways[0])} to {_share(ways[-1])}"
    else:
        said += ", by one measure"
    return QualityAnswer(word, f"{said}.", counted)


def counts(line: Line) -> bool:
    """Whether a line says more about the corpus than chance would."""
    if line.informative is not True or line.score is None or line.corpus.interval is None:
        return False
    ends = [line.scaled(end) for end in line.corpus.interval]
    return None not in ends and abs((ends[1] or 0.0) - (ends[0] or 0.0)) < 1


def way_of(line: Line) -> float | None:
    """Where the corpus is between texts made without private data (0) and real texts (1).

    If higher (or lower) is better, a corpus that is better than real texts gets 1. Otherwise only the
    distance to the value of real texts matters, not its direction.
    """
    score = line.score
    if score is None or line.corpus.higher_is_better is not None:
        return None if score is None else min(score, 1.0)
    return 1 - abs(1 - score)


def _share(way: float) -> str:
    return percent(max(way, 0.0))


def _why_not(lines: Sequence[Line]) -> str:
    valued = [line for line in lines if line.corpus.value is not None]
    if not valued:
        return "None of its measures could be computed"
    if not any(_has_value(line.ceiling) for line in valued):
        return "There are no real texts to compare with"
    if not any(_has_value(line.floor) for line in valued):
        return "There are no texts made without private data to compare with"
    if all(line.informative is None for line in valued):
        return "There are too few texts to tell a difference from chance"
    return (
        "By these measures real texts and texts made without private data are too similar, or too few, to "
        "place this corpus between them"
    )


def _has_value(measure: object) -> bool:
    return getattr(measure, "value", None) is not None
