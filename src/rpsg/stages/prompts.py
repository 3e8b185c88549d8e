"""Turns a card into a prompt, with the pack's templates and invented examples; nothing in it is private."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from rpsg.domains.prompts import fill, first_words
from rpsg.protocols import Message, Request
from rpsg.stages.rng import stream, text_seed
from rpsg.textstats.languages import ENGLISH
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.domains import Pack
    from rpsg.domains.pack import Attribute, Example
    from rpsg.plan import Plan
    from rpsg.records import Card

#: The maximum number of example sets for each length, and the number of texts per set. More sets vary the
#: texts; fewer let more requests share a prefix.
PREFIXES, TEXTS_A_PREFIX = 4, 60
#: The maximum number of words of examples, so that a prompt fits into the context of a small model.
SHOWN_WORDS = 640
DEFAULT_WORDS = 80
#: How many tokens are reserved for a word. With the default writer, nine in ten examples have at most 1.71
#: tokens per word in the pack ``clinical``, and 2.06 in the German, French and Spanish packs. With SmolLM2 it
#: is 2.34 in the French and Spanish packs and 3.15 in the German one, which would be too many for all
#: languages.
#: See python benchmarks/languages.py --writers NAME,NAME
TOKENS_A_WORD, TOKENS_A_WORD_ELSEWHERE = 1.7, 2.4


def words_asked(pack: Pack, values: Mapping[str, str]) -> int:
    """How long a text with these values should be, in words."""
    for attribute in pack.attributes:
        if attribute.kind == "words" and values.get(attribute.name) in attribute.values:
            return attribute.words[attribute.values.index(values[attribute.name])]
    return DEFAULT_WORDS


def tokens_for(pack: Pack, words: float) -> int:
    """How many tokens are reserved for this number of words in the pack's language."""
    return int(words * (TOKENS_A_WORD if pack.language in ENGLISH else TOKENS_A_WORD_ELSEWHERE))


def fields_of(
    pack: Pack, values: Mapping[str, str], about: str, phrases: Sequence[str] = ()
) -> dict[str, str]:
    """What a prompt may say about one text."""
    known = {a.name: a for a in pack.attributes}
    spoken = {name: known[name].spoken(value) for name, value in values.items() if name in known}
    return {
        **spoken,
        "words": str(words_asked(pack, values)),
        "about": about,
        "kind": pack.text,
        "phrases": ", ".join(phrases),
        "columns": "\n".join(
            f"{_heading(known[name].column)}: {value}"
            for name, value in values.items()
            if name in known and known[name].column
        ),
    }


def _heading(column: str) -> str:
    """The name of a column as a prompt has it: ``order_month`` is "Order month"."""
    words = column.replace("_", " ")
    return words[:1].upper() + words[1:]


