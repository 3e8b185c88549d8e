"""How near the corpus comes to each real text: the same as by hand, and fair between the two curves."""

from __future__ import annotations

import numpy as np
import pytest
from tests.report.conftest import read_page

from rpsg.report.nearness import nearest, nearness


def cloud(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 6)).astype(np.float32)


def by_hand(row: np.ndarray, others: np.ndarray) -> float:
    return max(float(row @ other / np.linalg.norm(row) / np.linalg.norm(other)) for other in others)


def test_of_as_many_texts_as_there_are_real_ones_the_nearest_is_found() -> None:
    real, synthetic = cloud(9, 0), cloud(8, 1)
    first, second = nearest(real, synthetic)
    assert first == pytest.approx([by_hand(row, synthetic) for row in real], abs=1e-5)
    assert second == pytest.approx(
        [by_hand(row, np.delete(real, i, 0)) for i, row in enumerate(real)], abs=1e-5
    )


def test_no_text_is_its_own_neighbour() -> None:
    real = cloud(40, 2)
    assert nearest(real, cloud(10, 3))[1].max() < 0.9999


@pytest.mark.parametrize("count", [5, 20, 80])
def test_a_corpus_like_the_real_texts_comes_as_near_as_they_do(count: int) -> None:
    """More candidates lie nearer, so both sides have the same number of them."""
    first, second = nearest(cloud(400, 4), cloud(count, 5))
    assert abs(float(first.mean() - second.mean())) < 0.05


def test_the_picture_says_the_medians_and_has_its_table() -> None:
    real, synthetic = cloud(30, 6), cloud(20, 7)
    tree = read_page(str(nearness(real, synthetic)))
    mine, theirs = (float(np.median(side)) for side in nearest(real, synthetic))
    assert f"cosine of {mine:.2f} or more" in tree.one("figcaption").text
    assert f"with {theirs:.2f} or more" in tree.one("figcaption").text
    shares = [row.all("td")[0].text for row in tree.one("tbody").all("tr")]
    assert shares[0] == "100\u00a0%"
    assert shares[-1] == "0\u00a0%"


def test_rows_that_are_no_numbers_are_left_out() -> None:
    real = cloud(10, 8)
    real[3] = np.nan
    first, second = nearest(real, cloud(4, 9))
    assert len(first) == len(second) == 9
    assert np.isfinite([*first, *second]).all()
