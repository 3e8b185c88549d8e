"""What commands hand back: a finished run, a preview of one, the outcome of a check. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StageCost:
    """One mechanism of the plan. ``noise`` is sigma; ``share`` is its part of mu squared."""

    stage: str
    rule: str
    sensitivity: float
    noise: float
    share: float
    in_words: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Who sees what."""

    stage: str
    place: str
    sees: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will use of something that can be limited: about, at the most, and the cap; None: not known.

    ``option`` is the option that sets the cap.
    """

    what: str
    option: str
    about: float | None
    at_most: float | None
    cap: float | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do. Nothing was spent, and no private row was read."""

    method: str
    claim: str
    epsilon: float | None
    delta: float | None
    epsilon_replace_one: float | None
    attacker: Mapping[str, float]
    stages: tuple[StageCost, ...]
    flows: tuple[Flow, ...]
    attributes: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    cells: int
    smallest_people: int | None
    people: int | None
    candidates: int | None
    llm_calls: int
    prompt_tokens: int
    new_tokens: int
    seconds: float | None
    odometer: Mapping[str, float]
    is_refused: bool = False
    explanations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    prices: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run has used so far. ``cost`` is None where no price is known.

    ``lost`` requests were on the way when a process died; ``unsure_tokens`` are the most that these, and the
    replies that did not tell, may have taken besides. ``seconds`` of writing are None where prompts held
    private text.
    """

    requests: int
    lost: int
    prompt_tokens: int
    completion_tokens: int
    unsure_tokens: int
    seconds: float | None
    cost: float | None
    at_most_cost: float | None
    currency: str
    prices: str


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run. ``ledger`` is the public ledger.

    ``timings`` are seconds of the stages of writing. How long a stage took that read private texts is
    private, and is in private/timings.json alone.
    """

    path: Path
    texts: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    ledger: Mapping[str, Any]
    summary: str
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def release(self) -> Path:
        return self.path / "release"

    @property
    def epsilon(self) -> float | None:
        value = self.ledger.get("claim", {}).get("epsilon")
        return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, whether it held, and what was found."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the doctor found about one thing, and what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of a release, and what no check can show.

    ``claims`` says whether there is a differential-privacy claim that could hold; a release of the method
    ``paper`` or ``floor`` can be whole and claim nothing.
    """

    path: Path
    checks: tuple[Check, ...]
    cannot_show: tuple[str, ...]
    claims: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)
