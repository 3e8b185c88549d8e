"""Abstraction: several short summaries of one record that leave out who, where, when and how many.

They come from the writer, with the domain pack's prompts (one record in one call; a reply that cannot be
parsed is dropped), or from a separate summarizer. Either way they pass through the guard.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from rpsg.domains.prompts import fill
from rpsg.models.thoughts import without_thoughts
from rpsg.protocols import Message, Model, Request
from rpsg.stages.rng import text_seed
from rpsg.stages.sanitize import delimiter, fenced, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import OnReply, Reply, Writer

BEGINS = '{"summary": "'
LONGEST = 1_200
FEWEST_WORDS = 5
TOKENS_BESIDE = 24
STOPS = ('"}', '",')
#: Used in the writer's first pass, where a summarizer would use beam search.
FIRST_TEMPERATURE = 0.5
FORM = re.compile(r'(?:```(?:json)?\s*)?\{\s*"summary"\s*:\s*"')
NUMBER_LIKE_A_MARK = re.compile(r"[0-9a-fA-F]{16,}")
TONES = {"positive": "Keep positive tone: ", "negative": "Keep negative tone: "}


@dataclass(frozen=True, slots=True)
class Seed:
    """One private text. ``number`` is its position in the sample and identifies it in all later stages.

    ``sentiment`` is "" if texts have none. ``words`` is the wanted length of the synthetic text.
    """

    number: int
    text: str = field(repr=False)
    sentiment: str
    words: int
    label: str | None = None

    @classmethod
    def of_stored(cls, kept: Mapping[str, Any]) -> Self:
        """A seed from the checkpoint of a run; runs of version 0.1.0 say ``mood`` for sentiment."""
        return cls(**{"sentiment" if name == "mood" else name: value for name, value in kept.items()})


@dataclass(frozen=True, slots=True)
class Passes:
    """How many candidates each pass draws, of which length, and how the second pass samples."""

    candidates: int = 5
    least: int = 50
    most: int = 150
    temperature: float = 1.05
    top_p: float = 0.92


class Abstracter(Protocol):
    """Gives each seed a list of candidates; an empty text is one that failed."""

    @property
    def name(self) -> str: ...

    def abstracts(self, seeds: Sequence[Seed], second: bool) -> list[list[str]]: ...


class WriterAbstracter:
    """The writer, prompted with the pack's ``abstract.txt`` and one record in each call."""

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
        # They differ only in their seed, so a server can compute the prompt once.
        first = self.request(seed, 0, second)
        seeds = (_drawn(self._plan, seed, i, second) for i in range(self._passes.candidates))
        return [replace(first, seed=number) for number in seeds]

    def request(self, seed: Seed, number: int, second: bool) -> Request:
        """The call for one candidate of one seed."""
        # One mark for all calls of a record, so that they share their whole prompt.
        mark = delimiter(self._key, seed.number, second)
        return abstract_request(self._pack, self._plan, self._passes, seed, mark, number, second=second)


def abstract_request(
    pack: Pack, plan: Plan, passes: Passes, seed: Seed, mark: str, number: int, *, second: bool
) -> Request:
    """The call for one candidate of one seed, whose text is put between two lines with ``mark``."""
    fields = {
        "kind": pack.text,
        "about": plan.corpus.about or pack.about,
        "tone": seed.sentiment,
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
    """The summary in a reply, or an empty text if the reply is cut off or not in the expected form.

    The form is a JSON object whose first key is ``summary``; other keys are ignored. The closing mark may be
    missing, because it is a stop sequence. Reasoning in tags is cut out; a reply whose reasoning never ends
    is unusable.
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


class Summarizer(Model, Protocol):
    """A seq2seq summarizer: ``count`` different summaries of each text."""

    def summarize(
        self, texts: Sequence[str], *, count: int, least: int, most: int, sampled: bool, seed: int
    ) -> list[list[str]]:
        """Summaries by diverse beam search, or by sampling if ``sampled``; lengths in tokens of the model."""
        ...


class SummarizerAbstracter:
    """A separate summarizer, with the tone to keep in its input as in the paper."""

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
    """The summarizer's input as in the paper: the record after the tone to keep, if there is one."""
    return TONES.get(seed.sentiment, "") + plain(seed.text)
