"""The whole of strict mode is run many times on fakes, with one canary among the people and without it.

    python benchmarks/audit_many_runs.py --runs 200 --out benchmarks/results/audit-many-runs.json

Every run does what ``rpsg run`` does, at epsilon 2: reading, counting, writing, choosing and releasing.
Writer and embedder are fakes, so that a run takes a second. Two attackers know the rows of everybody, and the
canary, but not whether it was there: one has the noisy answers of the release, the other its corpus alone.
The noise is as stated, a tenth of that, or the mean of ten draws for one charge. Lower bounds follow from how
often the attackers are right and wrong: on epsilon at the delta of the claim (``many_run_epsilon``) and,
because the noise is Gaussian, on mu (``gaussian_audit``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from audit_answers import NOISES
from rpsg.audit.answers import answers_of
from rpsg.models.fake import FakeEmbedder
from rpsg.pipeline import planting
from rpsg.pipeline.execute import execute
from rpsg.pipeline.verification.repeating import tools_of_release
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.stages.canaries import Canaries, make_canaries
from rpsg.storage.readers import read_by_rule
from rpsg.storage.run_folder import RunFolder
from rpsg.testing.lab import Lab
from rpsg.testing.many_runs import gaussian_audit, many_run_epsilon
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from rpsg.protocols import NoiseSource
    from rpsg.stages.canaries import Canary

Floats = npt.NDArray[np.float64]
EPSILON, DELTA, PEOPLE, SIZE = 2.0, 1e-6, 60, 20
MU = mu_for(EPSILON, DELTA)
#: The attacker who has the corpus learns from this share of the runs which scores are high.
LEARNT = 0.25


@dataclass(frozen=True)
class Seen:
    """What two attackers saw of one run: a score each, which is higher if they think that the canary was in.

    ``answers`` is above 0 for "in"; ``added`` is the length of what the canary adds, in units of the noise,
    and ``noise`` is the noise of the answers as a share of the stated one.
    """

    is_in: bool
    answers: float
    added: float
    noise: float
    corpus: float


def canary() -> Canary:
    """A canary; all runs have the same."""
    return make_canaries(1, texts(5, 3)).canaries[0]


def one_run(noise: NoiseSource, one: Canary, *, is_in: bool) -> Seen:
    """A run with the canary or without it, in a folder that is deleted."""
    with (
        tempfile.TemporaryDirectory() as made,
        patch.object(planting, "make_canaries", lambda *_: Canaries((one,), (is_in,))),
    ):
        lab = Lab(Path(made))
        public = lab.file([{"text": text} for text in texts(5, 3)], "public.jsonl")
        rows = [{"text": text, "user": f"person-{i}"} for i, text in enumerate(texts(PEOPLE, 1))]
        plan = lab.plan(
            lab.file(rows),
            data={"audit_canaries": 1, "canary_texts": str(public), "account": made},
            corpus={"size": SIZE},
            privacy={"epsilon": EPSILON},
        )
        run = execute(plan, lab.folder / "run", noise=noise)
        with RunFolder.finished(run.path) as folder:
            corpus = read_by_rule(plan.data).map(lambda reading: reading.corpus)
            found = answers_of(folder, plan, corpus, tools_of_release(folder, plan, run.ledger))
        if found is None:
            raise ValueError("the run has no answers")
        square = float(found.added[0, 0])
        embed = FakeEmbedder().embed
        near = embed([one.text])[0] @ embed(list(run.texts)).mean(axis=0)
        left = sum(each.square for each in found.noise) / sum(each.entries for each in found.noise)
        return Seen(is_in, float(found.shown[0] - square / 2), square**0.5, left**0.5, float(near))


def runs(noise: NoiseSource, count: int, one: Canary) -> list[Seen]:
    """``count`` runs with the canary and ``count`` without it, in turn."""
    return [one_run(noise, one, is_in=bool(i % 2)) for i in range(2 * count)]


def bounds(scores: Floats, is_in: npt.NDArray[np.bool_], level: float) -> dict[str, Any]:
    """What follows if an attacker says "in" for scores above 0."""
    found, false = int((scores > 0)[is_in].sum()), int((scores > 0)[~is_in].sum())
    counts = (found, int(is_in.sum()), false, int((~is_in).sum()))
    mu = gaussian_audit(*counts, level)
    return {
        "said of runs with the canary": f"{found} of {counts[1]}",
        "said of runs without": f"{false} of {counts[3]}",
        "epsilon at least": round(many_run_epsilon(*counts, delta=DELTA, level=level), 3),
        "mu at least": round(mu, 3),
        "epsilon of that mu": round(epsilon_of(mu, DELTA), 3) if mu else 0.0,
    }


def attacked(seen: list[Seen], level: float) -> dict[str, Any]:
    """Both attackers' results; the one who has the corpus learns a threshold from the first runs."""
    is_in, corpus = np.array([run.is_in for run in seen]), np.array([run.corpus for run in seen])
    first = int(LEARNT * len(seen))
    middle = np.median(corpus[:first])
    return {
        "runs": len(seen),
        "mu claimed": round(MU, 3),
        "mu of the canary, at the stated noise": round(float(np.median([run.added for run in seen])), 3),
        "noise found": round(float(np.median([run.noise for run in seen])), 3),
        "answers": bounds(np.array([run.answers for run in seen]), is_in, level),
        "corpus": bounds(corpus[first:] - middle, is_in[first:], level),
    }


def main() -> None:
    """Attack the three kinds of noise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200, help="in each of the two worlds")
    parser.add_argument("--only", nargs="*", choices=NOISES, default=())
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
    level, one = 0.05 / (2 * 2 * len(NOISES)), canary()  # two attackers, two bounds each
    for name in given.only or NOISES:
        found[name] = attacked(runs(NOISES[name], given.runs, one), level)
        print(name, json.dumps(found[name]), flush=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
