"""The classifier is scikit-learn's, found by other steps."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rpsg.evaluation.downstream import logistic, minimise


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_regression_is_scikit_learn_s(classes: int) -> None:
    rng = np.random.default_rng(classes)
    rows = rng.normal(size=(200, 12))
    labels = (rows @ rng.normal(size=(12, classes)) + rng.gumbel(size=(200, classes))).argmax(axis=1)
    weights = logistic(rows, labels, classes)
    scores = rows @ weights[:-1] + weights[-1]
    mine = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    theirs = LogisticRegression(tol=1e-9, max_iter=10_000).fit(rows, labels).predict_proba(rows)
    assert mine == pytest.approx(theirs, abs=1e-4)


def test_a_bowl_is_followed_to_its_bottom() -> None:
    bend = np.diag([1.0, 10.0, 1000.0])
    bottom = np.array([3.0, -2.0, 1.0])
    found = minimise(
        lambda x: (float((x - bottom) @ bend @ (x - bottom)) / 2, bend @ (x - bottom)), np.zeros(3), 1e-9
    )
    assert found == pytest.approx(bottom, abs=1e-6)
