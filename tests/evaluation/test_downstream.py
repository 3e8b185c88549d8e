"""The classifier is scikit-learn's, found by other steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.evaluation.conftest import GARDEN, HARBOUR, sentences

from rpsg.evaluation.inputs import Inputs, Texts, UnavailableError
from rpsg.evaluation.metrics import downstream
from rpsg.evaluation.metrics.downstream import _train_and_test, logistic, minimise
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rows(Texts):
    """Labelled rows that were embedded before."""

    def __init__(self, rows: np.ndarray, labels: Sequence[str], models: EvaluationModels) -> None:
        super().__init__([""] * len(rows), models, labels=labels)
        self.rows = np.asarray(rows, np.float32)

    @property
    def vectors(self) -> np.ndarray:
        return self.rows


def asked(train: np.ndarray, labels: Sequence[str], test: np.ndarray, truth: Sequence[str]) -> Inputs:
    models = EvaluationModels(FakeEmbedder())
    return Inputs(Rows(train, labels, models), Rows(test, truth, models), models)


def theirs_of(train: np.ndarray, labels: Sequence[str]) -> LogisticRegression:
    kept = [i for i, label in enumerate(labels) if label]
    rows = np.asarray(train, np.float32).astype(np.float64)[kept]
    return LogisticRegression(tol=1e-9, max_iter=10_000).fit(rows, [labels[i] for i in kept])


def cloud(seed: int, names: Sequence[str], count: int) -> tuple[np.ndarray, list[str]]:
    """Rows that lean the way of their label, and the labels; one row in nine has none."""
    rng = np.random.default_rng(seed)
    ways = dict(zip("abcdefg", np.random.default_rng(0).normal(size=(7, 10)), strict=True))
    labels = [str(name) for name in rng.choice(list(names), count)]
    rows = np.array([ways[label] for label in labels]) * 0.4 + rng.normal(size=(count, 10))
    return rows, ["" if i % 9 == 4 else label for i, label in enumerate(labels)]


SIDES = [("abc", "abc"), ("ab", "abcde"), ("abcde", "bd"), ("bdf", "acdeg"), ("ab", "ab")]


@pytest.mark.parametrize(("taught", "asked_for"), SIDES)
def test_labels_that_one_side_lacks_change_no_prediction_of_scikit_learn_s(
    taught: str, asked_for: str
) -> None:
    train, labels = cloud(1, taught, 150)
    test, truth = cloud(2, asked_for, 200)
    told, true, names = _train_and_test(asked(train, labels, test, truth))
    model, kept = theirs_of(train, labels), [i for i, label in enumerate(truth) if label]
    wanted = model.predict(np.asarray(test, np.float32).astype(np.float64)[kept])
    assert names == tuple(sorted(set(taught) | set(asked_for)))
    assert [names[code] for code in told] == wanted.tolist()
    assert [names[code] for code in true] == [truth[i] for i in kept]


KINDS = {"garden": GARDEN, "harbour": HARBOUR, "desert": ("dune", "sand", "camel", "rose", "rope", "heat")}


@pytest.mark.parametrize(("taught", "asked_for"), [(3, 3), (3, 2), (2, 3)])
def test_the_chances_of_embedded_texts_are_scikit_learn_s(
    taught: int, asked_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[np.ndarray] = []

    def kept(rows: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        learnt.append(logistic(rows, labels, classes))
        return learnt[0]

    monkeypatch.setattr(downstream, "logistic", kept)
    train, labels = embedded(taught, seed=1)
    test, truth = embedded(asked_for, seed=2)
    _train_and_test(asked(train, labels, test, truth))
    scores = test @ learnt[0][:-1] + learnt[0][-1]
    mine = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert mine == pytest.approx(theirs_of(train, labels).predict_proba(test), abs=1e-4)


def embedded(kinds: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Forty short texts of each of the first kinds."""
    names = [name for name in list(KINDS)[:kinds] for _ in range(40)]
    texts = [sentences(1, KINDS[name], seed=1000 * seed + i, most=6)[0] for i, name in enumerate(names)]
    return FakeEmbedder().embed(texts), names


def test_a_corpus_with_one_label_teaches_nothing_though_the_real_texts_have_two() -> None:
    train, test = np.eye(4), np.eye(4)
    with pytest.raises(UnavailableError, match="same label"):
        _train_and_test(asked(train, ["a"] * 4, test, ["a", "b", "a", "b"]))


@pytest.mark.parametrize("truth", [["GOOD", "BAD"], ["Good ", "bad"], ["good", "ba-d"], ["good", "\uff42ad"]])
def test_labels_that_differ_in_their_spelling_only_give_a_reason_and_no_score(truth: list[str]) -> None:
    with pytest.raises(UnavailableError, match="only in case, blanks or punctuation"):
        _train_and_test(asked(np.eye(4), ["good", "bad"] * 2, np.eye(4), truth * 2))


def test_labels_of_another_column_give_a_reason_and_no_score() -> None:
    with pytest.raises(UnavailableError, match="no label in common"):
        _train_and_test(asked(np.eye(4), ["good", "bad"] * 2, np.eye(4), ["1", "5"] * 2))


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
