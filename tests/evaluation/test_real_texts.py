"""On real reviews too, the figures are those of NLTK, scipy, scikit-learn, POT and mauve-text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import ot
import pytest
import scipy.linalg
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from rpsg.evaluation.metrics.buckets import bucketed
from rpsg.evaluation.metrics.divergence import mauve_score
from rpsg.evaluation.metrics.downstream import logistic
from rpsg.evaluation.metrics.frechet import Moments, frechet_distance
from rpsg.evaluation.metrics.knn import balls, radii
from rpsg.evaluation.metrics.optimal_transport import random_directions, sliced, transport_cost
from rpsg.models.download import locate
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.textstats.self_bleu import self_bleu_scores

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.weights
COUNT = 70
MOST_WORDS = 40


@pytest.fixture(scope="module")
def reviews(pulled_models: Path) -> dict[str, list[dict[str, Any]]]:
    """The first short reviews of both public files."""
    assert pulled_models.is_dir()
    found = {}
    for name in ("train", "test"):
        lines = (locate("amazon-reviews") / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines[:2000]]
        found[name] = [row for row in rows if len(row["text"].split()) <= MOST_WORDS][:COUNT]
    return found


@pytest.fixture(scope="module")
def clouds(reviews: dict[str, list[dict[str, Any]]]) -> tuple[Any, Any]:
    """Both as the default embedder's rows."""
    embedder = OnnxEmbedder(locate("minilm-onnx"))
    first, second = (embedder.embed([row["text"] for row in reviews[name]]) for name in ("train", "test"))
    return np.asarray(first, np.float64), np.asarray(second, np.float64)


def test_self_bleu_of_reviews_is_nltk_s(reviews: dict[str, list[dict[str, Any]]]) -> None:
    texts = [row["text"] for row in reviews["train"]]
    tokens = [text.split() for text in texts]
    smoothed = SmoothingFunction().method1
    wanted = [
        sentence_bleu([*tokens[:i], *tokens[i + 1 :]], tokens[i], smoothing_function=smoothed)
        for i in range(len(tokens))
    ]
    assert self_bleu_scores(texts) == pytest.approx(wanted, abs=1e-9, rel=0)


def test_the_frechet_distance_of_reviews_is_scipy_s(clouds: tuple[Any, Any]) -> None:
    """The trace of the root is the sum of the singular values of one centred cloud times the other.

    So it is exact with fewer texts than dimensions, where no root of a product of covariances is.
    """
    a, b = clouds
    gap = a.mean(axis=0) - b.mean(axis=0)
    first, second = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1) for rows in (a, b))
    shared = scipy.linalg.svdvals(first @ second.T).sum()
    wanted = gap @ gap + np.square(first).sum() + np.square(second).sum() - 2 * shared
    assert frechet_distance(Moments.of(a), Moments.of(b)) == pytest.approx(wanted, abs=1e-5)


def test_neighbours_of_reviews_are_scikit_learn_s(clouds: tuple[Any, Any]) -> None:
    a, b = clouds
    found = balls(a, b, radii(a), radii(b))
    of_a, of_b = (NearestNeighbors(n_neighbors=4).fit(rows).kneighbors(rows)[0][:, 3] for rows in (a, b))
    across = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert found.inside[0].tolist() == (across <= of_b).any(axis=1).tolist()
    assert found.crowd[0] == pytest.approx((across <= of_b).sum(axis=1) / 3)
    assert found.covered[0].tolist() == (across <= of_b).any(axis=0).tolist()
    assert found.reached[0].tolist() == (across <= of_a[:, None]).any(axis=0).tolist()


def test_transport_between_reviews_is_pot_s(clouds: tuple[Any, Any]) -> None:
    a, b = clouds
    directions = random_directions(a.shape[1], 32, seed=0)
    wanted = ot.sliced_wasserstein_distance(a, b, projections=directions)
    assert sliced(a @ directions, b @ directions) == pytest.approx(wanted, abs=1e-9)
    cost = np.square(a[:, None] - b[None]).sum(axis=2) / 2
    exact = ot.emd2(np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b)), cost)
    assert transport_cost(a, b, 0.05) == pytest.approx(exact, abs=0.02)


def test_a_classifier_of_reviews_is_scikit_learn_s(
    reviews: dict[str, list[dict[str, Any]]], clouds: tuple[Any, Any]
) -> None:
    a, b = clouds
    labels = np.array([len(row["text"].split()) > MOST_WORDS // 2 for row in reviews["train"]], np.int64)
    weights = logistic(a, labels, 2)
    scores = b @ weights[:-1] + weights[-1]
    mine = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    theirs = LogisticRegression(tol=1e-9, max_iter=10_000).fit(a, labels).predict_proba(b)
    assert mine == pytest.approx(theirs, abs=1e-4)


def test_mauve_of_reviews_is_mauve_text_s(clouds: tuple[Any, Any]) -> None:
    """Of the same buckets to the last digit; near of its own, which so few texts leave to chance."""
    package = pytest.importorskip("mauve.compute_mauve", reason="mauve-text needs faiss")
    a, b = clouds
    theirs = package.compute_mauve(p_features=a, q_features=b, verbose=False)
    assert len(bucketed(a, b, seed=0).corpus) == theirs.num_buckets
    assert mauve_score(theirs.p_hist, theirs.q_hist) == pytest.approx(theirs.mauve, abs=1e-9)
    assert mauve_score(*bucketed(a, b, seed=0).shares) == pytest.approx(theirs.mauve, abs=0.15)
