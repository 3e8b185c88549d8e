"""Computes the noise of every stage for a target (epsilon, delta), and the exact cost of that noise.

All stages read the same data. Gaussian mechanisms compose exactly, mu^2 = sum of sensitivity^2 / sigma^2, and
threshold failures add to delta (Dong, Roth, Su, 2022). Each stage gets a declared share of mu^2. Noise is
rounded up, and epsilon is computed again from the rounded noise.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from rpsg.disk.json_text import canonical_ascii_json
from rpsg.errors import InfeasibleError, UsageError
from rpsg.privacy.gaussian import epsilon_of, mu_for
from rpsg.privacy.sensitivity import EXACT, Adjacency, Rule, selection_threshold, sensitivity2
from rpsg.privacy.sources import LARGEST_SIGMA, ROUNDED_GAUSSIAN, tv_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SIGMA_STEP = 1_000_000  # sigmas are multiples of 1e-6
UNKNOWN_DIM = 1_000_000  # cells assumed for the sampler's error if a stage's size is not known yet
HIGHEST_DELTA = 1e-4
#: From this epsilon on, (epsilon, delta)-DP gives no useful protection.
MEANINGLESS = 30


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of a method: its share of mu^2, its contribution rule, its number of rounds.

    ``selects`` marks partition selection (an open set of strings). ``dim`` may stay 0 when the
    number of cells is not known yet. ``words`` say in previews what is read ("how long the texts are"), and
    ``needs`` gives the smallest number of people whose answer is useful under noise of a given sigma; if it
    is missing, that number is not known. Neither field is part of a release.
    """

    stage: str
    share: float
    rule: Rule
    k: int = 1
    w: int = 1
    c: int = 1
    rounds: int = 1
    selects: bool = False
    dim: int = 0
    words: str = ""
    needs: Callable[[float], int] | None = None


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """One noisy vector that will be released: ``threshold`` and ``delta_fail`` belong to selection.

    ``words`` and ``fewest`` are what the stage says for previews, see ``StagePlan``.
    """

    stage: str
    rule: Rule
    k: int
    w: int
    c: int
    sigma: float
    delta_fail: float = 0.0
    threshold: int | None = None
    words: str = field(default="", compare=False)
    fewest: int | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, object]:
        """The release as the ledger holds it."""
        return {key: value for key, value in asdict(self).items() if key not in {"words", "fewest"}}

    def sensitivity2(self, adjacency: Adjacency) -> int:
        return sensitivity2(self.rule, self.k, self.w, self.c, adjacency)

    def mu2(self, adjacency: Adjacency) -> float:
        return self.sensitivity2(adjacency) / (self.sigma * self.sigma)


