"""What is known before a run: what it would do and cost, and texts that its writer wrote. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpsg.display import Overview, Shown, counted, short_number

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """The expected and the largest use of something that can be limited, and its cap; None if not known.

    ``option`` is the option that sets the cap.
    """

    what: str
    option: str
    about: float | None
    at_most: float | None
    cap: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Preview(Shown):
    """What a run would do. Nothing was spent, and no private row was used.

    Epsilons are for one person, or for one row if no user column is named. Each of ``attributes`` has a name,
    a kind, the number of values and the values. ``cells`` is the number of noisy counts, ``seconds`` is the
    time of writing alone, and ``odometer`` says what was charged to the account so far. ``candidates``,
    ``llm_calls``, ``prompt_tokens`` and ``new_tokens`` are None for a method that does not declare its
    workload. ``obstacles`` are the reasons why a run of this plan would stop now, before it spends anything,
    in the order in which the run would come to them. ``exit_code`` is the one with which ``rpsg run`` would
    then end; 0 if the run can start.
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
    asked: Literal["people", "voters", "rows"]
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
    exit_code: int = 0

    def _overview(self) -> Overview:
        spends = "" if self.epsilon is None else f", epsilon {self.epsilon:.4g}, delta {self.delta:g}"
        refused = (
            "The account has too little budget left for this run, which would be refused."
            if self.is_refused
            else ""
        )
        counts = any(stage.stage == "size" for stage in self.stages)
        people = "counted with noise" if counts and self.people is None else short_number(self.people)
        time = "" if self.seconds is None else f"about {short_number(self.seconds)} s"
        written = "" if self.new_tokens is None else f"{self.new_tokens:,} tokens written"
        account = "; ".join(f"{name.replace('_', ' ')}: {value:.4g}" for name, value in self.odometer.items())
        facts = (
            ("claim", self.claim),
            (self.asked, people),
            ("minimum number", "" if self.smallest_people is None else f"{self.smallest_people:,}"),
            ("work", ", ".join(filter(None, (written, time)))),
            ("account", account),
        )
        return Overview(
            f"Preview of a run: method {self.method}{spends}. Nothing was spent.",
            first="A run would stop before it spends anything." if self.obstacles else refused,
            stops=self.obstacles,
            facts=tuple((name, value) for name, value in facts if value),
            columns=("step", "noise", "budget", "what is read"),
            rows=tuple((s.stage, f"{s.noise:.3g}", f"{s.share:.0%}", s.in_words) for s in self.stages),
            notes=self.warnings,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Sample(Shown):
    """A text that a writer wrote from public words, for a ``card`` of attributes and a ``prompt``.

    ``reason`` says why a run would drop it; "" if it would not.
    """

    text: str
    card: Mapping[str, str]
    prompt: str
    reason: str = ""

    def _overview(self) -> Overview:
        return Overview(
            f"Text: {self.text}",
            first=f"A run would drop it: {self.reason}." if self.reason else "",
            facts=(("text", self.text), *self.card.items()),
        )


class Samples(tuple[Sample, ...], Shown):
    """Samples in the order in which they were written."""

    __slots__ = ()
    __repr__ = Shown.__repr__

    def _overview(self) -> Overview:
        return Overview(
            f"{counted(len(self), 'text')} written from public words alone",
            columns=("text", "asked for", "a run would drop it"),
            rows=tuple((s.text, "; ".join(filter(None, s.card.values())), s.reason) for s in self),
            notes=("These texts show what the writer is able to write. No private data was read.",),
        )
