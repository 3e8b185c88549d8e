"""The page: it loads nothing, runs nothing, and says everything that is in the comparison."""

from __future__ import annotations

import html
import math
import re

from tests.compare.conftest import comparison, outcome

from rpsg.compare.figures import legend_of, log_scale_of, scale_of
from rpsg.compare.outcome import INTERNAL
from rpsg.compare.page import comparison_page

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202eevil"


def everything(name: str = "ours") -> str:
    """A page with every kind of table and chart."""
    cells = [
        *(outcome("floor", 5.0, tokens=100, reads="nothing", size=size) for size in (100, 200)),
        *(
            outcome(name, 1.0 / epsilon + seed / 10, tokens=1000, epsilon=epsilon, seed=seed, size=size)
            for epsilon in (1.0, 2.0, math.inf)
            for seed in (0, 1)
            for size in (100, 200)
        ),
        *(outcome("theirs", 2.0 / e, tokens=9000, epsilon=e) for e in (1.0, 2.0)),
        outcome("theirs", epsilon=math.inf, state="not supported", reason=f"No: {name}"),
        outcome("broken", state="failed", reason=f"It failed: {name}"),
        *(outcome("ceiling", 0.1, size=size) for size in (100, 200)),
    ]
    return comparison_page(comparison(*cells, title=f"Comparison of {name}"))


def test_nothing_of_a_name_or_a_reason_is_markup() -> None:
    page = everything(HOSTILE)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page


def test_a_cell_is_listed_with_its_epsilon_once() -> None:
    page = comparison_page(
        comparison(outcome("ours", epsilon=2.0), outcome("theirs", epsilon=2.0, state="failed"))
    )
    places = re.findall(r">([^<>]*seed 0[^<>]*)<", page)
    assert places
    assert all(place.count("epsilon 2") == 1 and "(ε" not in place for place in places), places


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = everything()
    policy = html.unescape(page)
    assert re.search(r"default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'", policy)
    assert not re.search(r"\b(?:src|href)=\"(?!#)", page)
    assert not re.search(r"\son\w+=", page)
    assert "url(" not in page
    assert " style=" not in page


def test_every_part_is_there_with_its_charts() -> None:
    page = everything()
    for name in ("short", "tables", "tokens", "curves", "efficiency", "sweep", "cells", "making"):
        assert f'id="{name}"' in page, name
    assert page.count("<svg") >= 8
    assert "Figure 5" in page
    assert "Figure 2" in page


def test_each_chart_has_words_and_a_table_with_the_same_numbers() -> None:
    page = everything()
    charts = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(charts) == page.count("<svg")
    for chart in charts:
        assert "<title" in chart
        assert "<desc" in chart
        assert "<table" in chart
    names = re.findall(r'<title id="([^"]+)"', page)
    assert len(set(names)) == len(names)


def test_what_was_not_run_is_told_with_its_reason() -> None:
    page = everything()
    assert "not supported" in page
    assert "No: ours" in page
    assert "It failed: ours" in page


def test_figures_from_private_texts_are_marked_and_public_ones_are_not() -> None:
    assert INTERNAL in comparison_page(comparison(outcome("ours", 1.0), internal=True))
    assert "<title>PRIVATE: " in comparison_page(comparison(outcome("ours", 1.0), internal=True))
    assert INTERNAL not in everything()


def test_the_best_has_a_star_in_each_line_and_nobody_where_two_are_equal() -> None:
    page = comparison_page(comparison(outcome("ours", 1.25), outcome("theirs", 2.5)))
    assert page.count('class="best"') == 1
    assert '<span class="best">1.25</span>' in page
    equal = comparison_page(comparison(outcome("ours", 1.0), outcome("theirs", 1.0)))
    assert 'class="best"' not in equal


def test_a_comparison_in_which_nothing_is_done_has_a_page() -> None:
    page = comparison_page(comparison(outcome("ours", state="new"), outcome("theirs", state="left out")))
    assert "not begun" in page
    assert "nothing to compare" in page


def test_more_methods_than_colours_still_have_letters_of_their_own() -> None:
    legend = legend_of([f"method {i}" for i in range(30)])
    assert len({drawn.letter for drawn in legend.values()}) == 30
    assert {drawn.kind for drawn in legend.values()} == {f"s{i}" for i in range(1, 9)}


def test_scales_hold_all_values_between_round_ticks() -> None:
    for values in ([0.27, 0.31], [5.0], [0.0], [-2.0, 3.0], [1e-9, 2e-9], [0.1, 0.1]):
        scale = scale_of(values)
        assert all(0 <= scale.position(value) <= 1 for value in values)
        assert 2 <= len(scale.ticks) <= 8
    for values in ([900.0, 64_000.0], [10.0], [3.0, 3.0], [1.0, 5e6]):
        scale = log_scale_of(values)
        assert all(0 <= scale.position(value) <= 1 for value in values)
        assert scale.ticks
