"""One attempt at one request, and whether to try again."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rpsg.errors import ModelError
from rpsg.models.openai.capabilities import Capabilities, fit
from rpsg.models.openai.chat import AN_ERROR, CUT_WHILE_THINKING, UnusableError, parse
from rpsg.models.openai.http_request import LostError, wait_in_words
from rpsg.models.openai.response_class import classify_response, server_words, with_words
from rpsg.models.server_hints import hint_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.models.openai.chat import Questions
    from rpsg.models.openai.concurrency import ConcurrencyLimiter, Overload, Ticket
    from rpsg.models.openai.http_request import HttpClient, HttpResponse
    from rpsg.models.openai.response_class import RequestContext, ResponseClass

#: Seconds before the first retry of a request.
FIRST_PAUSE = 0.5
# A 429 usually concerns all requests. If one request gets more than this many, the request is the cause.
_MOST_REFUSALS = 30
_MOST_CHANGES = 6
#: Seconds before the run gives up on a server that has never given a text (its pauses are short until then),
#: and before one that refuses everything is reported.
NEVER_CAME, REFUSED_FOR = 45.0, 5.0
# If this many requests were dropped and none was ever answered, no answer is expected any more.
_HOPELESS = 20
# The longest pause in seconds: in general, while other requests are answered, and before the last attempt.
_MAX_PAUSE, _SHORT_PAUSE, _LAST_PAUSE = 30.0, 2.0, 8.0
# Multiples of the golden ratio spread the pauses of successive requests evenly, without random numbers.
_SPREAD = 0.618033988749895

LOG = logging.getLogger("rpsg.server")

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why there is no answer. ``refused``: the server understood the request and declined it."""

    reason: str
    refused: bool = False


@dataclass(slots=True)
class PendingRequest:
    """One request and its history; ``late`` counts the attempts that had no answer in time."""

    index: int
    tries: int = 0
    late: int = 0
    refusals: int = 0
    asked_again: bool = False
    changes: frozenset[str] = frozenset()

    def pause(self, first: float, times: int, most: float = _MAX_PAUSE) -> float:
        """Seconds before the next attempt after ``times`` failures; doubled each time, with some spread."""
        doubled = min(most, first * 2 ** max(0, times - 1))
        return float(doubled * (0.75 + 0.5 * (self.index * _SPREAD % 1)))


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """``retries``: the maximum per request; ``patience``: seconds without answers before the run gives up."""

    retries: int
    patience: float
    first_pause: float = FIRST_PAUSE


@dataclass(slots=True)
class ServerState:
    """State shared by all batches: rate limits, capabilities, answers so far.

    ``note`` is called when the server fails before it has given a text, and when it goes down later.
    """

    limiter: ConcurrencyLimiter
    capabilities: Capabilities = field(default_factory=Capabilities)
    answers: int = 0
    drops: int = 0
    warned: bool = False
    note: Callable[[str], None] | None = None


