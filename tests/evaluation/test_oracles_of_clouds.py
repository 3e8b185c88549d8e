"""Metrics of embeddings say what scikit-learn, scipy, POT and a loop run to its end say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import ot
import pytest
import scipy.linalg
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, cityblock
from scipy.special import logsumexp, softmax
from scipy.stats import entropy, hmean, wasserstein_distance
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import auc
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from tests.evaluation.sides import KINDS, Sides, sides_of

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.metrics.buckets import buckets, k_means, principal
from rpsg.evaluation.metrics.optimal_transport import random_directions

if TYPE_CHECKING:
    from collections.abc import Callable

BLUR = 0.05
Pair = tuple[Any, Any]


@pytest.fixture(scope="module", params=KINDS)
def sides(request: pytest.FixtureRequest) -> Sides:
    return sides_of(request.param)


def frechet(sides: Sides) -> float:
    """The trace of the root is the sum of the singular values of one centred cloud times the other."""
    a, b = sides.rows
    gap = a.mean(axis=0) - b.mean(axis=0)
    first, second = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1) for rows in (a, b))
    shared = scipy.linalg.svdvals(first @ second.T).sum()
    return float(gap @ gap + np.square(first).sum() + np.square(second).sum() - 2 * shared)


def self_similarity(sides: Sides) -> float:
    pairs = cosine_similarity(sides.corpus.vectors)
    return float(pairs[~np.eye(len(pairs), dtype=bool)].mean())


def neighbours(sides: Sides) -> dict[str, float]:
    """Balls to the third nearest other row, by scikit-learn; the first of four is the row itself."""
    a, b = sides.rows
    of_a, of_b = (NearestNeighbors(n_neighbors=4).fit(rows).kneighbors(rows)[0][:, 3] for rows in (a, b))
    across = cdist(a, b)
    precision, recall = (across <= of_b).any(axis=1).mean(), (across <= of_a[:, None]).any(axis=0).mean()
    return {
        "knn_precision": precision,
        "knn_recall": recall,
        "knn_f1": hmean([precision, recall]),
        "density": (across <= of_b).sum(axis=1).mean() / 3,
        "coverage": (across <= of_b).any(axis=0).mean(),
    }


def sliced(sides: Sides) -> float:
    a, b = sides.rows
    directions = random_directions(a.shape[1], 128, sides.inputs.seed)
    return float(ot.sliced_wasserstein_distance(a, b, projections=directions))


def shares(sides: Sides) -> Pair:
    """The two histograms over the buckets that the metrics share; a test below is about these."""
    return buckets(sides.inputs).shares


def kl(sides: Sides) -> float:
    """scipy makes the sums one first; that is taken back."""
    p, q = (np.where(share > 0, share, 1e-8) for share in shares(sides))
    return float(p.sum() * (entropy(p, q) + np.log(p.sum() / q.sum())) - p.sum() + q.sum())


def mauve(sides: Sides) -> float:
    """The area under the curve of divergences from mixtures, from both sides."""
    p, q = shares(sides)
    mixed = [w * p + (1 - w) * q for w in np.linspace(1e-6, 1 - 1e-6, 25)]
    x = [1.0, *(np.exp(-5 * entropy(q, r)) for r in mixed), 0.0]
    y = [0.0, *(np.exp(-5 * entropy(p, r)) for r in mixed), 1.0]
    return float((auc(x, y) + auc(y, x)) / 2)


ORACLES: dict[str, tuple[Callable[[Sides], float], float]] = {
    "fid": (frechet, 1e-5),
    "self_similarity": (self_similarity, 1e-6),
    "knn_precision": (lambda sides: neighbours(sides)["knn_precision"], 1e-12),
    "knn_recall": (lambda sides: neighbours(sides)["knn_recall"], 1e-12),
    "knn_f1": (lambda sides: neighbours(sides)["knn_f1"], 1e-12),
    "density": (lambda sides: neighbours(sides)["density"], 1e-12),
    "coverage": (lambda sides: neighbours(sides)["coverage"], 1e-12),
    "sliced_wasserstein": (sliced, 1e-9),
    "kl": (kl, 1e-9),
    "tv": (lambda sides: cityblock(*shares(sides)) / 2, 1e-12),
    "wasserstein": (lambda sides: wasserstein_distance(*shares(sides)), 1e-12),
    "mauve": (mauve, 1e-9),
}


@pytest.mark.parametrize("name", ORACLES)
def test_a_figure_of_embeddings_is_the_one_of_another_library(name: str, sides: Sides) -> None:
    oracle, tolerance = ORACLES[name]
    wanted = oracle(sides)
    assert sides.value(name) == pytest.approx(wanted, abs=tolerance, rel=0)
    assert wanted > 0, "such texts tell nothing"
    assert wanted != 1, "such texts tell nothing"


@pytest.mark.parametrize("name", ["kl", "tv", "wasserstein", "mauve"])
def test_of_corpora_that_leave_buckets_empty_too(name: str, sides: Sides) -> None:
    """The sides are moved apart, so that no bucket has texts of both."""
    models = sides.inputs.models
    corpus, real = (Texts(side.texts, models) for side in (sides.corpus, sides.real))
    corpus.vectors, real.vectors = (
        np.asarray(rows + far, np.float32) for rows, far in zip(sides.rows, (-0.05, 0.05), strict=True)
    )
    apart = Sides(Inputs(corpus, real, models))
    assert min(map(min, shares(apart))) == 0
    oracle, tolerance = ORACLES[name]
    assert apart.value(name) == pytest.approx(oracle(apart), abs=tolerance, rel=0)


def test_the_buckets_are_where_scikit_learn_s_k_means_would_leave_them(sides: Sides) -> None:
    """From our centres it moves no row, on its own principal components; the rows stand real ones first."""
    a, b = sides.rows
    both = np.concatenate([b, a])
    count = round(len(b) / 10)
    labels = k_means(principal(both), count, sides.inputs.seed)
    lengths = np.linalg.norm(both, axis=1, keepdims=True)
    rows = PCA(n_components=0.9, svd_solver="full").fit_transform(both / np.where(lengths > 0, lengths, 1))
    centres = np.stack([rows[labels == bucket].mean(axis=0) for bucket in range(count)])
    assert KMeans(count, init=centres, n_init=1).fit(rows).labels_.tolist() == labels.tolist()
    found = buckets(sides.inputs)
    assert found.real.tolist() == np.bincount(labels[: len(b)], minlength=count).tolist()
    assert found.corpus.tolist() == np.bincount(labels[len(b) :], minlength=count).tolist()


def converged(a: Any, b: Any) -> float:
    """The entropic cost at blur .05, run until both marginals hold to 1e-8: Newton's steps on one potential.

    Sinkhorn's own steps go to the same place, but not in 200,000 of them. In double precision, logarithms
    all the way: cost |x - y|^2 / 2, temperature blur^2, the dual value <f> + <g> with f of least cost.
    """
    cost, heat, n, m = cdist(a, b, "sqeuclidean") / 2, BLUR**2, len(a), len(b)

    def value(g: Any) -> Pair:
        scores = (g - cost) / heat
        f = -heat * logsumexp(scores, axis=1, b=1 / m)
        return -(f.mean() + g.mean()), softmax(scores, axis=1).mean(axis=0) - 1 / m

    def bend(g: Any) -> Any:
        plan = softmax((g - cost) / heat, axis=1)
        return (np.diag(plan.mean(axis=0)) - plan.T @ plan / n) / heat

    found = minimize(value, np.zeros(m), jac=True, hess=bend, method="trust-exact", options={"gtol": 1e-8})
    assert np.abs(found.jac).max() < 1e-8
    return float(-found.fun)


def test_the_converged_cost_is_pot_s_where_pot_converges() -> None:
    a, b = (np.random.default_rng(i).normal(size=(12 + i, 2)) / 20 for i in (0, 1))
    cost = cdist(a, b, "sqeuclidean") / 2
    even = np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))
    plan = ot.bregman.sinkhorn_log(*even, cost, BLUR**2, numItermax=50_000, stopThr=1e-13)
    wanted = (plan * cost).sum() + BLUR**2 * entropy(plan.ravel(), np.outer(*even).ravel())
    assert converged(a, b) == pytest.approx(wanted, abs=1e-9)


def divergence(sides: Sides) -> float:
    a, b = sides.rows
    return converged(a, b) - (converged(a, a) + converged(b, b)) / 2


def test_the_sinkhorn_divergence_is_that_of_a_loop_run_to_its_end(sides: Sides) -> None:
    """Ours stops after 500 steps, and so lower than the end, never higher: by a hundredth here."""
    wanted, found = divergence(sides), sides.value("sinkhorn")
    assert 0.988 * wanted < found < wanted + 1e-5


def test_with_more_steps_the_sinkhorn_divergence_is_that_of_the_loop_to_the_last_digits(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpsg.evaluation.metrics.optimal_transport.MOST_STEPS", 5000)
    monkeypatch.setattr("rpsg.evaluation.metrics.optimal_transport.STILL", 1e-9)
    models = sides.inputs.models
    fewer = Texts(sides.corpus.texts[:30], models), Texts(sides.real.texts[:22], models)
    for fresh, known in zip(fewer, (sides.corpus, sides.real), strict=True):
        fresh.vectors = known.vectors[: len(fresh)]
    few = Sides(Inputs(*fewer, models))
    assert few.value("sinkhorn") == pytest.approx(divergence(few), abs=1e-5)
