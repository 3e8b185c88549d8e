"""Metrics by question, each with an answer in plain words that follows from floor and ceiling."""

from __future__ import annotations

from itertools import chain

import pytest

from rpsg.evaluation.metrics import METRICS
from rpsg.measures import Line, Measure, Report
from rpsg.report.html import percent
from rpsg.report.private_page import PrivateExtras, private_part
from rpsg.report.questions import OTHERS, QUESTIONS, UNKNOWN, answer, asked, way_of
from rpsg.report.scores import gained


def line(
    value: float | None,
    *,
    name: str = "coverage",
    floor: float | None = 0.0,
    ceiling: float | None = 1.0,
    reach: float | None = 0.05,
    better: bool | None = True,
) -> Line:
    """A line whose three measures have intervals of the same length; no interval if ``reach`` is None."""

    def of(number: float | None) -> Measure:
        interval = None if number is None or reach is None else (number - reach, number + reach)
        return Measure(
            name, number, interval, 50, 50, higher_is_better=better, reason="" if number else "none"
        )

    return Line(name, of(value), of(floor), of(ceiling))


def test_the_summary_names_no_metric_whose_figure_may_be_chance() -> None:
    """FID of few texts has no interval, so 95 % of the way may be chance: it must not head the page."""
    sure, unsure = line(0.9, name="next_word_accuracy"), line(0.95, name="fid", reach=None)
    report = Report((sure, unsure), 50, 50, {}, "", "", 0)
    assert [words.partition(":")[0] for words in gained(report)] == ["next word accuracy"]


def test_every_metric_of_ours_belongs_to_one_question_but_the_one_kept_for_comparison() -> None:
    named = list(chain.from_iterable(question.metrics for question in QUESTIONS))
    assert len(named) == len(set(named))
    assert set(METRICS) - set(named) == {"wasserstein"}
    assert set(named) <= set(METRICS)


def test_a_metric_of_another_package_is_shown_without_an_answer() -> None:
    report = Report((line(0.5), line(0.5, name="theirs")), 50, 50, {}, "", "", 0)
    assert [(q.asked, [one.name for one in lines]) for q, lines in asked(report)] == [
        ("Is it varied?", ["coverage"]),
        (OTHERS.asked, ["theirs"]),
    ]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (1.2, "Yes"),
        (0.95, "Yes"),
        (0.7, "Mostly"),
        (0.5, "Half-way"),
        (0.2, "Hardly"),
        (0.05, "No"),
        (-2, "No"),
    ],
)
def test_the_answer_follows_from_the_way_between_floor_and_ceiling(value: float, word: str) -> None:
    assert answer([line(value)]).word == word


def test_a_lower_value_is_nearer_where_lower_is_better() -> None:
    assert answer([line(0.2, floor=1.0, ceiling=0.0, better=False)]).word == "Mostly"


def test_the_middle_of_several_measures_decides_and_the_range_is_said() -> None:
    found = answer([line(0.1), line(0.5), line(0.95)])
    assert found.word == "Half-way"
    assert found.said.endswith("the median of 3 measures, from 10\u00a0% to 95\u00a0%.")


def test_measures_that_say_the_same_are_said_to_agree() -> None:
    assert answer([line(-0.2), line(-0.5)]).said == (
        "No closer to real texts than texts made without private data: 2 measures agree."
    )


def test_more_than_real_texts_have_is_as_far_off_as_less_where_neither_is_better() -> None:
    assert way_of(line(1.4, better=None)) == pytest.approx(0.6)
    assert way_of(line(1.4, better=True)) == 1.0


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "None of its measures could be computed"),
        ([line(None)], "None of its measures could be computed"),
        ([line(0.5, ceiling=None)], "no real texts to compare with"),
        ([line(0.5, floor=None)], "no texts made without private data"),
        ([line(0.5, reach=None)], "too few texts"),
        ([line(0.5, ceiling=0.01)], "too similar"),
        ([line(0.5, reach=0.6)], "too few"),
    ],
)
def test_what_cannot_be_said_is_said_with_its_reason(lines: list[Line], why: str) -> None:
    found = answer(lines)
    assert found.word == UNKNOWN
    assert why in found.said
    assert found.counted == ()


def test_a_measure_that_tells_nothing_does_not_change_the_answer() -> None:
    silent = line(0.0, ceiling=0.01)
    assert answer([line(0.95), silent]) == answer([line(0.95)])


def test_an_interval_longer_than_the_way_does_not_count() -> None:
    wide = line(0.5, reach=0.6)
    assert answer([line(0.95), wide]).counted == answer([line(0.95)]).counted


def test_a_share_is_never_minus_nothing() -> None:
    assert [percent(share) for share in (-0.001, 0.0, 0.004, -0.02)] == [
        "0\u00a0%",
        "0\u00a0%",
        "0\u00a0%",
        "-2\u00a0%",
    ]


def test_lengths_that_no_text_has_are_left_out_at_both_ends() -> None:
    found = {"up to words": [5, 10, 20, 40], "corpus": [0, 0.5, 0, 0.5, 0], "real": [0, 0, 0.2, 0.8, 0]}
    measure = Measure("length_distance", 0.1, (0.0, 0.2), 50, 50, details=found)
    page = private_part(
        PrivateExtras(Report((Line("length_distance", measure, None, None),), 50, 50, {}, "", "", 0))
    )
    rows = [row for row in ("up to 5", "up to 10", "up to 20", "up to 40", "more") if f">{row}<" in page]
    assert rows == ["up to 10", "up to 20", "up to 40"]
