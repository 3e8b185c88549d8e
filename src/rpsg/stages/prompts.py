"""From a card to a prompt: the pack's words, its invented examples, and nothing private."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.domains.prompts import FIELD, OPTIONAL
from rpsg.protocols import Message, Request
from rpsg.stages.streams import stream, text_seed

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.records import Card

#: How many different sets of examples a pool is written with: more vary the texts, fewer share more work.
PREFIXES = 4
DEFAULT_WORDS = 80


def fill(template: str, fields: dict[str, str]) -> str:
    """The template with its fields; a ``[[segment]]`` goes when one of its fields is empty or unknown."""

    def segment(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(fields.get(name) for name in FIELD.findall(inner)) else ""

    kept = OPTIONAL.sub(segment, template)
    return FIELD.sub(lambda match: fields.get(match.group(1), ""), kept).strip()


def words_asked(pack: Pack, values: dict[str, str]) -> int:
    """How long a text with these values should be, in words."""
    for attribute in pack.attributes:
        if attribute.kind == "words" and values.get(attribute.name) in attribute.values:
            return attribute.words[attribute.values.index(values[attribute.name])]
    return DEFAULT_WORDS


def fields_of(pack: Pack, values: dict[str, str], about: str, phrases: Sequence[str] = ()) -> dict[str, str]:
    """What a prompt may say about one text."""
    known = {a.name: a for a in pack.attributes}
    spoken = {name: known[name].spoken(value) for name, value in values.items() if name in known}
    return {
        **spoken,
        "words": str(words_asked(pack, values)),
        "about": about,
        "kind": pack.text,
        "phrases": ", ".join(phrases),
    }


def prefix(pack: Pack, plan: Plan, number: int) -> tuple[Message, ...]:
    """The part that many requests share: the system prompt, then invented examples as turns of a chat."""
    about = plan.corpus.about or pack.about
    system = fill(pack.prompts["system.txt"], {"about": about, "kind": pack.text})
    turns = [Message("system", system)]
    order = stream(plan.generation.seed, "examples", number).permutation(len(pack.examples))
    for example in (pack.examples[i] for i in order[: plan.generation.examples]):
        turns.append(Message("user", _turn(pack, example.card, about)))
        turns.append(Message("assistant", example.text.strip()))
    return tuple(turns)


def _turn(pack: Pack, values: dict[str, str], about: str, phrases: Sequence[str] = ()) -> str:
    return fill(pack.prompts["candidate.txt"], fields_of(pack, values, about, phrases))


def candidate_request(
    pack: Pack, plan: Plan, card: Card, number: int, *, purpose: str = "candidate"
) -> Request:
    """The request for candidate ``number``, from its card. Texts of another purpose have other seeds."""
    values = dict(card.values)
    about = plan.corpus.about or pack.about
    shared = prefix(pack, plan, number % PREFIXES)
    turn = Message("user", _turn(pack, values, about, card.phrases))
    return _request(pack, plan, (*shared, turn), values, purpose, number)


def variant_request(pack: Pack, plan: Plan, card: Card, text: str, number: int) -> Request:
    """The request that asks for a new text in the manner of ``text``, a winner of the votes (a DP output)."""
    values = dict(card.values)
    about = plan.corpus.about or pack.about
    fields = {**fields_of(pack, values, about, card.phrases), "text": text}
    turns = (
        Message("system", fill(pack.prompts["system.txt"], {"about": about, "kind": pack.text})),
        Message("user", fill(pack.prompts["variant.txt"], fields)),
    )
    return _request(pack, plan, turns, values, "variant", number)


def _request(
    pack: Pack, plan: Plan, messages: tuple[Message, ...], values: dict[str, str], purpose: str, number: int
) -> Request:
    return Request(
        messages=messages,
        max_tokens=int(words_asked(pack, values) * 1.7) + 16,
        seed=text_seed(plan.generation.seed, purpose, number),
        temperature=plan.generation.temperature or pack.temperature,
        top_p=plan.generation.top_p or pack.top_p,
        begins=fill(pack.begins, fields_of(pack, values, plan.corpus.about or pack.about)),
    )
