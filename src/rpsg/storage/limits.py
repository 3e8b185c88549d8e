"""Caps on what a run may use, checked before a request is sent.

A request is sent only if the caps hold in the worst case, for it and for all requests sent with it. In the
worst case a prompt has as many tokens as bytes, and the reply all the tokens that it may have. Usage is read
from the call store, so that nothing is forgotten when a process is killed.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from rpsg.errors import LimitError
from rpsg.storage.call_tables import Used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rpsg.plan import LimitsSection
    from rpsg.protocols import Request
    from rpsg.storage.call_store import CallStore

_MILLION = 1_000_000
#: What a chat template may add to a message, and to the whole prompt, in tokens.
_AROUND_A_MESSAGE = 16
_AROUND_A_PROMPT = 64
#: The first batch under a cap on time; later ones are as large as the measured speed allows.
_FIRST_BATCH = 16
#: The share of the remaining time that a batch may plan to use. It is below 1 because texts differ in length.
_OF_THE_TIME = 0.8
_KEPT = "Every text that was written is kept."


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million prompt tokens, and for a million completion tokens."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / _MILLION


@dataclass(frozen=True, slots=True)
class Most:
    """The most tokens that a request can take."""

    prompt: int
    completion: int

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion


def most_of(request: Request) -> Most:
    """The most tokens that a request can take: no token is shorter than a byte."""
    contents = [message.content for message in request.messages] + [request.begins]
    prompt = sum(len(text.encode(errors="replace")) + _AROUND_A_MESSAGE for text in contents)
    return Most(prompt + _AROUND_A_PROMPT, request.max_tokens)


@dataclass(frozen=True, slots=True)
class UsageCap:
    """One cap: its option, how much of it is used, and how much of it a request can use at most."""

    unit: str
    option: str
    size: float
    used: float
    takes: Callable[[Most], float]

    def fitting(self, worst: Sequence[Most]) -> int:
        """How many of the first requests fit in the worst case."""
        left = self.size - self.used
        return sum(total <= left for total in accumulate(self.takes(most) for most in worst))

    def error(self, worst: Sequence[Most]) -> LimitError:
        """The error of a run that may not send the first request; it names what all of them would need."""
        first, everything = self.takes(worst[0]), sum(self.takes(most) for most in worst)
        said = f"{_number(self.size)} {self.unit}: {_number(self.used)} are used and may have been charged"
        enough = _rounded_up(self.used + everything)
        return _reached(f"{said}, and the next text may need {_number(first)}", self.option, enough)

    def silent_error(self) -> LimitError:
        """The same error without figures that depend on private texts."""
        return LimitError(
            f"The run stopped before its limit of {_number(self.size)} {self.unit}. {_KEPT}",
            hint=f"To resume it, run the same command with a larger {self.option}.",
        )


class Meter:
    """What a run has used and may still use, over all its call stores.

    ``price`` is what the writer costs; a writer that costs nothing needs none.
    """

    def __init__(
        self, limits: LimitsSection, stores: Sequence[CallStore], price: Price | None = None
    ) -> None:
        self._limits = limits
        self._stores = stores
        self._price = price or Price()

    def used(self) -> Used:
        return sum((store.used() for store in self._stores), Used())

    def admit(self, requests: Sequence[Request]) -> int:
        """How many of the first requests may be sent now, at least one.

        Raises:
            LimitError: not even the first fits under the caps.
        """
        used = self.used()
        worst = [_stretched(most_of(request), used.stretch) for request in requests]
        admitted = min(len(requests), self._in_time(used))
        for cap in self._caps(used):
            fitting = cap.fitting(worst)
            if fitting == 0:
                is_private = any(store.is_private for store in self._stores)
                raise cap.silent_error() if is_private else cap.error(worst)
            admitted = min(admitted, fitting)
        return admitted

    def seconds_left(self) -> float:
        """Seconds of writing that are left; infinite without a cap on them."""
        cap = self._limits.seconds
        return math.inf if cap is None else cap - self.used().seconds

    def out_of_time(self) -> LimitError:
        """The error that ends a batch when its time is over."""
        cap = self._limits.seconds or 0.0
        return _reached(f"{cap:g} seconds of writing", "--max-seconds", _rounded_up(2 * cap))

    def _in_time(self, used: Used) -> int:
        """How many requests fit into the time that is left, by the speed so far."""
        cap = self._limits.seconds
        if cap is None:
            return sys.maxsize
        if used.seconds >= cap:
            raise self.out_of_time()
        if used.seconds <= 0:
            return _FIRST_BATCH
        return max(1, int(used.requests / used.seconds * (cap - used.seconds) * _OF_THE_TIME))

    def _caps(self, used: Used) -> Iterator[UsageCap]:
        limits, price = self._limits, self._price
        unsure = _stretched(Most(used.unsure_prompt, used.unsure_completion), used.stretch)
        prompt, completion = used.prompt_tokens + unsure.prompt, used.completion_tokens + unsure.completion
        if limits.requests is not None:
            yield UsageCap(
                "requests", "--max-requests", limits.requests, used.requests + used.lost, lambda _: 1
            )
        if limits.tokens is not None:
            yield UsageCap(
                "tokens", "--max-tokens", limits.tokens, prompt + completion, lambda most: most.tokens
            )
        if limits.cost is not None:
            spent = price.of(prompt, completion)
            yield UsageCap(
                "of cost", "--max-cost", limits.cost, spent, lambda m: price.of(m.prompt, m.completion)
            )


def _stretched(most: Most, stretch: float) -> Most:
    """``most`` for a writer whose requests took up to ``stretch`` times the expected maximum so far."""
    if stretch <= 1:
        return most
    return Most(math.ceil(most.prompt * stretch), math.ceil(most.completion * stretch))


def _reached(what: str, option: str, enough: float) -> LimitError:
    return LimitError(
        f"The run stopped before its limit of {what}. {_KEPT}",
        hint=f"To resume it, run the same command with a larger limit: {option} {enough:.15g} is enough for "
        "now.",
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or float(value).is_integer() else f"{value:.4g}"


def _rounded_up(value: float) -> float:
    """``value`` rounded up to two significant digits."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit
