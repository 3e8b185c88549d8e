"""Distances of embeddings are those of scipy, scikit-learn, POT and mauve-text."""

from __future__ import annotations

from typing import Any

import numpy as np
import ot
import pytest
import scipy.linalg
from scipy.special import kl_div
from scipy.stats import wasserstein_distance
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from rpsg.evaluation.metrics.buckets import bucketed, k_means, principal
from rpsg.evaluation.metrics.divergence import heights_distance, kl_divergence, mauve_score
from rpsg.evaluation.metrics.frechet import Moments, frechet_distance
from rpsg.evaluation.metrics.knn import balls, radii
from rpsg.evaluation.metrics.optimal_transport import random_directions, sliced, transport_cost

SHAPES = [(60, 80, 5), (200, 150, 24), (40, 50, 64)]


def cloud(rows: int, dim: int, *, shift: float = 0.0, seed: int = 0) -> Any:
    drawn = np.random.default_rng(seed).normal(size=(rows, dim)) + shift
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.fixture(params=SHAPES, ids=str)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    n, m, dim = request.param
    return cloud(n, dim, shift=0.3, seed=1), cloud(m, dim, seed=2)


def test_the_frechet_distance_is_that_of_a_matrix_square_root(pair: tuple[Any, Any]) -> None:
    a, b = pair
    ca, cb = np.cov(a.T), np.cov(b.T)
    values = np.sqrt(np.clip(scipy.linalg.eigvals(ca @ cb).real, 0, None))
    gap = a.mean(axis=0) - b.mean(axis=0)
    wanted = gap @ gap + np.trace(ca) + np.trace(cb) - 2 * values.sum()
    assert frechet_distance(Moments.of(a), Moments.of(b)) == pytest.approx(wanted, abs=1e-6)
    if len(a) > 2 * a.shape[1]:
        root = scipy.linalg.sqrtm(ca @ cb).real
        assert wanted == pytest.approx(gap @ gap + np.trace(ca + cb - 2 * root), abs=1e-6)


def test_moments_can_be_taken_apart(pair: tuple[Any, Any]) -> None:
    rows = pair[0]
    left = Moments.of(rows).without(Moments.of(rows[:10]))
    assert left.covariance == pytest.approx(np.cov(rows[10:].T), abs=1e-12)


def test_precision_recall_density_and_coverage_are_those_of_brute_force(pair: tuple[Any, Any]) -> None:
    a, b = pair
    found = balls(a, b, radii(a), radii(b))
    of_a, of_b = (NearestNeighbors(n_neighbors=4).fit(rows).kneighbors(rows)[0][:, 3] for rows in (a, b))
    across = np.linalg.norm(a[:, None] - b[None], axis=2)
    within = across <= of_b
    assert found.inside[0].tolist() == within.any(axis=1).tolist()
    assert found.crowd[0] == pytest.approx(within.sum(axis=1) / 3)
    assert found.covered[0].tolist() == within.any(axis=0).tolist()
    assert found.reached[0].tolist() == (across <= of_a[:, None]).any(axis=0).tolist()


def test_blocks_do_not_change_neighbours(pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    whole = balls(a, b, radii(a), radii(b))
    monkeypatch.setattr("rpsg.evaluation.metrics.knn.BLOCK", 7)
    parts = balls(a, b, radii(a), radii(b))
    assert parts.inside.tolist() == whole.inside.tolist()
    assert parts.reached.tolist() == whole.reached.tolist()


def test_sliced_wasserstein_is_pot_s(pair: tuple[Any, Any]) -> None:
    a, b = pair
    directions = random_directions(a.shape[1], 32, seed=0)
    wanted = ot.sliced_wasserstein_distance(a, b, projections=directions)
    assert sliced(a @ directions, b @ directions) == pytest.approx(wanted, abs=1e-9)


def test_the_entropic_cost_is_pot_s(pair: tuple[Any, Any]) -> None:
    a, b = pair
    blur = 0.3
    cost = np.square(a[:, None] - b[None]).sum(axis=2) / 2
    even = [np.full(len(rows), 1 / len(rows)) for rows in (a, b)]
    plan = ot.bregman.sinkhorn_log(*even, cost, blur**2, numItermax=50_000, stopThr=1e-12)
    some = plan > 0
    entropy = (plan[some] * np.log(plan[some] / np.outer(*even)[some])).sum()
    wanted = (plan * cost).sum() + blur**2 * entropy
    assert transport_cost(a, b, blur) == pytest.approx(wanted, abs=2e-5)


def test_the_entropic_cost_goes_to_that_of_optimal_transport() -> None:
    a, b = cloud(30, 8, shift=0.2, seed=4), cloud(30, 8, seed=5)
    cost = np.square(a[:, None] - b[None]).sum(axis=2) / 2
    exact = ot.emd2(np.full(30, 1 / 30), np.full(30, 1 / 30), cost)
    assert transport_cost(a, b, 0.05) == pytest.approx(exact, abs=0.02)


def test_histogram_distances_are_scipy_s() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.dirichlet(np.full(12, 0.3)), rng.dirichlet(np.full(12, 0.3))
        p[0] = 0.0
        p /= p.sum()
        assert heights_distance(p, q) == pytest.approx(wasserstein_distance(p, q), abs=1e-12)
        a, b = np.where(p > 0, p, 1e-8), np.where(q > 0, q, 1e-8)
        assert kl_divergence(p, q) == pytest.approx(kl_div(a, b).sum(), abs=1e-12)


def test_principal_components_are_scikit_learn_s(pair: tuple[Any, Any]) -> None:
    rows = np.concatenate(pair)
    mine = principal(rows)
    fitted = PCA(n_components=0.9, svd_solver="full").fit(rows)
    assert mine.shape[1] == fitted.n_components_
    theirs = fitted.transform(rows)
    assert np.abs(mine) == pytest.approx(np.abs(theirs), abs=1e-4)


def test_k_means_finds_as_tight_buckets_as_scikit_learn() -> None:
    rows = np.asarray(cloud(600, 16, seed=8), np.float32)
    labels = k_means(rows, 20, seed=0)

    def loss(found: Any) -> float:
        return sum(
            float(np.square(rows[found == c] - rows[found == c].mean(axis=0)).sum()) for c in set(found)
        )

    theirs = KMeans(20, n_init=5, random_state=0).fit(rows).labels_
    assert len(set(labels.tolist())) == 20
    assert loss(labels) <= 1.03 * loss(theirs)


def test_no_bucket_stays_empty_when_rows_repeat() -> None:
    rows = np.repeat(np.eye(6, dtype=np.float32), [50, 1, 1, 1, 1, 1], axis=0)
    assert len(set(k_means(rows, 6, seed=0).tolist())) == 6


#: Histograms, and what mauve-text 0.4.0 says of them.
GOLDEN = [
    ([1.0, 0.0], [0.0, 1.0], 0.0040720962619612555),
    ([0.7, 0.2, 0.1], [0.1, 0.2, 0.7], 0.21906168496212094),
    ([0.4, 0.3, 0.2, 0.1, 0.0], [0.1, 0.0, 0.3, 0.3, 0.3], 0.1577941001731858),
]


@pytest.mark.parametrize(("p", "q", "wanted"), GOLDEN)
def test_mauve_is_what_the_authors_package_said(p: list[float], q: list[float], wanted: float) -> None:
    assert mauve_score(np.array(p), np.array(q)) == pytest.approx(wanted, abs=1e-9)


def test_mauve_of_equal_histograms_is_one() -> None:
    assert mauve_score(np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2])) == pytest.approx(1.0, abs=1e-9)


def test_mauve_is_mauve_text_s_of_the_same_buckets() -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="mauve-text needs faiss")
    rng = np.random.default_rng(0)
    weights = np.linspace(1e-6, 1 - 1e-6, 25)
    for concentration in (0.1, 0.5, 5.0):
        for _ in range(10):
            p, q = rng.dirichlet(np.full(15, concentration)), rng.dirichlet(np.full(15, concentration))
            p[rng.integers(15)] = 0.0
            p /= p.sum()
            x, y = package.get_divergence_curve_for_multinomials(p, q, weights, 5).T
            first, second = np.argsort(x), np.argsort(y)
            area = package.compute_area_under_curve
            wanted = 0.5 * (area(x[first], y[first]) + area(y[second], x[second]))
            assert mauve_score(p, q) == pytest.approx(wanted, abs=1e-9)


def test_mauve_of_features_is_near_mauve_text_s() -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="mauve-text needs faiss")
    for shift in (0.0, 0.05, 0.15):
        p, q = cloud(400, 32, shift=shift, seed=1), cloud(400, 32, seed=2)
        theirs = package.compute_mauve(p_features=p, q_features=q, verbose=False)
        found = bucketed(p, q, seed=0)
        assert len(found.corpus) == theirs.num_buckets
        assert mauve_score(*found.shares) == pytest.approx(theirs.mauve, abs=0.08)
        assert mauve_score(theirs.p_hist, theirs.q_hist) == pytest.approx(theirs.mauve, abs=1e-9)
