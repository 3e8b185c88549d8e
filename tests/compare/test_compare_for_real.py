"""One small comparison with the real models, each cell in a process of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import small, written

from rpsg.cli import main
from rpsg.models.download import is_present
from rpsg.pipeline.verification.verify import verify

if TYPE_CHECKING:
    from tests.conftest import Lab

pytestmark = [pytest.mark.weights, pytest.mark.slow]


def test_a_comparison_with_real_weights_has_figures_for_every_row(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (is_present("smollm2-135m") and is_present("minilm-onnx")):
        pytest.skip("the weights smollm2-135m and minilm-onnx are not on this machine (make weights)")
    settings = small(
        lab,
        sizes=[4],
        writers=["smollm2-135m"],
        settings={"corpus": {"domain": str(lab.pack)}, "method": {"oversample": 1.5}},
        evaluation={"metrics": ["fid", "next_word_accuracy", "word_distance"], "embedder": "minilm"},
    )
    file = written(lab.folder / "c.toml", settings)
    assert main(["compare", str(file), "-o", str(lab.folder / "out"), "--json"]) == 0
    seen = capsys.readouterr()
    cells = {c["key"]["method"]: c for c in json.loads(seen.out)["comparison"]["cells"]}
    assert set(cells) == {"floor", "strict", "ceiling"}
    for cell in cells.values():
        values = {name: found["value"] for name, found in cell["figures"]["metrics"].items()}
        assert all(value is not None for value in values.values()), values
    strict = cells["strict"]["figures"]["made"]
    assert strict["cost"]["tokens"] > 1000
    assert strict["peak_memory"] > 100 * 2**20, "the weights alone take more"
    assert strict["seconds"] > 1
    assert verify(lab.folder / "out" / "cells" / cells["strict"]["id"] / "run").ok
