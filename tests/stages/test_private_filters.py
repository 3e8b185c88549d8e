"""The paper's filters, surrogate, representatives and histogram, on cases made by hand."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stages.pools import alive

from rpsg.models.fake import FakeEmbedder
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.cosine_filter import closest, drop_closest_to_private
from rpsg.stages.nll_filter import drop_likeliest, drop_near_private, representatives
from rpsg.stages.noisy_choice import clipped, ranked, vote_counts
from rpsg.stages.surrogate import NgramRecipe, NgramScorer, mean_nll
from rpsg.testing.noise import FixedNoise

FLOATS = st.floats(0, 9, allow_nan=False)
TEXTS = ["tea is good", "tea is warm and good", "coffee is bitter", "we drink tea"]


def pool_of(count: int) -> Pool:
    return Pool(tuple(Candidate(i, f"text {i}", Card({})) for i in range(count)))


def reasons(pool: Pool) -> set[str]:
    return {reason for _, reason in pool.drops()}


def test_the_cosine_filter_keeps_what_is_least_like_private_texts() -> None:
    found = drop_closest_to_private(pool_of(5), np.array([0.9, 0.1, 0.5, 0.5, 0.7]), 0.6)
    assert alive(found) == [1, 2, 3]
    assert reasons(found) == {"most like a private text"}
    assert alive(drop_closest_to_private(pool_of(5), np.zeros(5), 1.0)) == [0, 1, 2, 3, 4]


def test_closeness_is_the_highest_cosine_with_any_private_text_in_any_order() -> None:
    embedder = FakeEmbedder()
    texts, private = embedder.embed(TEXTS), embedder.embed(["we drink tea", "stones", "bitter coffee"])
    found = closest(texts, private)
    assert found == pytest.approx((texts @ private.T).max(axis=1), abs=1e-3)
    assert np.array_equal(found, closest(texts, private[::-1]))
    assert found[3] == pytest.approx(1.0, abs=1e-3)


def test_the_nll_filter_drops_what_is_scored_like_private_texts() -> None:
    """Distances to the farthest of 2 and 4 are 3, 1, 2.5, 5; the least of them goes."""
    scores, private = np.array([1.0, 3.0, 4.5, 7.0]), np.array([2.0, 4.0])
    found = drop_near_private(pool_of(4), scores, private, 10, "max", edge_stays=True)
    assert alive(found) == [0, 2, 3]
    assert reasons(found) == {"scored like a private text"}
    assert [c.scores["nll"] for c in found] == [1.0, 3.0, 4.5, 7.0]


def test_with_the_nearest_representative_other_texts_go() -> None:
    """Distances to the nearest of 2 and 4 are 1, 1, 0.5, 3."""
    scores, private = np.array([1.0, 3.0, 4.5, 7.0]), np.array([2.0, 4.0])
    assert alive(drop_near_private(pool_of(4), scores, private, 10, "min", edge_stays=True)) == [0, 1, 3]


@pytest.mark.parametrize(("edge_stays", "kept"), [(True, 10), (False, 9)])
def test_a_text_right_at_the_percentile_stays_in_the_last_version_alone(edge_stays: bool, kept: int) -> None:
    """Of 11 different gaps the tenth percentile is the second one."""
    scores = np.linspace(3.0, 4.0, 11)
    found = drop_near_private(pool_of(11), scores, np.array([1.0, 2.0]), 10, "max", edge_stays=edge_stays)
    assert alive(found) == list(range(11 - kept, 11))


@given(st.lists(FLOATS, min_size=1, max_size=30), st.sampled_from(["max", "min"]))
def test_percentile_nought_keeps_every_text_and_equal_gaps_stay_together(
    values: list[float], distance: Literal["max", "min"]
) -> None:
    scores, private, pool = np.array(values), np.array([1.0, 5.0]), pool_of(len(values))
    same = np.full(len(values), 3.0)
    for stays in (True, False):
        assert len(alive(drop_near_private(pool, scores, private, 0, distance, edge_stays=stays))) == len(
            pool
        )
        kept = alive(drop_near_private(pool, same, private, 55, distance, edge_stays=stays))
        assert len(kept) == (len(pool) if stays else 0)


@given(st.sets(st.integers(0, 900), min_size=2, max_size=40), st.sampled_from([10.0, 50.0, 55.0]))
def test_about_the_percentile_of_the_texts_goes(values: set[int], percentile: float) -> None:
    pool, scores = pool_of(len(values)), np.array(sorted(values)) / 100
    for stays in (True, False):
        kept = alive(drop_near_private(pool, scores, np.array([0.0]), percentile, "max", edge_stays=stays))
        assert len(values) - len(kept) <= math.ceil(percentile / 100 * len(values)) + (not stays)


def test_a_text_without_a_score_goes() -> None:
    found = drop_near_private(
        pool_of(2), np.array([math.nan, 3.0]), np.array([1.0]), 0, "max", edge_stays=True
    )
    assert alive(found) == [1]
    assert reasons(found) == {"could not be scored"}


def test_the_first_version_keeps_the_unlikeliest_half() -> None:
    found = drop_likeliest(pool_of(4), np.array([1.0, 4.0, 3.0, 3.0]), 0.5)
    assert alive(found) == [1, 2]
    assert reasons(found) == {"among the likeliest"}


def test_representatives_are_the_scores_nearest_to_the_mean_of_equal_bins() -> None:
    scores = np.array([9.0, 1.0, 2.0, 6.0, 7.0, 8.9])
    assert representatives(scores, 2).tolist() == [2.0, 8.9]
    assert representatives(scores, 6).tolist() == sorted(scores)
    assert representatives(scores, 250).tolist() == sorted(scores)
    assert representatives(np.array([math.nan, 1.0]), 250).tolist() == [1.0]
    assert len(representatives(np.zeros(0), 250)) == 0


@given(st.lists(FLOATS, min_size=1, max_size=60), st.integers(1, 20), st.randoms(use_true_random=False))
def test_representatives_are_scores_and_do_not_depend_on_order(
    values: list[float], bins: int, random: object
) -> None:
    found = representatives(np.array(values), bins)
    assert len(found) == min(bins, len(values))
    assert set(found) <= set(values)
    mixed = list(values)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis types it loosely
    assert np.array_equal(found, representatives(np.array(mixed), bins))


def test_each_record_votes_for_its_nearest_text() -> None:
    embedder = FakeEmbedder()
    private = embedder.embed(["tea is good", "good tea is", "bitter coffee is", ""])
    assert vote_counts(private, embedder.embed(TEXTS)).tolist() == [2, 0, 1, 0]


def test_counts_are_clipped_at_the_threshold_and_it_is_taken_off() -> None:
    assert clipped(np.array([10, 3, 4]), 4.0, FixedNoise([1, 1, 0])).tolist() == [7.0, 0.0, 0.0]


def test_the_highest_counts_stay_and_of_equals_the_first() -> None:
    assert ranked(np.array([1.0, 5.0, 1.0, 3.0]), 3) == [0, 1, 3]


def test_the_stand_in_for_the_surrogate_is_a_law_over_words() -> None:
    """After each beginning the probabilities of all seen words, the end and one unseen word sum to one."""
    scorer = NgramScorer(TEXTS)
    words = sorted({word for text in TEXTS for word in text.split()} | {"</text>", "unseen"})
    for before in ((), ("tea",), ("tea", "is"), ("coffee", "tea"), ("unseen", "unseen")):
        total = math.fsum(scorer._probability((*before, word)) for word in words)
        assert total == pytest.approx(1.0)


def test_what_it_was_shown_is_likelier_than_what_it_was_not() -> None:
    scorer = NgramRecipe().train(TEXTS, 0)
    shown, strange = mean_nll(scorer, ["tea is good", "good bitter we"])
    assert shown < strange < 10


@given(st.lists(st.sampled_from([*TEXTS, "", "strange words"]), min_size=1, max_size=8))
def test_a_text_s_score_does_not_change_with_its_company(texts: list[str]) -> None:
    scorer = NgramScorer(TEXTS)
    together = mean_nll(scorer, texts)
    alone = [mean_nll(scorer, [text])[0] for text in texts]
    assert np.array_equal(together, alone)