@dataclass(frozen=True, slots=True)
class Budget:
    """The target, and the releases that meet it. ``epsilon_spent`` is the full cost of their noise."""

    epsilon: float
    delta: float
    adjacency: Adjacency
    releases: tuple[PlannedRelease, ...]
    epsilon_spent: float = field(compare=False)

    @property
    def mu2(self) -> float:
        return math.fsum(r.mu2(self.adjacency) for r in self.releases)

    @property
    def mu(self) -> float:
        return math.sqrt(self.mu2)

    @property
    def replaced_mu2(self) -> float:
        """Mu squared when one unit is replaced by another."""
        return math.fsum(r.mu2("replace_one") for r in self.releases)

    @property
    def delta_fail(self) -> float:
        return math.fsum(r.delta_fail for r in self.releases)

    def release(self, stage: str) -> PlannedRelease:
        """The planned release called ``stage`` ("votes", or "votes[1]" when a stage has several rounds).

        Raises:
            UsageError: no release has that name.
        """
        for planned in self.releases:
            if planned.stage == stage:
                return planned
        names = ", ".join(r.stage for r in self.releases)
        raise UsageError(f"The budget has no stage {stage!r}.", hint=f"Planned are: {names}.")

    def plan(self) -> dict[str, object]:
        """The stage plan as the ledger holds it."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "adjacency": self.adjacency,
            "releases": [r.to_json() for r in self.releases],
        }

    def sha256(self) -> str:
        """The hash of the stage plan. Every evidence file holds it, so that a missing stage is noticed."""
        return plan_sha256(self.plan())


def plan_sha256(plan: object) -> str:
    """The hash of a stage plan in ledger, evidence and journal."""
    return hashlib.sha256(canonical_ascii_json(plan)).hexdigest()


def sigma_for(mu_stage: float, square: float) -> float:
    """The noise with sensitivity^2 / sigma^2 <= mu_stage^2, rounded up to the next multiple of 1e-6.

    Raises:
        ValueError: ``mu_stage`` or ``square`` is not positive and finite.
    """
    if not (mu_stage > 0.0 and square > 0.0 and math.isfinite(mu_stage) and math.isfinite(square)):
        raise ValueError("mu and the squared sensitivity must be positive and finite")
    steps = math.ceil(math.sqrt(square) / mu_stage * SIGMA_STEP)
    while square / (steps / SIGMA_STEP) ** 2 > mu_stage * mu_stage:
        steps += 1
    return steps / SIGMA_STEP


def calibrate(  # three arguments by position, three by keyword
    epsilon: float,
    delta: float,
    stages: Sequence[StagePlan],
    *,
    adjacency: Adjacency = "add_remove",
    delta_fail_share: float = 0.1,
    source: str = ROUNDED_GAUSSIAN,
) -> Budget:
    """The noise of every stage for a total of (epsilon, delta).

    When a stage selects strings, ``delta_fail_share`` of delta pays for its threshold; otherwise all of
    delta, less the error of the noise ``source``, goes to the Gaussian part.

    Raises:
        UsageError: a target or a share is invalid.
        InfeasibleError: the noise exceeds the range of the sampler.
    """
    _check_target(epsilon, delta, stages)
    selecting = sum(s.rounds for s in stages if s.selects)
    fail_each = delta * delta_fail_share / selecting if selecting else 0.0
    sampler = 0.0
    for _ in range(2):  # the sampler's error needs the sigmas, and the sigmas need its error
        mu = mu_for(epsilon, delta - fail_each * selecting - sampler)
        releases = tuple(_releases(stages, mu, adjacency, fail_each))
        _check_noise(releases)
        sampler = 2.0 * (1.0 + math.exp(min(epsilon, 700.0))) * _sampler_tv(stages, releases, source)
        if sampler > 0.01 * delta:
            raise _too_large()
    spent = epsilon_of(
        math.sqrt(math.fsum(r.mu2(adjacency) for r in releases)),
        delta,
        math.fsum(r.delta_fail for r in releases),
        _sampler_tv(stages, releases, source),
    )
    if not spent <= epsilon:
        if epsilon >= MEANINGLESS:  # e to this power is beyond the precision of the sampler's error
            raise _too_large()
        raise InfeasibleError("The noise found does not keep the budget.", hint="Report this as a bug.")
    return Budget(float(epsilon), float(delta), adjacency, releases, spent)


def _too_large() -> InfeasibleError:
    return InfeasibleError(
        "Epsilon is too large to mean anything.", hint=f"Choose epsilon below {MEANINGLESS}."
    )


def _releases(
    stages: Sequence[StagePlan], mu: float, adjacency: Adjacency, fail_each: float
) -> Iterator[PlannedRelease]:
    for s in stages:
        square = sensitivity2(s.rule, s.k, s.w, s.c, adjacency)
        sigma = sigma_for(mu * math.sqrt(s.share / s.rounds), square)
        fail = fail_each if s.selects else 0.0
        threshold = selection_threshold(sigma, s.k, fail) if s.selects else None
        fewest = None if s.needs is None else s.needs(sigma)
        for name in _round_names(s):
            yield PlannedRelease(name, s.rule, s.k, s.w, s.c, sigma, fail, threshold, s.words, fewest)


def _round_names(stage: StagePlan) -> list[str]:
    return [stage.stage] if stage.rounds == 1 else [f"{stage.stage}[{i}]" for i in range(stage.rounds)]


def _sampler_tv(stages: Sequence[StagePlan], releases: Sequence[PlannedRelease], source: str) -> float:
    dims = {name: s.dim or UNKNOWN_DIM for s in stages for name in _round_names(s)}
    drawn = (r for r in releases if r.rule not in EXACT)
    return math.fsum(tv_bound(source, r.sigma, dims[r.stage]) for r in drawn)


def _check_target(epsilon: float, delta: float, stages: Sequence[StagePlan]) -> None:
    if not (epsilon > 0.0 and math.isfinite(epsilon)):
        raise UsageError("Epsilon must be a positive number.", hint="Try --epsilon 2.")
    if not 0.0 < delta <= HIGHEST_DELTA:
        raise UsageError(f"Delta must be above 0 and at most {HIGHEST_DELTA:g}.", hint="Try --delta 1e-6.")
    names = [s.stage for s in stages]
    if not stages or len(set(names)) != len(names):
        raise UsageError("A budget needs at least one stage, each with its own name.")
    if any(s.share <= 0.0 or s.rounds < 1 for s in stages) or math.fsum(s.share for s in stages) > 1 + 1e-9:
        raise UsageError("The shares of the stages must be positive and sum to at most 1.")
    if any(s.selects and (s.rule != "S3_k_items_per_unit" or s.w != 1) for s in stages):
        raise UsageError("Only a stage of rule S3_k_items_per_unit with w = 1 can select strings.")


def _check_noise(releases: Sequence[PlannedRelease]) -> None:
    if any(r.sigma > LARGEST_SIGMA for r in releases):
        raise InfeasibleError(
            "The budget is too small: the answer of a stage would be nothing but noise.",
            hint="Raise --epsilon, or ask for fewer votes, phrases or rows per unit.",
        )


def max_candidates(n: int, sigma: float) -> int:
    """The largest number of candidates that n voters can tell apart under noise ``sigma``: n / (2 sigma)."""
    return int(n / (2.0 * sigma))
