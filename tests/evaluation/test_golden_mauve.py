"""MAUVE is what mauve-text said, kept in a file: so a machine without that package holds ours to it.

``golden/mauve.json`` says with which version, and how, it was made.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.sides import Sides

from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.metrics.buckets import bucketed
from rpsg.evaluation.metrics.divergence import mauve_score
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FakeEmbedder

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "mauve.json").read_text())
FEATURES = pytest.mark.parametrize("case", GOLDEN["features"], ids=lambda case: f"{case['mauve']:.3f}")


def features(case: dict[str, Any]) -> tuple[Any, Any]:
    return np.array(case["p_features"]), np.array(case["q_features"])


@pytest.mark.parametrize("case", GOLDEN["histograms"], ids=lambda case: f"{case['mauve']:.3f}")
def test_mauve_of_histograms_is_the_kept_one(case: dict[str, Any]) -> None:
    assert mauve_score(np.array(case["p_hist"]), np.array(case["q_hist"])) == pytest.approx(
        case["mauve"], abs=1e-9
    )


@FEATURES
def test_embeddings_fall_into_the_kept_buckets(case: dict[str, Any]) -> None:
    """Their groups are so clear that every seed of the package found the same; buckets have no order."""
    wanted = sorted(zip(case["p_hist"], case["q_hist"], strict=True))
    for seed in range(4):
        found = sorted(
            zip(*(share.tolist() for share in bucketed(*features(case), seed).shares), strict=True)
        )
        assert np.array(found) == pytest.approx(np.array(wanted), abs=1e-12)


@FEATURES
def test_mauve_from_embeddings_to_figure_is_the_kept_one(case: dict[str, Any]) -> None:
    models = EvaluationModels(FakeEmbedder())
    corpus, real = (Texts([""] * len(rows), models) for rows in features(case))
    corpus.vectors, real.vectors = features(case)
    assert Sides(Inputs(corpus, real, models)).value("mauve") == pytest.approx(case["mauve"], abs=1e-6)


def test_the_package_still_says_what_is_kept_where_it_is_installed() -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="mauve-text needs faiss")
    assert GOLDEN["package"].startswith("mauve-text ")
    p, q = features(GOLDEN["features"][0])
    found = package.compute_mauve(p_features=p, q_features=q, verbose=False, seed=0).mauve
    assert found == pytest.approx(GOLDEN["features"][0]["mauve"], abs=1e-6), version("mauve-text")
