"""Does AUG-PE's corpus come closer to the private texts with every vote? Computed from finished releases,
without a writer.

    python benchmarks/augpe_rounds.py RELEASE [RELEASE ...] --out RESULT.json
    python benchmarks/augpe_rounds.py --show RESULT.json

Each release of ``--method augpe`` is made again from its own evidence, as ``rpsg verify`` does, and the texts
that each vote kept are measured against held-out reviews of the asset amazon-reviews. The first random texts
are measured too, and the texts that a vote without noise would have chosen from the same candidates, if as
many reviews vote as the run had people (``--voters``). So the effect of the noise can be separated from the
limits of the candidates.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import quality
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.models import EvaluationModels
from rpsg.evaluation.runner import find_metric
from rpsg.methods.base import Job
from rpsg.models.download import locate
from rpsg.pipeline.people import nobody
from rpsg.pipeline.verification.claimed import read_claimed
from rpsg.pipeline.verification.replay import kept_vectors, load_known
from rpsg.privacy.replay import ReplayKernel
from rpsg.protocols import Silent
from rpsg.storage.cached_writer import ReplayWriter
from rpsg.storage.failed_requests import SettledWriter
from rpsg.storage.layout import FAILED, TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.privacy.histogram import IntArray

METRICS = {
    "fid": "Fréchet ↓",
    "coverage": "coverage ↑",
    "knn_recall": "recall ↑",
    "word_distance": "words ↓",
    "sentiment_distance": "sentiment ↓",
    "self_bleu": "self-BLEU",
}


class Watching:
    """An embedder that keeps the texts of its last call."""

    def __init__(self, embedder: Any) -> None:
        self._embedder, self.last = embedder, list[str]()
        self.name, self.dim, self.endpoint = embedder.name, embedder.dim, embedder.endpoint

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.last = list(texts)
        vectors: npt.NDArray[np.float32] = self._embedder.embed(texts)
        return vectors


class Votes:
    """A kernel that gives the answers of the release and keeps the candidates of each vote."""

    def __init__(self, kernel: ReplayKernel, embedder: Watching, size: int) -> None:
        self._kernel, self._embedder, self._size = kernel, embedder, size
        self.rounds: list[tuple[list[str], IntArray]] = []
        self._stayed: list[str] = []

    def release(self, query: Any, contributions: Any) -> IntArray:
        """The noisy votes of the release."""
        votes = self._kernel.release(query, contributions)
        standing = [*self._stayed, *self._embedder.last]
        assert len(standing) == len(votes)
        self.rounds.append((standing, votes))
        self._stayed = [standing[i] for i in sorted(best(votes, self._size))]
        return votes


def best(votes: Any, size: int) -> list[int]:
    """The indices of the texts that a vote keeps: those with most votes; ties go to the first."""
    return [int(i) for i in np.argsort(-np.asarray(votes), kind="stable")[:size]]


def rounds_of(release: Path) -> tuple[Any, list[tuple[list[str], IntArray]]]:
    """The plan of a release, and the texts and noisy votes of each of its votes."""
    claimed = read_claimed(release, json.loads((release / "ledger.json").read_text(encoding="utf-8")))
    replies = ReplayWriter(claimed.evidence / TEXTS, name=claimed.writer.name)
    tools = load_known(claimed.plan, {}, (), replies)
    watching = Watching(kept_vectors(claimed.evidence, tools))
    votes = Votes(ReplayKernel(claimed.evidence, claimed.ledger), watching, claimed.plan.corpus.size)
    writer = SettledWriter(replies, claimed.evidence / FAILED)
    tools = replace(tools, writer=writer, embedder=watching)
    kernel: Any = votes
    people = nobody(tools, Silent(), "The rounds follow from the evidence alone.")
    job = Job(claimed.plan, claimed.pack, claimed.budget, people, kernel, tools, Silent())
    claimed.method.synthesize(job)
    return claimed.plan, votes.rounds


def exact_votes(standing: Sequence[str], voters: npt.NDArray[np.float32], models: Any) -> IntArray:
    """How many voters are nearest to each text, by the cosine."""
    near = voters @ models.embedder.embed(list(standing)).T
    return np.bincount(near.argmax(axis=1), minlength=len(standing)).astype(np.int64)


def measured(texts: Sequence[str], held: Texts, models: EvaluationModels) -> dict[str, float | None]:
    """Every metric of a corpus."""
    inputs = Inputs(Texts(list(texts), models), held, models, seed=0)
    values = {name: find_metric(name)(inputs).value for name in METRICS}
    return {name: None if value is None else round(float(value), 4) for name, value in values.items()}


def main() -> None:
    """Measure releases, or show a result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("releases", type=Path, nargs="*")
    parser.add_argument("--voters", type=int, default=300)
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path)
    given = parser.parse_args()
    if given.show:
        print(table(json.loads(given.show.read_text(encoding="utf-8"))))
        return
    models = EvaluationModels(quality.Remembering(EvaluationModels(given.embedder).embedder))
    asset = locate("amazon-reviews")
    held = Texts(read(asset / "test.jsonl"), models)
    real = read(asset / "train.jsonl")
    voters = models.embedder.embed(real[-given.voters :])
    found: dict[str, Any] = {"embedder": models.embedder.name, "voters": given.voters, "releases": []}
    for release in given.releases:
        plan, rounds = rounds_of(release)
        size = plan.corpus.size
        rows: list[dict[str, Any]] = [
            {"after": 0, "candidates": 0, "noisy": measured(rounds[0][0][:size], held, models)}
        ]
        for number, (standing, votes) in enumerate(rounds, 1):
            clean = best(exact_votes(standing, voters, models), size)
            row: dict[str, Any] = {"after": number, "candidates": len(standing)}
            row["noisy"] = measured([standing[i] for i in best(votes, size)], held, models)
            row["without noise, of the same candidates"] = measured(
                [standing[i] for i in clean], held, models
            )
            rows.append(row)
            print(release.name, row, flush=True)
        settings = plan.augpe.model_dump(include={"iterations", "variations", "prompt"})
        settings |= {"epsilon": plan.privacy.epsilon, "size": size, "writer": plan.models.writer}
        found["releases"].append({"settings": settings, "rounds": rows})
    size = found["releases"][0]["settings"]["size"]
    found["real"] = measured(real[:size], held, models)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))


def read(path: Path) -> list[str]:
    """The texts of a file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def table(found: dict[str, Any]) -> str:
    """The result as tables of a page."""
    lines = []
    for one in found["releases"]:
        lines += ["", "| votes | " + " | ".join(METRICS.values()) + " |", "|---" * (1 + len(METRICS)) + "|"]
        for row in one["rounds"]:
            lines.append(_line(str(row["after"]), row["noisy"]))
            if clean := row.get("without noise, of the same candidates"):
                lines.append(_line(f"{row['after']}, chosen without noise", clean))
        lines.append(_line("real texts", found["real"]))
    return "\n".join(lines)


def _line(name: str, values: dict[str, float | None]) -> str:
    return f"| {name} | " + " | ".join("-" if v is None else f"{v:.3f}" for v in values.values()) + " |"


if __name__ == "__main__":
    main()
