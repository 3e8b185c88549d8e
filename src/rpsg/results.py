"""What commands return: a finished run, a preview, a verification. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rpsg import outward

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
    """The expected and the largest use of something that can be limited, and its cap; None: not known.

    ``option`` is the option that sets the cap.
    """

    what: str
    option: str
    about: float | None
    at_most: float | None
    cap: float | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do. Nothing was spent, and no private row was read.

    ``candidates``, ``llm_calls``, ``prompt_tokens`` and ``new_tokens`` are None for a method that does not
    declare its workload.
    ``obstacles`` are why a run of this plan would stop here and now, before it spends anything.
    """

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
    asked: Literal["people", "voters"]
    candidates: int | None
    llm_calls: int | None
    prompt_tokens: int | None
    new_tokens: int | None
    seconds: float | None
    odometer: Mapping[str, float]
    is_refused: bool = False
    explanations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    prices: str = ""
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that a writer wrote from public words, for a ``card`` of attributes and a ``prompt``.

    ``reason`` says why a run would drop it; "" if it would not.
    """

    text: str
    card: Mapping[str, str]
    prompt: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run has used so far. ``cost`` is None where no price is known.

    ``lost`` requests were in flight when a process died; ``unsure_tokens`` is the most that these, and
    replies without a count of tokens, may have used in addition. ``seconds`` of writing are None where
    prompts held private text.
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
    """A finished run: ``path`` is its folder, ``release`` the folder that may be shared.

    ``records`` are the rows of the corpus, ``ledger`` is the public ledger, ``timings`` are the seconds of
    the stages that wrote texts. The time of stages that read private texts is private, and only in the
    private folder.
    """

    path: Path
    release: Path
    texts: tuple[str, ...] = field(repr=False)
    records: tuple[Mapping[str, Any], ...] = field(repr=False)
    ledger: Mapping[str, Any] = field(repr=False)
    summary: str = field(repr=False)
    timings: Mapping[str, float] = field(default_factory=dict, repr=False)

    @property
    def epsilon(self) -> float | None:
        value = self.ledger.get("claim", {}).get("epsilon")
        return None if value is None else float(value)

    def to_pandas(self) -> Any:
        """The corpus as a ``pandas.DataFrame``: one row a text, with its label and attributes as columns."""
        return outward.to_pandas(self.records)

    def to_arrow(self) -> Any:
        """The corpus as a ``pyarrow.Table``, with the columns of ``to_pandas``."""
        return outward.to_arrow(self.records)

    def push(
        self,
        repository: str,
        *,
        private: bool = True,
        token: str | None = None,
        without_guarantee: bool = False,
    ) -> str:
        """Upload the release as the data set ``OWNER/NAME`` of the Hugging Face hub; gives its address.

        The release goes up as it is, with its ledger, evidence and data card; nothing beside it does. Raises
        a PrivacyError for a release that does not protect everybody, unless ``without_guarantee`` is set, and
        a ModelError if the hub refuses.
        """
        claim = str(self.ledger.get("claim", {}).get("type", ""))
        return outward.push(
            self.release, claim, repository, private=private, token=token, without_guarantee=without_guarantee
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One check, whether it passed, and what was found."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found about one thing, and what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of a release, and what no check can show.

    ``claims`` says whether the release makes a differential-privacy claim; a release of the method ``paper``
    or ``floor`` can pass every check and claim nothing.
    """

    path: Path
    checks: tuple[Check, ...]
    cannot_show: tuple[str, ...]
    claims: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)