class RetryPolicy(Generic[Read]):
    """Sends single requests of ``questions``; ``connect`` opens the connections for all of them."""

    def __init__(
        self,
        questions: Questions[Read],
        connect: Callable[[], HttpClient],
        context: RequestContext,
        config: RetryConfig,
        state: ServerState,
    ) -> None:
        self.connect = connect
        self._questions = questions
        self._context = context
        self._config = config
        self._state = state

    @property
    def limiter(self) -> ConcurrencyLimiter:
        return self._state.limiter

    async def attempt(
        self, client: HttpClient, request: PendingRequest, ticket: Ticket
    ) -> Read | Dropped | float:
        """The parsed answer, or why there is none, or the seconds before the next attempt.

        Raises:
            ModelError: no request can succeed, or nothing was answered for too long.
        """
        question = self._questions.ask(request.index)
        changes = request.changes | self._state.capabilities.kept
        try:
            body = json.dumps(asked := fit(question, changes)).encode()
            most = asked.get("max_completion_tokens") or asked.get("max_tokens") or len(body)
            answer = await client.post(body, patience=self._patience(request), size=float(most))
        except LostError as lost:
            return self._lost(request, ticket, lost)
        found = classify_response(answer, self._context, self._said(request, answer))
        if found.kind == "busy":
            return self._busy(request, ticket, found, answer.wait)
        if found.kind == "broken":
            change = self._state.capabilities.without_system(answer.body, question, changes)
            if change is None:
                return self._broken(request, ticket, found.reason, answer.wait, found.overload)
            self.limiter.answered(ticket)
            request.changes |= {change}
            return 0.0
        self.limiter.answered(ticket)
        if found.kind == "answered":
            return self.read_answer(request, answer, question, changes)
        return self._declined(request, found, answer, question, changes)

    def _patience(self, request: PendingRequest) -> float:
        """A factor for the time after which an attempt is overdue; it doubles after each one that was late.
        Infinite for the last attempt and for a changed request, whose answer may be longer than others.
        """
        is_last = request.tries >= self._config.retries
        return math.inf if is_last or request.changes else 2.0**request.late

    def read_answer(
        self, request: PendingRequest, answer: HttpResponse, question: dict[str, Any], changes: frozenset[str]
    ) -> Read | Dropped | float:
        capabilities = self._state.capabilities
        try:
            read = self._questions.read(request.index, parse(answer.body), changes)
        except UnusableError as error:
            change = capabilities.after_thoughts(question, changes)
            if error.reason == CUT_WHILE_THINKING and change:
                request.changes |= {change}
                return 0.0
            if not (error.decided or request.asked_again or error.reason == CUT_WHILE_THINKING):
                request.asked_again = True
                # No pause before the first text, so that a server that gives no text is noticed soon.
                pause = request.pause(self._config.first_pause, 1) if self._state.answers else 0.0
                return self._log(request, error.reason, pause)
            said = self._said(request, answer) if error.reason == AN_ERROR else ""
            return self._drop(request, Dropped(with_words(error.reason, said)))
        capabilities.keep(request.changes)
        self._state.answers += 1
        self._state.warned = False
        self.limiter.proven()
        self._log(request, "answered")
        return read

    def _declined(
        self,
        request: PendingRequest,
        found: ResponseClass,
        answer: HttpResponse,
        question: dict[str, Any],
        changes: frozenset[str],
    ) -> Read | Dropped | float:
        told = self._questions.declined(request.index, answer.body)
        if told is not None:
            return told
        if found.kind == "refused" and len(request.changes) < _MOST_CHANGES:
            sent = fit(question, changes)
            change = self._state.capabilities.suggested(answer.body, sent, changes)
            if change:
                request.changes |= {change}
                return 0.0
        return self._drop(request, Dropped(found.reason, refused=True))

    def _lost(self, request: PendingRequest, ticket: Ticket, lost: LostError) -> Dropped | float:
        if lost.final:
            self.limiter.answered(ticket)
            return self._drop(request, Dropped(lost.reason))
        request.late += lost.overload == "late"
        return self._broken(request, ticket, lost.reason, None, lost.overload)

    def _broken(
        self,
        request: PendingRequest,
        ticket: Ticket,
        reason: str,
        wait: float | None,
        overload: Overload | None,
    ) -> Dropped | float:
        was_down = self.limiter.is_down
        self.limiter.failed(ticket, overload)
        patience = self._config.patience if self._state.answers else NEVER_CAME
        self._tell_trouble(reason, patience)
        self._lose_patience(reason, wait, patience)
        if was_down:
            self._log(request, reason, 0.0)
            return 0.0  # not due to this request; the limiter delays the next one
        request.tries += 1
        if request.tries > self._config.retries:
            times = f"{reason}, {request.tries} times" if request.tries > 1 else reason
            return self._drop(request, Dropped(times))
        return self._log(request, reason, max(self._pause(request), wait or 0.0))

    def _pause(self, request: PendingRequest) -> float:
        """Seconds before the next attempt; while others are answered, only the last attempt waits long."""
        if not (self._state.answers and self.limiter.is_well):
            return request.pause(self._config.first_pause, request.tries + request.refusals)
        most = _LAST_PAUSE if request.tries >= max(2, self._config.retries) else _SHORT_PAUSE
        return request.pause(self._config.first_pause, request.tries, most)

    def _busy(
        self, request: PendingRequest, ticket: Ticket, found: ResponseClass, wait: float | None
    ) -> Dropped | float:
        self.limiter.refused(ticket, wait)
        if not self._state.answers and self.limiter.trouble() > REFUSED_FOR:
            self._tell_trouble(found.reason, self._config.patience)
        self._lose_patience(found.reason, wait, self._config.patience)
        request.refusals += 1
        if request.refusals > _MOST_REFUSALS:
            return self._drop(request, Dropped(f"{found.reason}, {request.refusals} times"))
        pause = self._pause(request) if wait is None else wait
        if self.limiter.refuses_at_random:  # a longer pause would not help
            pause = min(pause, _SHORT_PAUSE)
        return self._log(request, found.reason, pause)

    def _log(self, request: PendingRequest, reason: str, pause: float | None = None) -> float:
        """Log what happened to a public request, without the server's words, which may quote it."""
        if LOG.isEnabledFor(logging.DEBUG) and self._questions.is_public(request.index):
            reason = reason.partition(': "')[0]
            again = f"; sent again in {pause:.1f} seconds" if pause is not None else ""
            fields = {"event": "request", "request": request.index, "reason": reason}
            more = {"again": round(pause, 1)} if pause is not None else {}
            LOG.debug("request %d: %s%s", request.index, reason, again, extra={"rpsg": {**fields, **more}})
        return pause or 0.0

    def _drop(self, request: PendingRequest, dropped: Dropped) -> Dropped:
        self._log(request, f"no text: {dropped.reason}")
        self._state.drops += 1
        if self._state.answers == 0 and self._state.drops >= _HOPELESS:
            raise ModelError(
                f"{self._context.host} gave no text for any of the first {self._state.drops} requests"
                f" ({dropped.reason}).",
                hint=hint_for(dropped.reason),
            )
        return dropped

    def _said(self, request: PendingRequest, answer: HttpResponse) -> str:
        """The server's error message, if the request was public."""
        secret = (self._context.key_env, *self._context.variables)
        return server_words(answer.body, *secret) if self._questions.is_public(request.index) else ""

    def _tell_trouble(self, reason: str, patience: float) -> None:
        """Report the first failure of a server that has given no text, and each outage of one that has."""
        state = self._state
        if state.note is None or state.warned or (state.answers and not self.limiter.is_down):
            return
        state.warned = True
        most = wait_in_words(patience) if patience > 60 else "a minute"
        state.note(f"{self._context.host} gives no text ({reason}). RPSG asks again for up to {most}.")

    def _lose_patience(self, reason: str, wait: float | None, patience: float) -> None:
        silence = self.limiter.silence() if self._state.answers else self.limiter.trouble()
        if silence > patience and not self._state.answers:
            raise ModelError(
                f"{self._context.host} gave no text in {silence:.0f} seconds ({reason}).",
                hint=f"{hint_for(reason)} Then run the same command again.",
            )
        if silence > patience:
            raise self._gave_up(f"has answered nothing for {silence / 60:.0f} minutes ({reason})")
        if wait is not None and wait > self._config.patience:
            raise self._gave_up(f"asks for a wait of {wait_in_words(wait)}")

    def _gave_up(self, what: str) -> ModelError:
        hint = "All answers so far are kept. Run the same command again; it continues where it stopped."
        if not self._state.answers:
            hint = "Run the same command again when it accepts requests; what it answered before is kept."
        return ModelError(f"{self._context.host} {what}.", hint=hint)
