"""Abstraction: several short accounts of one record that leave out who, where, when and how many.

Two ways, one face: the language model that writes, asked with the domain pack's prompts (one record a call,
contained, parse or drop), or a separate summarizer. What either gives goes through the guard.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from rpsg.models.thoughts import without_thoughts
from rpsg.protocols import Message, Request
from rpsg.stages.prompts import fill
from rpsg.stages.rng import text_seed
from rpsg.stages.sanitize import delimiter, fenced, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Endpoint, OnReply, Reply, Writer

BEGINS = '{"summary": "'
LONGEST = 1_200
FEWEST_WORDS = 5
TOKENS_BESIDE = 24
STOPS = ('"}', '",')
#: Of the writer's first pass, which stands in for the beam search of a summarizer.
FIRST_TEMPERATURE = 0.5
FORM = re.compile(r'(?:```(?:json)?\s*)?\{\s*"summary"\s*:\s*"')
NUMBER_LIKE_A_MARK = re.compile(r"[0-9a-fA-F]{16,}")
TONES = {"positive": "Keep positive tone: ", "negative": "Keep negative tone: "}


@dataclass(frozen=True, slots=True)
class Seed:
    """One private record on its way. ``number`` is its place in the sample; every later stage carries it.

    ``mood`` is "" where texts have none. ``words`` is how long the synthetic text should be.
    """

    number: int
    text: str = field(repr=False)
    mood: str
    words: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Passes:
    """How the candidates of the second pass are drawn, and how many there are in each."""

    candidates: int = 5
    least: int = 50
    most: int = 150
    temperature: float = 1.05
    top_p: float = 0.92


class Abstracter(Protocol):
    """Gives each seed a list of candidates; an empty text stands for one that failed."""

    @property
    def name(self) -> str: ...

    def abstracts(self, seeds: Sequence[Seed], second: bool) -> list[list[str]]: ...


class WriterAbstracter:
    """The writer, asked with the pack's ``abstract.txt``: one record in one call, nothing of anybody else."""

    def __init__(
        self, writer: Writer, pack: Pack, plan: Plan, passes: Passes, key: bytes, on_reply: OnReply | None
    ) -> None:
        self._writer, self._pack, self._plan, self._passes = writer, pack, plan, passes
        self._key, self._on_reply = key, on_reply

    @property
    def name(self) -> str:
        return self._writer.name

    def abstracts(self, seeds: Sequence[Seed], second: bool) -> list[list[str]]:
        count = self._passes.candidates
        asked = [request for seed in seeds for request in self._requests(seed, second)]
        replies = self._writer.write(asked, self._on_reply)
        texts = [parsed(reply) for reply in replies]
        return [texts[i : i + count] for i in range(0, len(texts), count)]

    def _requests(self, seed: Seed, second: bool) -> list[Request]:
        # They differ in their seed alone; what the record costs to read is paid once.
        first = self.request(seed, 0, second)
        seeds = (_drawn(self._plan, seed, i, second) for i in range(self._passes.candidates))
        return [replace(first, seed=number) for number in seeds]

    def request(self, seed: Seed, number: int, second: bool) -> Request:
        """The call for one candidate of one seed."""
        # One mark for all calls of a record: they share what stands before the answer, and a server its work.
        mark = delimiter(self._key, seed.number, second)
        return abstract_request(self._pack, self._plan, self._passes, seed, mark, number, second=second)


def abstract_request(
    pack: Pack, plan: Plan, passes: Passes, seed: Seed, mark: str, number: int, *, second: bool
) -> Request:
    """The call for one candidate of one seed, whose text stands between two lines with ``mark``."""
    fields = {
        "kind": pack.text,
        "about": plan.corpus.about or pack.about,
        "tone": seed.mood,
        "words": str(round(passes.most / 2)),
        "record": fenced(seed.text, mark),
    }
    rest = plan.generation
    return Request(
        messages=(
            Message("system", fill(pack.prompts["abstract_system.txt"], fields)),
            Message("user", fill(pack.prompts["abstract.txt"], fields)),
        ),
        max_tokens=passes.most + TOKENS_BESIDE,
        seed=_drawn(plan, seed, number, second),
        temperature=passes.temperature if second else rest.temperature or FIRST_TEMPERATURE,
        top_p=passes.top_p if second else rest.top_p or 0.95,
        stop=STOPS,
        begins=BEGINS,
        private=True,
    )


def _drawn(plan: Plan, seed: Seed, number: int, second: bool) -> int:
    return text_seed(plan.generation.seed, "abstract", seed.number, number, int(second))


def parsed(reply: Reply) -> str:
    """The summary in a reply of the agreed form; anything else is an empty text.

    The form is a JSON object that begins with its ``summary``, a text; what else is in it is not read. The
    closing mark may be missing, because it ends the reply. A reply that was cut off does not count, nor one
    that does not end to think aloud; what was thought before the end is cut out.
    """
    body = (without_thoughts(reply.text) or "").strip()
    form = FORM.match(body)
    if reply.finish != "stop" or form is None:
        return ""
    try:
        found, end = json.JSONDecoder().raw_decode(body + '"', form.end() - 1)
    except ValueError:
        return ""
    rest = body[end:].lstrip()
    if len(found) > LONGEST or NUMBER_LIKE_A_MARK.search(found) or (rest and rest[0] not in ",}"):
        return ""
    words = plain(without_thoughts(found) or "").split()
    return " ".join(words) if len(words) >= FEWEST_WORDS else ""


class Summarizer(Protocol):
    """A seq2seq summarizer: ``count`` different summaries of each text."""

    @property
    def name(self) -> str: ...

    @property
    def endpoint(self) -> Endpoint: ...

    def summarize(
        self, texts: Sequence[str], *, count: int, least: int, most: int, sampled: bool, seed: int
    ) -> list[list[str]]:
        """By diverse beam search, or (``sampled``) by sampling; lengths in tokens of the model."""
        ...


class SummarizerAbstracter:
    """A separate summarizer, given the tone to keep as in the paper."""

    def __init__(self, summarizer: Summarizer, passes: Passes, seed: int) -> None:
        self._summarizer, self._passes, self._seed = summarizer, passes, seed

    @property
    def name(self) -> str:
        return self._summarizer.name

    def abstracts(self, seeds: Sequence[Seed], second: bool) -> list[list[str]]:
        found = self._summarizer.summarize(
            [toned(seed) for seed in seeds],
            count=self._passes.candidates,
            least=self._passes.least,
            most=self._passes.most,
            sampled=second,
            seed=text_seed(self._seed, "abstract", int(second)),
        )
        return [[plain(" ".join(text.split())) for text in texts] for texts in found]


def toned(seed: Seed) -> str:
    """The record as the paper gives it to the summarizer: the tone before it, if there is one to keep."""
    return TONES.get(seed.mood, "") + plain(seed.text)
