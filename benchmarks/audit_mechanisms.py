"""Each class of mechanism is run many times on two neighbouring inputs, and attacked.

    python benchmarks/audit_mechanisms.py --out benchmarks/results/audit-mechanisms.json

The noise is what ``calibrate`` plans for epsilon 2, delta 1e-6. In one world a person is in the data. In the
other world that person is missing (add/remove) or replaced by another one (replace-one). Both contribute as
much as the rule allows, so the two exact answers are as far apart as the ledger says. The best test between
them adds up the noisy answer along their difference. How often it is right and wrong gives a lower bound on
mu (``gaussian_audit``, after Nasr et al. 2023), which is compared with the mu that is claimed: with the noise
as planned, with 0.8 of it, and with the noise of ten draws for one charge.

A histogram is released once with a person in each of many blocks of cells. The noise of every cell is drawn
independently, so each block counts as a separate run.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.mechanisms import clean_answer, drawn_token, noisy_histogram, noisy_selection, token_steps
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.privacy.token_sampling import RULE, SCALE, Choices, References, largest_clip
from rpsg.privacy.vector_sum import BoundedVectors
from rpsg.testing.many_runs import gaussian_audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.privacy.accounting import PlannedRelease
    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.sensitivity import Adjacency

Floats = npt.NDArray[np.float64]
EPSILON, DELTA = 2.0, 1e-6
ADJACENCIES: tuple[Adjacency, ...] = ("add_remove", "replace_one")
TEN_DRAWS = 10**-0.5
PARTS = (1.0, 0.8, TEN_DRAWS)
LENGTH, VECTOR = 13, np.array([3, 4, 12])
#: Rows of cells: those of a person, and those of the person who may take their place.
Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PartOfNoise:
    """A part of the noise that is asked for."""

    part: float
    name: str = RoundedGaussian.name

    def draw(self, sigma: float, size: int) -> npt.NDArray[np.int64]:
        return RoundedGaussian().draw(sigma * self.part, size)


@dataclass(frozen=True)
class Mechanism:
    """A class of mechanism; ``own`` and ``other`` are the cells of two people, in a block of ``cells``."""

    words: str
    stage: StagePlan
    cells: int = 0
    own: Rows = ()
    other: Rows = ()

    def planned(self, adjacency: Adjacency) -> PlannedRelease:
        """The release as a run with this claim would plan it."""
        stage = self.stage
        if stage.rule == RULE:
            mu = mu_for(EPSILON, DELTA)
            doubled = adjacency == "replace_one"
            stage = replace(stage, w=largest_clip(mu, stage.k, stage.c, doubled=doubled))
        return calibrate(EPSILON, DELTA, [stage], adjacency=adjacency).releases[0]

    def scores(
        self, planned: PlannedRelease, adjacency: Adjacency, part: float, trials: int
    ) -> tuple[Floats, Floats]:
        """What the best test sees in many runs with the person, and in the same number without, or with
        another one.
        """
        if self.stage.rule == RULE:
            return _tokens(planned, adjacency, part, trials)
        if self.stage.selects:
            return _strings(planned, adjacency, part, trials)
        if self.stage.rule == "S6_bounded_vector":
            return _sums(planned, adjacency, part, trials)
        return self._histograms(planned, adjacency, part, trials)

    def _histograms(
        self, planned: PlannedRelease, adjacency: Adjacency, part: float, trials: int
    ) -> tuple[Floats, Floats]:
        query = Query.of(planned, self.words, self.cells * trials)
        worlds = [self._rows(self.own, trials), self._rows(_instead(self.other, adjacency), trials)]
        one, other = (clean_answer(query, Private(rows))[: self.cells] for rows in worlds)
        along = _along(one - other, planned, adjacency)
        noise = PartOfNoise(part)
        noisy = [noisy_histogram(query, Private(rows), noise).reshape(trials, self.cells) for rows in worlds]
        return noisy[0] @ along, noisy[1] @ along

    def _rows(self, held: Rows, trials: int) -> Contributions:
        """A person with these rows in each of the blocks."""
        if not held:
            return RowCells(np.zeros(0, np.int64), np.zeros((0, 1), np.int64))
        each = np.array(held, np.int64)
        cells = each[None, :, :] + self.cells * np.arange(trials)[:, None, None]
        return RowCells(np.repeat(np.arange(trials), len(each)), cells.reshape(-1, each.shape[1]))


def _instead(other: Rows, adjacency: Adjacency) -> Rows:
    return other if adjacency == "replace_one" else ()


def _along(difference: npt.NDArray[np.int64], planned: PlannedRelease, adjacency: Adjacency) -> Floats:
    """The direction in which two answers differ; they must be as far apart as the ledger says."""
    square = int(difference @ difference)
    if square != planned.sensitivity2(adjacency):
        raise ValueError(f"{planned.rule}: the inputs are not the furthest apart that the rule allows")
    found: Floats = difference / math.sqrt(square)
    return found


def _sums(planned: PlannedRelease, adjacency: Adjacency, part: float, trials: int) -> tuple[Floats, Floats]:
    """Sums of one vector, of nothing, or of the opposite vector."""
    query = Query.of(planned, "a sum of vectors", len(VECTOR))
    times = [1, -1] if adjacency == "replace_one" else [1, 0]
    worlds = [
        Private(BoundedVectors(np.zeros(1, np.int64), (factor * VECTOR[None, :]).__getitem__))
        for factor in times
    ]
    along = _along((times[0] - times[1]) * VECTOR, planned, adjacency)
    noise = PartOfNoise(part)
    one, other = (np.stack([noisy_histogram(query, rows, noise) for _ in range(trials)]) for rows in worlds)
    return one @ along, other @ along


def _strings(
    planned: PlannedRelease, adjacency: Adjacency, part: float, trials: int
) -> tuple[Floats, Floats]:
    """Strings that nearly always pass, because enough other people hold them; one that fails counts as just
    below.
    """
    query = Query.of(planned, "strings with a threshold", 0)
    threshold = planned.threshold or 0
    others = math.ceil(threshold + 2 * planned.sigma)
    kinds = ("own", "other") if adjacency == "replace_one" else ("own",)
    names = [[[f"{run} {kind} {i}" for i in range(query.k)] for kind in kinds] for run in range(trials)]
    background = [held for run in names for held in run for _ in range(others)]
    seen = []
    for who in (0, 1):
        extra = [run[who] for run in names if who < len(run)]
        passed = dict(noisy_selection(query, threshold, Private(background + extra), PartOfNoise(part)))
        sums = [[sum(passed.get(name, threshold - 1) for name in held) for held in run] for run in names]
        seen.append(np.array([row[0] - sum(row[1:]) for row in sums], np.float64))
    return seen[0], seen[1]


def _tokens(planned: PlannedRelease, adjacency: Adjacency, part: float, trials: int) -> tuple[Floats, Floats]:
    """Whether the token that the person favours was drawn; a clip that is too large stands for too little
    noise.
    """
    query = Query.of(replace(planned, w=round(planned.w / part)), "the next token", 1)
    choices, limit = Choices(((1, " yes"), (2, " no")), np.zeros(2)), query.w / SCALE
    seen = []
    for sign in (1.0, -1.0 if adjacency == "replace_one" else 0.0):
        count = query.c if sign else 0
        scores = np.tile(sign * limit * np.array([1.0, -1.0]), (count, 1))
        rows = References(
            np.zeros(count, np.int64), np.zeros(count, np.int64), (b"",) * count, _always(scores)
        )
        tokens, steps = token_steps(query, 0, (), choices, Private(rows))
        seen.append(np.array([drawn_token(tokens, steps)[0] == 1 for _ in range(trials)], np.float64))
    return seen[0], seen[1]


def _always(scores: Floats) -> Any:
    return lambda *_: scores


def bound(one: Floats, other: Floats, level: float) -> float:
    """The lower bound on mu, with the threshold halfway between the two worlds.

    Another threshold would move both rates in the same direction, and hardly change their distance.
    """
    middle = (one.mean() + other.mean()) / 2
    found, false = int((one > middle).sum()), int((other > middle).sum())
    return gaussian_audit(found, len(one), false, len(other), level)


CLASSES = (
    Mechanism("people", StagePlan("size", 1.0, "S1_unit_count", dim=1), 2, ((0,),), ((1,),)),
    Mechanism(
        "one cell in each of three marginals, two rows a person",
        StagePlan("cards", 1.0, "S2_one_cell", k=3, c=2),
        6,
        ((0, 1, 2),) * 2,
        ((3, 4, 5),) * 2,
    ),
    Mechanism(
        "four values of a person",
        StagePlan("items", 1.0, "S3_k_items_per_unit", k=4),
        8,
        ((0, 1, 2, 3),),
        ((4, 5, 6, 7),),
    ),
    Mechanism(
        "strings with a threshold, four of a person",
        StagePlan("labels", 1.0, "S3_k_items_per_unit", k=4, selects=True),
    ),
    Mechanism(
        "five votes, one row a person",
        StagePlan("votes", 1.0, "S4_k_votes", k=5),
        10,
        ((0, 1, 2, 3, 4),),
        ((5, 6, 7, 8, 9),),
    ),
    Mechanism(
        "five votes, three rows a person",
        StagePlan("votes", 1.0, "S4_k_votes", k=5, c=3),
        10,
        ((0, 1, 2, 3, 4),) * 3,
        ((5, 6, 7, 8, 9),) * 3,
    ),
    Mechanism(
        "votes of length one",
        StagePlan("votes", 1.0, "S5_l2_normalised", k=4, w=64),
        2,
        ((0,),),
        ((1,),),
    ),
    Mechanism("a sum of vectors", StagePlan("sketch", 1.0, "S6_bounded_vector", w=LENGTH)),
    Mechanism("a drawn token, two rows a person", StagePlan("tokens", 1.0, RULE, k=1, c=2)),
)
#: Runs of classes that are not one histogram of many blocks take longer, so there are fewer.
SLOW = frozenset({"S6_bounded_vector", RULE})


def trials_of(mechanism: Mechanism, trials: int) -> int:
    """How many runs of this class are made in each world."""
    return trials // 4 if mechanism.stage.rule in SLOW or mechanism.stage.selects else trials


def main() -> None:
    """Attack every class under both relations."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    # 95 % for all bounds of the table together.
    level = 0.05 / (len(CLASSES) * len(ADJACENCIES) * len(PARTS))
    for mechanism in CLASSES:
        for adjacency in ADJACENCIES:
            planned, trials = mechanism.planned(adjacency), trials_of(mechanism, given.trials)
            claimed = math.sqrt(planned.mu2(adjacency))
            shown = [bound(*mechanism.scores(planned, adjacency, part, trials), level) for part in PARTS]
            rows.append(_row(mechanism, adjacency, trials, claimed, shown))
            print(json.dumps(rows[-1]), flush=True)
    given.out.write_text(json.dumps({"delta": DELTA, "rows": rows}, indent=1) + "\n", "utf-8")


def _row(
    mechanism: Mechanism, adjacency: Adjacency, trials: int, claimed: float, shown: Sequence[float]
) -> dict[str, Any]:
    return {
        "mechanism": mechanism.words,
        "rule": mechanism.stage.rule,
        "adjacency": adjacency,
        "runs in each world": trials,
        "mu claimed": round(claimed, 4),
        "mu at least": {f"{part:.2f}": round(each, 4) for part, each in zip(PARTS, shown, strict=True)},
        "epsilon at least": round(epsilon_of(shown[0], DELTA), 3) if shown[0] else 0.0,
        "refuted": {f"{part:.2f}": each > claimed for part, each in zip(PARTS, shown, strict=True)},
    }


if __name__ == "__main__":
    main()
