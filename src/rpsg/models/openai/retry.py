"""One request, asked once: what came of it, and whether it is worth asking again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rpsg.errors import ModelError
from rpsg.models.openai.capabilities import Capabilities, fit
from rpsg.models.openai.error_text import server_words, with_words
from rpsg.models.openai.http_request import LostError
from rpsg.models.openai.replies import AN_ERROR, CUT_WHILE_THINKING, UnusableError, parse
from rpsg.models.openai.response_class import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.models.openai.concurrency import Pace, Ticket
    from rpsg.models.openai.http_request import Answer, Client
    from rpsg.models.openai.request_queue import Job
    from rpsg.models.openai.response_class import Asker, Verdict

#: Seconds before a request is asked again for the first time.
FIRST_PAUSE = 0.5
# 429 is about all requests; one that meets it as often as this has something of its own.
_MOST_REFUSALS = 30
_MOST_CHANGES = 6
#: Seconds without any answer before the run gives up on a server that never gave one.
NEVER_CAME = 60.0
# So many requests dropped and none ever answered: no other will be.
_HOPELESS = 20

Read = TypeVar("Read")
Told_co = TypeVar("Told_co", covariant=True)


class Questions(Protocol[Told_co]):
    """What is asked, by index, and how an answer to it is read (UnusableError: it holds none)."""

    def ask(self, index: int) -> dict[str, Any]: ...

    def read(self, index: int, answer: dict[str, Any], changes: frozenset[str]) -> Told_co: ...

    def declined(self, index: int, refusal: bytes) -> Told_co | None:
        """What a refusal says, where that is an answer too."""
        ...

    def is_public(self, index: int) -> bool:
        """Whether a question holds no private text, so that what a server says of it may be shown."""
        ...


@dataclass(frozen=True, slots=True)
class Dropped:
    """There is no answer, and why. ``refused``: the server understood the question and declined it."""

    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """``retries`` of one request; ``patience``: seconds without any answer before the run gives up."""

    retries: int
    patience: float
    first_pause: float = FIRST_PAUSE


@dataclass(slots=True)
class Memory:
    """What is kept from one batch to the next: how fast to ask, what the server cannot do, how it went.

    ``heard``: it has answered, if only to refuse. ``note`` is told, once, of the first failure before that.
    """

    pace: Pace
    capabilities: Capabilities = field(default_factory=Capabilities)
    answers: int = 0
    drops: int = 0
    heard: bool = False
    note: Callable[[str], None] | None = None


class Asking(Generic[Read]):
    """Asks ``questions`` one at a time; ``connect`` opens the connections for all of them."""

    def __init__(
        self,
        questions: Questions[Read],
        connect: Callable[[], Client],
        asker: Asker,
        terms: Terms,
        memory: Memory,
    ) -> None:
        self.connect = connect
        self._questions = questions
        self._asker = asker
        self._terms = terms
        self._memory = memory

    @property
    def pace(self) -> Pace:
        return self._memory.pace

    async def attempt(self, client: Client, job: Job, ticket: Ticket) -> Read | Dropped | float:
        """The answer; or why there is none; or the seconds after which to ask again.

        Raises:
            ModelError: no request can succeed, or nothing was answered for too long.
        """
        question = self._questions.ask(job.index)
        changes = job.changes | self._memory.capabilities.kept
        try:
            answer = await client.post(json.dumps(fit(question, changes)).encode())
        except LostError as lost:
            return self._lost(job, lost)
        verdict = judge(answer, self._asker, self._said(job, answer))
        if verdict.kind == "busy":
            return self._busy(job, ticket, verdict, answer.wait)
        if verdict.kind == "broken":
            return self._broken(job, verdict.reason, answer.wait, overload=verdict.overload)
        self._answered()
        if verdict.kind == "answered":
            return self._read(job, answer, question, changes)
        return self._declined(job, verdict, answer, question, changes)

    def _read(
        self, job: Job, answer: Answer, question: dict[str, Any], changes: frozenset[str]
    ) -> Read | Dropped | float:
        capabilities = self._memory.capabilities
        try:
            read = self._questions.read(job.index, parse(answer.body), changes)
        except UnusableError as error:
            change = capabilities.after_thoughts(question, changes)
            if error.reason == CUT_WHILE_THINKING and change:
                job.changes |= {change}
                return 0.0
            said = self._said(job, answer) if error.reason == AN_ERROR else ""
            return self._drop(Dropped(with_words(error.reason, said)))
        capabilities.keep(job.changes)
        self._memory.answers += 1
        return read

    def _declined(
        self, job: Job, verdict: Verdict, answer: Answer, question: dict[str, Any], changes: frozenset[str]
    ) -> Read | Dropped | float:
        told = self._questions.declined(job.index, answer.body)
        if told is not None:
            return told
        if verdict.kind == "refused" and len(job.changes) < _MOST_CHANGES:
            sent = fit(question, changes)
            change = self._memory.capabilities.suggested(answer.body, sent, changes)
            if change:
                job.changes |= {change}
                return 0.0
        return self._drop(Dropped(verdict.reason, refused=True))

    def _lost(self, job: Job, lost: LostError) -> Dropped | float:
        if lost.final:
            self._answered()
            return self._drop(Dropped(lost.reason))
        return self._broken(job, lost.reason, None, overload=lost.overload)

    def _broken(self, job: Job, reason: str, wait: float | None, *, overload: bool) -> Dropped | float:
        was_down = self.pace.is_down
        self.pace.failed(overload=overload)
        self._tell_trouble(reason)
        self._lose_patience(reason, wait, self._terms.patience if self._memory.heard else NEVER_CAME)
        if was_down:
            return 0.0  # it says nothing about this request; the pace lets the next one wait
        job.tries += 1
        if job.tries > self._terms.retries:
            return self._drop(Dropped(f"{reason}, {job.tries} times" if job.tries > 1 else reason))
        return max(job.pause(self._terms.first_pause), wait or 0.0)

    def _busy(self, job: Job, ticket: Ticket, verdict: Verdict, wait: float | None) -> Dropped | float:
        self.pace.refused(ticket, wait)
        self._lose_patience(verdict.reason, wait, self._terms.patience)
        job.refusals += 1
        if job.refusals > _MOST_REFUSALS:
            return self._drop(Dropped(f"{verdict.reason}, {job.refusals} times"))
        return wait if wait is not None else job.pause(self._terms.first_pause)

    def _drop(self, dropped: Dropped) -> Dropped:
        self._memory.drops += 1
        if self._memory.answers == 0 and self._memory.drops >= _HOPELESS:
            thinks = dropped.reason == CUT_WHILE_THINKING
            raise ModelError(
                f"{self._asker.host} gave no text to any of the first {self._memory.drops} requests"
                f" ({dropped.reason}).",
                hint="Switch the model's thinking off, or take another model."
                if thinks
                else f"Try the model with: rpsg doctor; check the name {self._asker.model} and base_url.",
            )
        return dropped

    def _answered(self) -> None:
        self._memory.heard = True
        self.pace.answered()

    def _said(self, job: Job, answer: Answer) -> str:
        """The server's own words about its error, where the question was public."""
        public = self._questions.is_public(job.index)
        return server_words(answer.body, self._asker.key_env) if public else ""

    def _tell_trouble(self, reason: str) -> None:
        note, self._memory.note = self._memory.note, None
        if note is not None and not self._memory.heard:
            note(f"{self._asker.host} does not answer ({reason}). It is asked again for a while.")

    def _lose_patience(self, reason: str, wait: float | None, patience: float) -> None:
        silence = self.pace.silence()
        if silence > patience and not self._memory.heard:
            raise ModelError(
                f"{self._asker.host} gave no answer in {silence:.0f} seconds ({reason}).",
                hint="See that the server runs and that base_url in the section [server] leads to it: "
                "rpsg doctor. Then run the same command again.",
            )
        if silence > patience:
            raise self._gave_up(f"has answered nothing for {silence / 60:.0f} minutes ({reason})")
        if wait is not None and wait > self._terms.patience:
            raise self._gave_up(f"asks us to come back in {wait / 60:.0f} minutes")

    def _gave_up(self, what: str) -> ModelError:
        return ModelError(
            f"{self._asker.host} {what}.",
            hint="What was answered is kept. Run the same command again; it goes on from here.",
        )
