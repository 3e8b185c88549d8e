"""How good the texts of a finished run of private prediction are, and whether attacks find anything in them.

    rpsg run REVIEWS.jsonl --method private-prediction --audit-holdout 0.5 ... -o RUN
    python benchmarks/prediction.py RUN --data REVIEWS.jsonl --floor DRAFTS.jsonl --out RESULT.json

The reviews are those of the asset amazon-reviews, which are public, so the texts can be shown. They are
measured against held-out reviews of the same asset. So are the same number of texts made without private data
(``--floor``), and of real texts. Figures of few texts are imprecise, so floor and real texts are drawn anew
for each of five seeds, and their range is part of the result.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

import rpsg
from audit_posts import told
from rpsg.audit import audit_run
from rpsg.domains import find_pack
from rpsg.evaluation.inputs import Inputs, Texts, UnavailableError
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric
from rpsg.methods.prediction_plan import budget, clip_of
from rpsg.models.download import locate
from rpsg.plan import read_toml, resolve
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

METRICS = ("fid", "word_distance", "next_word_accuracy", "sentiment_distance", "length_distance", "self_bleu")
DRAWS = 5


def main() -> None:
    """Measure a run, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the private file of the run")
    parser.add_argument("--floor", type=Path, required=True, help="lines of JSON with a text each")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--seconds", type=float, help="processor seconds of the run")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    run, plan = rpsg.read_run(given.run), resolve(read_toml(given.run / "plan.toml"))
    models = EvaluationModels(given.embedder)
    asset = locate("amazon-reviews")
    held = Texts(read(asset / "test.jsonl"), models)
    size = len(run.texts)
    found = {
        "settings": plan.prediction.model_dump()
        | {"epsilon": plan.privacy.epsilon, "size": plan.corpus.size},
        "clip": round(clip_of(plan, budget(plan, find_pack(plan.corpus.domain))), 3),
        "writer": run.ledger["egress"][-1]["model"],
        "verifies": rpsg.verify(run.release).ok,
        "processor_seconds": given.seconds,
        "texts": list(run.texts),
        "quality": {
            "ours": measured(run.texts, held, models),
            "floor": ranges(read(given.floor), size, held, models),
            "real": ranges(read(asset / "train.jsonl"), size, held, models),
        },
        "embedder": models.embedder.name,
        "audit": told(audit_run(given.run, data=given.data)),
        "version": VERSION,
    }
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found["quality"], indent=1))


def read(path: Path) -> list[str]:
    """The texts of a file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def measured(texts: Sequence[str], held: Texts, models: EvaluationModels) -> dict[str, float | None]:
    """Every metric of a corpus; None for one that has no value at this size."""
    inputs = Inputs(Texts(list(texts), models), held, models, seed=0)
    found: dict[str, float | None] = {}
    for name in METRICS:
        try:
            value = find_metric(name)(inputs).value
        except UnavailableError:
            value = None
        found[name] = None if value is None else round(float(value), 4)
    return found


def ranges(texts: Sequence[str], size: int, held: Texts, models: EvaluationModels) -> dict[str, Any]:
    """Mean, minimum and maximum of each metric over draws of ``size`` texts."""
    draws = []
    for seed in range(DRAWS):
        places = np.random.default_rng(seed).permutation(len(texts))[:size]
        draws.append(measured([texts[place] for place in places], held, models))
    found = {}
    for name in METRICS:
        values = [value for draw in draws if (value := draw[name]) is not None]
        found[name] = [round(mean(values), 4), min(values), max(values)] if values else None
    return found


if __name__ == "__main__":
    main()
