"""Bins that hold every number once, of a width that people read, and columns as high as their shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.conftest import read_page

from rpsg.report.histograms import FEWEST_BINS, MOST_BINS, bins_of
from rpsg.report.svg import columns


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=400))
def test_every_number_is_in_one_bin_and_no_bin_is_left_out(words: list[int]) -> None:
    bins = bins_of(words)
    width = bins[0][1] - bins[0][0] + 1
    assert str(width).rstrip("0") in {"1", "2", "5"}
    assert len(bins) <= MOST_BINS
    for place, (first, last, count) in enumerate(bins):
        assert (first, last) == (bins[0][0] + place * width, bins[0][0] + (place + 1) * width - 1)
        assert count == sum(first <= number <= last for number in words)
    assert sum(count for _, _, count in bins) == len(words)
    assert bins[0][2] > 0
    assert bins[-1][2] > 0


def test_bins_are_as_fine_as_the_number_of_texts_allows() -> None:
    few, many = list(range(20)), [n % 20 for n in range(2000)]
    assert bins_of(few) == [(0, 4, 5), (5, 9, 5), (10, 14, 5), (15, 19, 5)]
    assert bins_of(many) == [(n, n, 100) for n in range(20)]
    assert len(bins_of(few)) <= FEWEST_BINS


def test_texts_of_one_length_are_one_bin() -> None:
    assert bins_of([7, 7, 7]) == [(7, 7, 3)]


@pytest.mark.parametrize(
    ("shares", "ticks"),
    [
        ([0.28, 0.14], ["0 %", "10 %", "20 %", "30 %"]),
        ([1.0], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        ([0.05] * 20, ["0 %", "1 %", "2 %", "3 %", "4 %", "5 %"]),
    ],
)
def test_columns_stand_on_a_scale_of_round_percentages(shares: list[float], ticks: list[str]) -> None:
    told = "A sentence that says what these columns are."
    drawn = columns("x", shares, title="A title of it", desc=told, axes=("across", "up"), labels=[(0.0, "0")])
    svg = read_page(drawn).one("svg")
    said = [text.text.replace("\u00a0", " ") for text in svg.all("text")]
    assert said == ["0", *ticks, "across", "up"]
    top = float(ticks[-1].removesuffix(" %")) / 100
    floor = float(svg.all("text")[1].attributes["y"]) - 4
    ceiling = float(svg.all("text")[len(ticks)].attributes["y"]) - 4
    for bar, share in zip(svg.all("rect"), shares, strict=True):
        high, y = float(bar.attributes["height"]), float(bar.attributes["y"])
        assert high == pytest.approx((floor - ceiling) * share / top, abs=0.02)
        assert y + high == pytest.approx(floor, abs=0.02)
