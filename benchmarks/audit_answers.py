"""Attacks on the noisy answers of real runs of strict mode: no account of private data is charged.

    python benchmarks/audit_answers.py --written POOL/release ... --out benchmarks/results/audit-runs.json

Each line of the table is ten audit runs at epsilon 2 with the noise that the ledger states, with a tenth of
it, or with ten draws for one charge (``tests/audit/test_wrong_noise.py`` has the same three). Public reviews
stand in for private texts, half of them held out, and 200 canaries are drawn for each run. The drafts were
written beforehand by models, from the public pack alone (``rpsg run --method floor --domain food-reviews``);
counts, sketch, embedder and choice are the run's own, and the sketch gets 95 % of the budget. The last
columns are what the canaries of all ten runs together prove: each canary takes part in one run, so the same
bound holds.

A simulation shows how often one such run would be refuted: for what the canaries of the first run add, coins
and noise are drawn again 400 times. The same is done for canaries that would be ideal for the attack: each
adds as much as the claim allows, and none overlaps with another.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import rpsg
from audit import reviews
from audit_runs import Written, written_to
from rpsg.audit import canary_run
from rpsg.audit.answers import AnswerNoise, CanaryAnswers
from rpsg.audit.canaries import extraction
from rpsg.audit.noisy_answers import noise_left, noisy_answers, of_coins, scores
from rpsg.pipeline.models_of_run import load_tools
from rpsg.plan import resolve
from rpsg.privacy.attack_bounds import answer_guesses, gaussian_run_refuted, noise_left_mu
from rpsg.privacy.gaussian import mu_for
from rpsg.privacy.noise import RoundedGaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.audit.finding import Finding
    from rpsg.audit.report import AuditReport
    from rpsg.audit.subject import Subject
    from rpsg.protocols import NoiseSource

CANARIES, PEOPLE, SIZE, EPSILON = 200, 240, 80, 2.0
#: Most of the budget goes to the sketch, in which canaries differ most: it has thousands of entries, whereas
#: the counts have a few cells, which many canaries share.
SHARES = {"size": 0.01, "cards": 0.04, "sketch": 0.95}


class Tenth:
    """A tenth of the noise that is asked for, under the name of the source of every claim."""

    name = RoundedGaussian.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        return RoundedGaussian().draw(sigma / 10, size)


class TenDraws:
    """Ten answers for the charge of one: the attacker knows their mean."""

    name = RoundedGaussian.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        drawn = [RoundedGaussian().draw(sigma, size) for _ in range(10)]
        mean: npt.NDArray[np.float64] = np.mean(drawn, axis=0)
        return np.rint(mean).astype(np.int64)


NOISES: dict[str, NoiseSource] = {
    "as stated": RoundedGaussian(),
    "a tenth of it": Tenth(),
    "ten draws for one charge": TenDraws(),
}
#: The standard deviation of each, as a share of the stated one.
PARTS = {"as stated": 1.0, "a tenth of it": 0.1, "ten draws for one charge": 10**-0.5}
REDRAWN = 400


def one_run(drafts: Sequence[str], noise: NoiseSource, seed: int) -> tuple[AuditReport, Subject]:
    """An audit run with other people and other canaries for each seed, and what the attack saw of it."""
    rows = reviews(seed)
    seen: list[Subject] = []

    def seeing(subject: Subject) -> Finding:
        seen.append(subject)
        return noisy_answers(subject)

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, texts in (("private", rows[:PEOPLE]), ("public", rows[PEOPLE : PEOPLE + 3 * CANARIES])):
            lines = (json.dumps({"text": text}) + "\n" for text in texts)
            folder.joinpath(f"{name}.jsonl").write_text("".join(lines), "utf-8")
        plan = resolve(
            {
                "data": {
                    "path": str(folder / "private.jsonl"),
                    "account": f"audited answers {seed}",
                    "canary_texts": str(folder / "public.jsonl"),
                    "audit_canaries": CANARIES,
                },
                "corpus": {"domain": "food-reviews", "size": SIZE},
                "privacy": {"epsilon": EPSILON, "lifetime_epsilon": 1000.0, "shares": SHARES},
                "method": {"oversample": 1.5},
                "models": {"form": "chat"},
            }
        )
        tools = load_tools(plan, Written(f"{plan.models.writer}, written before", drafts))
        attacks = {"noisy-answers": seeing, "noise-left": noise_left, "extraction": extraction}
        report = canary_run(plan, folder / "run", attacks=attacks, tools=tools, noise=noise)
    return report, seen[0]


def named_again(added: npt.NDArray[np.float64], part: float, mu: float, level: float) -> int:
    """How many of ``REDRAWN`` runs ``noisy-answers`` refutes, if canaries add ``added`` to the ``part`` of
    the noise.
    """
    units = len(added)
    sizes = answer_guesses(units)
    needed = [_fewest(units, size, mu, level / len(sizes)) for size in sizes]
    values, axes = np.linalg.eigh(added)
    root, refuted = axes * np.sqrt(np.maximum(values, 0.0)), 0
    for seed in range(REDRAWN):
        draw = np.random.default_rng(seed)
        coins, noise = draw.random(units) < 0.5, part * draw.normal(size=units)
        found = scores(CanaryAnswers(added, added @ coins + root @ noise))
        right = np.cumsum(((found > 0.0) == coins)[np.argsort(-np.abs(found))])
        refuted += any(right[size - 1] >= n for size, n in zip(sizes, needed, strict=True))
    return refuted


def left_again(noise: Sequence[AnswerNoise], part: float, mu: float, level: float) -> int:
    """How many of ``REDRAWN`` runs ``noise-left`` refutes, by the canary that adds most altogether."""
    most, refuted = int(np.sum([each.added for each in noise], axis=0).argmax()), 0
    for seed in range(REDRAWN):
        draw = np.random.default_rng(seed)
        drawn = [(n.entries, part**2 * float(draw.chisquare(n.entries)), float(n.added[most])) for n in noise]
        refuted += noise_left_mu(drawn, level) > mu
    return refuted


def _fewest(units: int, size: int, mu: float, level: float) -> float:
    """How many of ``size`` guesses have to be right to refute ``mu``; infinite if not even all of them do."""
    enough = (v for v in range(size + 1) if gaussian_run_refuted(units, size, v, mu, level))
    return next(enough, math.inf)


def simulated(subject: Subject, part: float) -> dict[str, Any]:
    """What canaries add, and how often a run with other coins and other noise would be refuted."""
    if subject.answers is None:
        return {}
    answers, level = subject.answers, subject.level
    added, mu = answers.added, mu_for(subject.claim.epsilon, subject.claim.delta)
    lengths = np.sqrt(added.diagonal())
    cosines = (added / np.outer(lengths, lengths))[~np.eye(len(added), dtype=bool)]
    return {
        "what a canary adds, of the most": round(float(np.median(lengths) / mu), 3),
        "mean cosine of two canaries": round(float(cosines.mean()), 3),
        "redrawn": REDRAWN,
        "noise-left": left_again(answers.noise, part, mu, level),
        "noisy-answers": named_again(added, part, mu, level),
        "noisy-answers, no overlap": named_again(np.diag(added.diagonal()), part, mu, level),
        "noisy-answers, longest": named_again(mu**2 * np.eye(len(added)), part, mu, level),
    }


def runs(drafts: Sequence[str], noise: NoiseSource, count: int, part: float) -> dict[str, Any]:
    """Several audit runs with this noise: their verdicts, and what their canaries prove together."""
    made = [one_run(drafts, noise, seed) for seed in range(count)]
    found, coins = [], []
    for _, subject in made:
        if subject.answers is not None and subject.canaries is not None:
            found.append(scores(subject.answers))
            coins.append(np.array(subject.canaries.is_in))
    together = of_coins(np.concatenate(found), np.concatenate(coins), made[0][1])
    alone = [report.finding("noisy-answers") for report, _ in made]
    left = [report.finding("noise-left") for report, _ in made]
    return {
        "epsilon claimed": EPSILON,
        "runs": count,
        "canaries": CANARIES,
        "drafts": len(drafts),
        "verdicts": [report.verdict for report, _ in made],
        "of the attack": [each.verdict for each in alone],
        "epsilon": [round(each.epsilon_lower or 0.0, 3) for each in alone],
        "auc": [round(each.auc or 0.0, 3) for each in alone],
        "limit": made[0][0].finding("noisy-answers").limit,
        "of noise-left": [each.verdict for each in left],
        "epsilon of noise-left": [round(each.epsilon_lower or 0.0, 3) for each in left],
        "noise, of what is claimed": [round(each.details["noise, of what is claimed"], 3) for each in left],
        "noise that would be seen": round(left[0].details["noise that would be seen"], 3),
        "simulated": simulated(made[0][1], part),
        "together": {
            "verdict": together.verdict,
            "epsilon": round(together.epsilon_lower or 0.0, 3),
            "guesses": together.guesses,
            "right": together.right,
            "auc": round(together.auc or 0.0, 3),
            "limit": together.limit,
        },
    }


def main() -> None:
    """Measure the three kinds of noise, or those that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--written", type=Path, nargs="+", required=True)
    parser.add_argument("--only", nargs="*", choices=NOISES, default=())
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    drafts = list(dict.fromkeys(text for folder in given.written for text in rpsg.read_run(folder).texts))
    for name in given.only or NOISES:
        row = runs(drafts, NOISES[name], given.runs, PARTS[name])
        print(name, row["verdicts"], row["together"], flush=True)
        written_to(given.out, "answers", [(name, row)])


if __name__ == "__main__":
    main()