def prefix(pack: Pack, plan: Plan, values: Mapping[str, str], number: int) -> tuple[Message, ...]:
    """The shared part of many prompts: the system prompt, then invented examples as turns of a chat.

    A small model writes texts about as long as its examples, so the examples are taken whose length is
    nearest to the one in ``values``. Each length has up to ``PREFIXES`` different sets; ``number`` chooses
    among them.
    """
    texts = plan.corpus.size * plan.method.oversample
    sets = min(PREFIXES, max(1, int(texts // TEXTS_A_PREFIX)))
    about = plan.corpus.about or pack.about
    turns = [Message("system", fill(pack.prompts["system.txt"], {"about": about, "kind": pack.text}))]
    for example in _examples(pack, plan, values, number % sets):
        turns.append(Message("user", _turn(pack, example.card, about)))
        turns.append(Message("assistant", example.text.strip()))
    return _same(tuple(turns))


@lru_cache(maxsize=256)
def _same(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """One object for all equal prefixes; otherwise each of many thousand prompts would hold some kilobytes of
    its own.
    """
    return turns


def _examples(pack: Pack, plan: Plan, values: Mapping[str, str], which: int) -> list[Example]:
    """Example set ``which`` for a text of these values.

    The nearest examples are divided among the sets, in another order each time that too few are left for a
    set. So all are used, and the sets differ.
    """
    wanted = plan.generation.examples
    length = _bucket(pack, values)
    off = [abs(bucket - length) for bucket in _example_buckets(pack)]
    nearest = sorted(range(len(off)), key=off.__getitem__)
    if not wanted or not nearest:
        return []
    last = off[nearest[min(wanted, len(nearest)) - 1]]
    near = [pack.examples[i] for i in nearest if off[i] <= last]
    sets = max(1, len(near) // wanted)
    order = stream(plan.generation.seed, "examples", length, which // sets).permutation(len(near))
    start = which % sets * wanted
    dealt = [near[i] for i in order[start : start + wanted]]
    reach = list(accumulate(_word_count(example.text) for example in dealt))
    return dealt[: max(1, bisect_right(reach, SHOWN_WORDS))]


def _words_attribute(pack: Pack) -> Attribute | None:
    return next((attribute for attribute in pack.attributes if attribute.kind == "words"), None)


def _bucket(pack: Pack, values: Mapping[str, str]) -> int:
    """The index of the wanted length among the pack's lengths, from the shortest."""
    attribute = _words_attribute(pack)
    if attribute is None or (value := values.get(attribute.name)) not in attribute.values:
        return 0
    return attribute.values.index(value)


def _example_buckets(pack: Pack) -> list[int]:
    """For each example the index of its length, by its words and not by its card."""
    attribute = _words_attribute(pack)
    if attribute is None:
        return [0] * len(pack.examples)
    return [bisect_right(attribute.edges, _word_count(example.text)) for example in pack.examples]


#: Cached, because every prompt needs the length of each example.
_word_count = lru_cache(maxsize=1024)(word_count)


def _turn(pack: Pack, values: Mapping[str, str], about: str, phrases: Sequence[str] = ()) -> str:
    """The header before a text. If the pack has no field for columns, they come before its last line."""
    fields, template = fields_of(pack, values, about, phrases), pack.prompts["candidate.txt"]
    header = fill(template, fields)
    if not fields["columns"] or "{columns}" in template:
        return header
    # Divided after filling, because in the template the last line may be part of a segment.
    above, line, last = header.rpartition("\n")
    return f"{above}{line}{fields['columns']}\n{last}"


def candidate_request(
    pack: Pack, plan: Plan, card: Card, number: int, *, purpose: str = "candidate"
) -> Request:
    """The request for candidate ``number``, from its card. Its seed depends on the number and the purpose."""
    values = dict(card.values)
    about = plan.corpus.about or pack.about
    shared = prefix(pack, plan, values, number)
    turn = Message("user", _turn(pack, values, about, card.phrases))
    return _request(pack, plan, (*shared, turn), values, purpose, number)


def variant_request(pack: Pack, plan: Plan, card: Card, text: str, number: int) -> Request:
    """The request for a new text in the manner of ``text``, a winner of the votes (a DP output).

    The winner is the last example, and the new text gets the same header.
    """
    values = dict(card.values)
    about = plan.corpus.about or pack.about
    turn = Message("user", _turn(pack, values, about, card.phrases))
    turns = (*prefix(pack, plan, values, number), turn, Message("assistant", text.strip()), turn)
    return _request(pack, plan, turns, values, "variant", number)


def by_prefix(requests: Sequence[Request]) -> list[int]:
    """The indices of the requests, grouped by their shared prefix."""
    groups: dict[tuple[Message, ...], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.messages[:-1], []).append(index)
    return [index for group in groups.values() for index in group]


def _request(
    pack: Pack,
    plan: Plan,
    messages: tuple[Message, ...],
    values: Mapping[str, str],
    purpose: str,
    number: int,
) -> Request:
    fields = fields_of(pack, values, plan.corpus.about or pack.about)
    return Request(
        messages=messages,
        max_tokens=tokens_for(pack, words_asked(pack, values)) + 16,
        seed=text_seed(plan.generation.seed, purpose, number),
        temperature=plan.generation.temperature or pack.temperature,
        top_p=plan.generation.top_p or pack.top_p,
        begins=first_words(pack.begins, fields),
    )
