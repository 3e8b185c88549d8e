"""The features of the sketch, what a person adds to it, and what its noisy sum is turned into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rpsg.privacy.histogram import Query
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.vector_sum import MOST_ENTRIES, clean_sum
from rpsg.records import Document
from rpsg.stages.sketch import (
    LENGTH,
    POOR_FIT,
    Features,
    axes_wanted,
    sketch_vectors,
    words_wanted,
)
from rpsg.stages.sketch_target import other_language_share, poor_share, target_of
from rpsg.stages.word_roots import common_words, word_roots


def unit_rows(count: int, dim: int = 24, seed: int = 0, push: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = np.linspace(1.0, 0.2, dim)
    rows = rng.normal(size=(count, dim)) * spread + push * np.eye(dim)[0]
    whole: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return whole


def written(count: int, seed: int = 0) -> list[str]:
    """Texts of few words, with some of them commoner than others."""
    rng = np.random.default_rng(seed)
    words = ["tea", "coffee", "was", "the", "good", "bad", "cold", "warm"]
    return [" ".join(rng.choice(words, size=12, p=np.arange(1, 9) / 36)) for _ in range(count)]


def documents(texts: list[str]) -> Private[tuple[Document, ...]]:
    return Private(tuple(Document(i, text) for i, text in enumerate(texts)))


@pytest.fixture
def features() -> Features:
    return Features.fit(unit_rows(200), written(200), most_axes=8)


def query(dim: int, c: int = 1) -> Query:
    return Query("sketch", "a sum", dim, "S6_bounded_vector", 1.0, w=LENGTH, c=c)


def the_sum(
    features: Features, rows: np.ndarray, units: np.ndarray, c: int = 1, texts: list[str] | None = None
) -> np.ndarray:
    private = sketch_vectors(
        Private(rows),
        documents(texts or written(len(rows), seed=1)),
        Private(units.astype(np.int64)),
        features,
        Private(np.zeros(len(rows), np.float32)),
    )
    return clean_sum(query(features.dim, c), open_private(private))


def test_the_mean_features_of_the_drafts_are_zero(features: Features) -> None:
    drafts = unit_rows(200)
    told = features.of(drafts, written(200), np.zeros(len(drafts), np.float32))
    assert np.abs(told.mean(axis=0)).max() < 1e-6  # its steps


def test_the_inner_product_of_features_is_that_of_coordinates_and_its_square(features: Features) -> None:
    z = features.coordinates(unit_rows(5, seed=1))
    raw = features.raw(z)
    assert np.allclose(raw @ raw.T, z @ z.T + 4 * (z @ z.T) ** 2)


def test_nobody_adds_a_vector_longer_than_the_rule_allows(features: Features) -> None:
    far = np.concatenate([unit_rows(20, seed=2), unit_rows(20, seed=3, push=9.0)])
    for row in far:
        alone = the_sum(features, row[None], np.array([0]), texts=["tea tea tea"])
        assert int((alone**2).sum()) <= LENGTH**2


def test_the_rows_of_a_person_share_one_length(features: Features) -> None:
    rows = np.repeat(unit_rows(1, seed=4), 5, axis=0)
    same = written(1) * 5
    alone = the_sum(features, rows[:1], np.array([7]), texts=same[:1])
    five = the_sum(features, rows, np.full(5, 7), c=5, texts=same)
    assert np.abs(alone - five).max() <= 3  # five roundings instead of one
    assert int((five**2).sum()) <= LENGTH**2


def test_a_row_adds_the_same_whichever_rows_lie_beside_it(features: Features) -> None:
    rows, texts = unit_rows(300, seed=5), written(300, seed=5)
    together = the_sum(features, rows, np.arange(300), texts=texts)
    alone = sum(the_sum(features, rows[i : i + 1], np.array([i]), texts=texts[i : i + 1]) for i in range(300))
    assert np.array_equal(together, alone)
    backwards = the_sum(features, rows[::-1].copy(), np.arange(300), texts=texts[::-1])
    assert np.array_equal(together, backwards)


def test_a_text_that_could_not_be_embedded_adds_nothing(features: Features) -> None:
    rows = np.zeros((3, 24), np.float32)
    assert not the_sum(features, rows, np.arange(3)).any()


def test_a_row_writes_into_the_entries_of_its_own_label(features: Features) -> None:
    rows, units, texts = unit_rows(4, seed=6), np.arange(4), written(4)
    private = sketch_vectors(
        Private(rows),
        documents(texts),
        Private(units),
        features,
        Private(np.zeros(4, np.float32)),
        Private(np.array([0, 1, 1, -1])),
        2,
    )
    total = clean_sum(query(2 * features.dim), open_private(private)).reshape(2, features.dim)
    assert np.array_equal(total[0], the_sum(features, rows[:1], units[:1], texts=texts[:1]))
    assert np.array_equal(total[1], the_sum(features, rows[1:3], units[1:3], texts=texts[1:3]))


def test_without_noise_the_target_is_the_mean_of_the_private_texts(features: Features) -> None:
    # Near the drafts, so that hardly any vector is shortened.
    rows = unit_rows(2000, seed=7, push=0.2)
    target = target_of(the_sum(features, rows, np.arange(2000)), features, 2000, 1e-6)
    z = features.coordinates(rows)
    assert target.trust == pytest.approx((1.0, 1.0, 1.0))
    roots = word_roots(written(2000, seed=1), features.words)
    assert np.abs(target.words - roots.mean(axis=0)).max() < 0.02
    assert np.abs(target.mean - z.mean(axis=0)).max() < 0.01
    assert np.abs(target.products - z.T @ z / len(z)).max() < 0.01


def test_noise_alone_leaves_the_drafts_own_mean(features: Features) -> None:
    noise = np.random.default_rng(8).normal(0, 1000, features.dim)
    target = target_of(np.rint(noise).astype(np.int64), features, 20, 2000.0)
    assert target.trust == (0.0, 0.0, 0.0)
    assert np.allclose(target.mean, features.base[: features.count])


def test_the_share_of_texts_that_fit_no_topic_comes_out_with_its_error(features: Features) -> None:
    rows, poor = unit_rows(400, seed=9), np.repeat(np.array([1, 0], np.float32), [100, 300])
    private = sketch_vectors(
        Private(rows), documents(written(400)), Private(np.arange(400)), features, Private(poor)
    )
    total = clean_sum(query(features.dim), open_private(private))
    share, error = poor_share(total[None], 400, 4 * LENGTH)
    assert share == pytest.approx(0.25, abs=0.02)
    assert error == pytest.approx(4 / (POOR_FIT * 400))


GERMAN = "Das ist nicht der Text, den wir für die Patienten und ihre Familien haben wollten."


def test_texts_in_another_language_are_counted_within_the_length_of_a_poor_fit() -> None:
    """Half of them fit no topic either, and count once: the entries of both are no longer than one."""
    plain = Features.fit(unit_rows(200), written(200), most_axes=8)
    features = replace(plain, language="en")
    rows, poor = unit_rows(400, seed=9), np.tile(np.array([1, 0], np.float32), 200)
    texts = [GERMAN] * 100 + written(300)
    before, after = plain.of(rows, texts, poor), features.of(rows, texts, poor)
    assert after.shape[1] == features.dim == plain.dim + 1
    marked = after[:, -2:].any(axis=1)
    assert np.array_equal(after[~marked, :-2], before[~marked, :-1])
    assert (after[marked] ** 2).sum(axis=1).max() <= 1.00001
    assert np.array_equal(after[:, -2:].max(axis=1), np.where(np.arange(400) < 100, POOR_FIT, before[:, -1]))
    assert not (after[:, -2] * after[:, -1]).any()

    private = sketch_vectors(
        Private(rows), documents(texts), Private(np.arange(400)), features, Private(poor)
    )
    total = clean_sum(query(features.dim), open_private(private))[None]
    assert other_language_share(total, 400, 4 * LENGTH)[0] == pytest.approx(0.25, abs=0.02)
    assert poor_share(total, 400, 4 * LENGTH)[0] == pytest.approx(0.375, abs=0.03)
    noisy = target_of(total[0], features, 400, 1e-6)
    assert len(noisy.words) == len(features.words)


def test_a_text_far_from_the_drafts_still_counts_fully_as_one_in_another_language() -> None:
    """Only its other entries are shortened: 300 of 300 is a share of 1, not of .8."""
    features = replace(Features.fit(unit_rows(200), written(200), most_axes=8), language="en")
    rows, poor = unit_rows(300, seed=10, push=9.0), np.zeros(300, np.float32)
    assert (features.of(rows, [GERMAN] * 300, poor) ** 2).sum(axis=1).max() == pytest.approx(1)
    private = sketch_vectors(
        Private(rows), documents([GERMAN] * 300), Private(np.arange(300)), features, Private(poor)
    )
    total = clean_sum(query(features.dim), open_private(private))[None]
    assert other_language_share(total, 300, 4 * LENGTH)[0] == 1.0


def test_few_drafts_have_fewer_axes() -> None:
    assert Features.fit(unit_rows(3), written(3)).count == 2
    assert Features.fit(unit_rows(1), ["tea"]).dim >= 2


def test_the_commonest_words_are_looked_at_in_a_fixed_order() -> None:
    drafts = ["The tea was good.", "the TEA was cold", "The tea: bad", "coffee, coffee, coffee"]
    assert common_words(drafts) == ("tea", "the")
    assert common_words(drafts, most=1) == ("tea",)


def test_a_text_s_word_roots_are_those_of_its_shares_whatever_its_length() -> None:
    rows = word_roots(["tea tea the end", "Tea the? TEA end! " * 50, "", "12 34"], ("tea", "the"))
    assert rows[0].tolist() == pytest.approx([0.5**0.5, 0.25**0.5])
    assert np.allclose(rows[0], rows[1])
    assert not rows[2:].any()
    assert (np.linalg.norm(rows, axis=1) <= 1).all()


def test_the_features_do_not_depend_on_the_order_in_which_anything_is_added_up() -> None:
    drafts, texts = unit_rows(500, seed=10), written(500)
    order = np.random.default_rng(11).permutation(500)
    one, other = Features.fit(drafts, texts), Features.fit(drafts[order], [texts[i] for i in order])
    assert np.array_equal(one.axes, other.axes)
    assert np.array_equal(one.base, other.base)
    assert (one.scale, one.words, one.word_scale) == (other.scale, other.words, other.word_scale)
    assert np.array_equal(one.word_base, other.word_base)


def test_an_axis_along_which_drafts_do_not_spread_at_all_is_none() -> None:
    """What is left of it is an error of rounding, of which no two processors make the same."""
    assert Features.fit(np.repeat(np.eye(24, dtype=np.float32)[:5], 9, axis=0), written(45)).count == 4
    assert Features.fit(np.repeat(unit_rows(4, dim=300), 25, axis=0), written(100)).count <= 4


@pytest.mark.parametrize("labels", [0, 2, 5, 100, 488, 489, 5_000, 200_000])
def test_however_many_labels_there_are_the_vector_is_one_that_may_be_asked_for(labels: int) -> None:
    count = axes_wanted(labels)
    entries = (count + 1) * (count + 2) // 2 + words_wanted(labels)  # as ``Features.dim``
    assert count >= 1
    assert max(1, labels) * entries <= MOST_ENTRIES


def test_a_row_that_is_too_long_for_an_embedding_adds_nothing(features: Features) -> None:
    rows, texts = unit_rows(3, seed=12) * np.array([[1.0], [1e30], [2.0]], np.float32), written(3)
    together = the_sum(features, rows, np.arange(3), texts=texts)
    assert np.array_equal(together, the_sum(features, rows[:1], np.arange(1), texts=texts[:1]))
