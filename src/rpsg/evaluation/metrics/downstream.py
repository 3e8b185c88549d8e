"""Train on synthetic, test on real: a logistic regression on embeddings predicts labels.

For the ceiling row it is trained on real texts, for the floor row on the texts of the floor.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.evaluation.inputs import UnavailableError
from rpsg.evaluation.metrics.intervals import around_share, of_share, weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.evaluation.inputs import Inputs, Texts
    from rpsg.measures import Measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_STEPS = 500
STILL = 1e-6
MODEL = "logistic regression (C = 1) on {}"


def downstream_accuracy(inputs: Inputs) -> Measure:
    """Share of labelled real texts whose label is predicted correctly; the interval is over samples of
    these.
    """
    told, truth, names = _tested(inputs)
    value, interval = of_share((told == truth).astype(np.float64))
    return inputs.measured(
        "downstream_accuracy",
        value,
        interval=interval,
        model=MODEL.format(inputs.models.embedder.name),
        details={"labels": list(names)},
    )


def downstream_f1(inputs: Inputs) -> Measure:
    """Macro F1 over the labels of the real texts."""
    told, truth, names = _tested(inputs)
    present = np.unique(truth)
    once = np.ones((1, len(truth)))
    by_label = _f1(told, truth, present, once)[0]
    spread = np.concatenate(
        [_f1(told, truth, present, drawn).mean(axis=1) for drawn in weights(len(truth), inputs.seed, "f1")]
    ).std()
    value = float(by_label.mean())
    return inputs.measured(
        "downstream_f1",
        value,
        interval=around_share(value, float(spread), len(truth)),
        model=MODEL.format(inputs.models.embedder.name),
        details={"by label": {names[c]: float(f) for c, f in zip(present, by_label, strict=True)}},
    )


def _f1(told: Ints, truth: Ints, labels: Ints, drawn: Floats) -> Floats:
    """F1 of each label in each resample: 2 right / (predicted + true); shape (resamples, labels)."""
    is_told, is_true = told[:, None] == labels, truth[:, None] == labels
    right = drawn @ (is_told & is_true)
    return np.asarray(2 * right / np.maximum(drawn @ is_told + drawn @ is_true, 1e-12))


def _tested(inputs: Inputs) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Predicted and true label of each labelled real text, and the names of the labels."""
    return inputs.once("downstream", lambda: _train_and_test(inputs))


def _train_and_test(inputs: Inputs) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Fits only the labels that the corpus has: an empty class would change the penalty of the others.

    A label that only real texts have is never predicted.
    """
    train, train_labels = _labelled(inputs.corpus, "the corpus")
    test, test_labels = _labelled(inputs.real, "the real texts")
    taught, targets = np.unique(train_labels, return_inverse=True)
    if len(taught) < 2:
        raise UnavailableError("All texts of the corpus have the same label: there is nothing to learn.")
    _check_shared(set(taught.tolist()), set(test_labels))
    names, codes = np.unique([*taught, *test_labels], return_inverse=True)
    learnt = logistic(train, targets, len(taught))
    told = codes[: len(taught)][(test @ learnt[:-1] + learnt[-1]).argmax(axis=1)]
    return told, codes[len(taught) :], tuple(names.tolist())


def _check_shared(taught: set[str], tested: set[str]) -> None:
    """Raise UnavailableError if a score would compare spellings instead of predictions."""
    folded = {_folded(label) for label in taught - tested}
    alike = sorted(label for label in tested - taught if _folded(label) in folded)
    if alike:
        raise UnavailableError(
            "The labels of the corpus and of the real texts differ in case, blanks or punctuation only, such "
            f"as {alike[0]}: spell them alike in both files."
        )
    if not taught & tested:
        raise UnavailableError(
            "The corpus and the real texts have no label in common, such as "
            f"{min(taught)} and {min(tested)}: check that --label and --synthetic-label name "
            "columns of the same kind, with the same spelling."
        )


def _folded(label: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", label).casefold() if sign.isalnum())


def _labelled(texts: Texts, whose: str) -> tuple[Floats, list[str]]:
    """The embeddings and labels of the texts that have one."""
    labels = texts.labels or ()
    kept = [i for i, label in enumerate(labels) if label]
    if not kept:
        raise UnavailableError(f"There are no labels in {whose}: name their column with --label.")
    return np.asarray(texts.vectors[kept], np.float64), [labels[i] for i in kept]


def logistic(rows: Floats, labels: Ints, classes: int, c: float = 1.0) -> Floats:
    """Multinomial logistic regression; weights of shape (dim + 1, classes), the last row the intercepts.

    Minimises C * sum of -log p(label) + |weights|^2 / 2, intercepts not penalised. With two classes the
    weights are opposite, so the penalty counts twice. Convex, so no random start is needed.
    """
    x = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    target = np.eye(classes)[labels]
    penalty = np.full((x.shape[1], 1), 2.0 if classes == 2 else 1.0)
    penalty[-1] = 0.0

    def loss(point: Floats) -> tuple[float, Floats]:
        weight = point.reshape(-1, classes)
        scores = x @ weight
        scores -= scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores).sum(axis=1))
        value = c * float((total - (scores * target).sum(axis=1)).sum())
        slope = c * x.T @ (np.exp(scores - total[:, None]) - target) + penalty * weight
        return value + float((penalty * np.square(weight)).sum()) / 2, slope.ravel()

    return minimise(loss, np.zeros(x.shape[1] * classes), STILL * c * len(rows)).reshape(-1, classes)


def minimise(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, still: float) -> Floats:
    """The minimum of a smooth convex function that returns its value and gradient.

    L-BFGS (Nocedal & Wright 2006, algorithm 7.5) with backtracking; ends when no partial derivative exceeds
    ``still``.
    """
    point, (value, slope) = start, loss(start)
    pairs: list[tuple[Floats, Floats]] = []
    for _ in range(MOST_STEPS):
        if float(np.abs(slope).max()) <= still:
            break
        way = -_against_curvature(slope, pairs)
        length = 1.0 if pairs else 1.0 / max(float(np.abs(slope).sum()), 1.0)
        while True:
            after = point + length * way
            new_value, new_slope = loss(after)
            if new_value <= value + 1e-4 * length * float(slope @ way) or length < 1e-12:
                break
            length /= 2
        if float((after - point) @ (new_slope - slope)) > 0:
            pairs = [*pairs[-9:], (after - point, new_slope - slope)]
        point, value, slope = after, new_value, new_slope
    return point


def _against_curvature(slope: Floats, pairs: Sequence[tuple[Floats, Floats]]) -> Floats:
    """The gradient times the inverse Hessian as estimated from the last steps."""
    way, taken = slope.copy(), []
    for moved, turned in reversed(pairs):
        part = float(moved @ way) / float(moved @ turned)
        taken.append(part)
        way -= part * turned
    if pairs:
        moved, turned = pairs[-1]
        way *= float(moved @ turned) / float(turned @ turned)
    for (moved, turned), part in zip(pairs, reversed(taken), strict=True):
        way += (part - float(turned @ way) / float(moved @ turned)) * moved
    return way
