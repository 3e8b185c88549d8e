"""From a card to a request: public words and DP outputs, and a beginning that many requests share."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.domains import find_pack, pack_names
from rpsg.domains.pack import Example
from rpsg.domains.prompts import fill
from rpsg.models.fake import FakeWriter
from rpsg.plan import Plan, resolve
from rpsg.protocols import Silent
from rpsg.records import Card
from rpsg.stages import candidates
from rpsg.stages.candidates import write_candidates, write_variants
from rpsg.stages.cards import CardModel
from rpsg.stages.prompts import (
    PREFIXES,
    SHOWN_WORDS,
    candidate_request,
    prefix,
    tokens_for,
    variant_request,
)
from rpsg.stages.rewriting import rewrite_request
from rpsg.stages.rng import stream, text_seed
from rpsg.testing.lab import Witness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.protocols import OnReply, Reply, Request

VALUES = {"topic": "olive oil", "sentiment": "negative", "length": "medium", "opening": "We tried"}


def with_examples(number: int) -> Plan:
    return resolve({"generation": {"examples": number}})


@pytest.mark.parametrize(
    ("template", "fields", "text"),
    [
        ("tea[[ and {more}]].", {"more": "oil"}, "tea and oil."),
        ("tea[[ and {more}]].", {"more": ""}, "tea."),
        ("tea[[ and {more}]].", {}, "tea."),
        ("[[{a} {b}]]tea", {"a": "x"}, "tea"),
        ("[[{a}]][[{b}]]", {"a": "x", "b": "y"}, "xy"),
        ("{a} {unknown}!", {"a": "x"}, "x !"),
        ("[[over\n{a}\nlines]]", {"a": "x"}, "over\nx\nlines"),
        ("{a}", {"a": "{b}", "b": "secret"}, "{b}"),
    ],
)
def test_optional_segments_go_when_a_field_is_missing(
    template: str, fields: dict[str, str], text: str
) -> None:
    assert fill(template, fields) == text


def test_a_request_says_what_the_card_says_in_the_pack_s_words(tiny: Pack) -> None:
    said = candidate_request(tiny, Plan(), Card(VALUES), 0).messages[-1].content
    assert said == "Topic: olive oil\nCustomer: unhappy\nLength: 20 words\nOpening: We tried\nReview:"


def test_label_and_phrases_are_said_when_the_card_has_them(tiny: Pack) -> None:
    pack = tiny.with_label(("food", "drink"))
    card = Card({**VALUES, "label": "food"}, ("dark glass", "cork"))
    said = candidate_request(pack, Plan(), card, 0).messages[-1].content
    assert said.endswith("\nCategory: food\nWords: dark glass, cork\nReview:")


@pytest.mark.parametrize("name", pack_names())
def test_no_placeholder_is_left_in_any_request_of_any_pack(name: str) -> None:
    pack = find_pack(name).with_label(("one", "two"))
    for i, card in enumerate(CardModel.uniform(pack).draw(12, stream(0, "test"))):
        for drawn in (card, Card(card.values, ("a phrase",)), Card({})):
            for request in (
                candidate_request(pack, Plan(), drawn, i),
                variant_request(pack, Plan(), drawn, "A winner's text.", i),
            ):
                said = "\n".join([*(message.content for message in request.messages), request.begins])
                assert not [mark for mark in ("{", "}", "[[", "]]") if mark in said]
                assert all(message.content for message in request.messages)


def test_requests_of_one_length_and_number_of_prefix_share_every_byte_of_it(tiny: Pack) -> None:
    plan = with_examples(1)
    for values in ({"length": "short"}, {"length": "long"}):
        requests = [candidate_request(tiny, plan, Card({**VALUES, **values}), i) for i in range(3 * PREFIXES)]
        for i, request in enumerate(requests):
            assert request.messages[:-1] == requests[i % PREFIXES].messages[:-1]
            assert request.messages[:-1] == prefix(tiny, plan, values, i % PREFIXES)


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_asks_in_words_for_what_its_text_begins_with_or_ends_where_the_text_begins(name: str) -> None:
    pack = find_pack(name)
    for i, card in enumerate(CardModel.uniform(pack).draw(12, stream(0, "test"))):
        request = candidate_request(pack, Plan(), card, i)
        asked = request.messages[-1].content
        assert request.begins
        header = re.fullmatch(r"[A-Z][a-zé]+ ?:", asked.splitlines()[-1])
        assert header or asked.endswith(f"beginning with: {request.begins}")


def with_texts_of(pack: Pack, *lengths: int) -> Pack:
    """The pack with invented examples of these numbers of words, each of which names its place."""
    texts = [" ".join([f"text{k}", *["tea"] * (length - 1)]) for k, length in enumerate(lengths)]
    return pack.model_copy(update={"examples": tuple(Example(card=VALUES, text=text) for text in texts)})


def shown(pack: Pack, plan: Plan, length: str, number: int) -> list[str]:
    turns = prefix(pack, plan, {"length": length}, number)
    return [turn.content for turn in turns if turn.role == "assistant"]


@pytest.mark.parametrize(("length", "words"), [("short", 5), ("medium", 11), ("long", 40)])
def test_the_examples_are_as_long_as_the_text_that_is_wanted(tiny: Pack, length: str, words: int) -> None:
    pack = with_texts_of(tiny, *[5, 11, 40] * 4)
    for number in range(PREFIXES):
        found = shown(pack, with_examples(4), length, number)
        assert [len(text.split()) for text in found] == [words] * 4


def test_where_a_length_has_too_few_examples_the_nearest_others_are_shown_too(tiny: Pack) -> None:
    pack = with_texts_of(tiny, 5, 40, 41, 11, 12)
    found = {
        len(text.split())
        for number in range(PREFIXES)
        for text in shown(pack, with_examples(3), "long", number)
    }
    assert found == {40, 41, 11, 12}


def test_the_sets_of_a_length_are_different_and_show_all_of_its_examples(tiny: Pack) -> None:
    pack = with_texts_of(tiny, *[40] * 4 * PREFIXES)
    sets = [set(shown(pack, with_examples(4), "long", number)) for number in range(PREFIXES)]
    assert [len(one) for one in sets] == [4] * PREFIXES
    assert len(set.union(*sets)) == 4 * PREFIXES


def test_of_long_examples_only_so_many_are_shown_as_a_small_context_holds(tiny: Pack) -> None:
    pack = with_texts_of(tiny, *[SHOWN_WORDS // 2] * 4)
    assert len(shown(pack, with_examples(4), "long", 0)) == 2
    assert len(shown(with_texts_of(tiny, 2 * SHOWN_WORDS), with_examples(4), "long", 0)) == 1


def test_four_examples_are_shown_unless_the_plan_says_otherwise(tiny: Pack) -> None:
    assert len(shown(with_texts_of(tiny, *[40] * 6), Plan(), "long", 0)) == 4


@pytest.mark.parametrize(("asked", "shown"), [(0, 0), (1, 1), (2, 2), (20, 2)])
def test_a_prompt_is_a_chat_with_as_many_examples_as_the_plan_says(
    tiny: Pack, asked: int, shown: int
) -> None:
    roles = [message.role for message in prefix(tiny, with_examples(asked), {}, 0)]
    assert roles == ["system", *(["user", "assistant"] * shown)]


def test_the_system_prompt_tells_what_the_corpus_is_about(tiny: Pack) -> None:
    plan = resolve({"corpus": {"about": "tea"}})
    assert prefix(tiny, plan, {}, 0)[0].content == "You write each review as customers do. The corpus: tea."


def test_the_line_about_the_corpus_takes_the_place_of_the_pack_s(tiny: Pack) -> None:
    plan = resolve({"corpus": {"about": "reviews of a harbour shop"}})
    assert "harbour shop" in candidate_request(tiny, plan, Card(VALUES), 0).messages[0].content


def test_every_text_has_a_seed_of_its_own(tiny: Pack) -> None:
    requests = [candidate_request(tiny, Plan(), Card(VALUES), i) for i in range(50)]
    requests += [variant_request(tiny, Plan(), Card(VALUES), "text", i) for i in range(50)]
    assert len({request.seed for request in requests}) == 100


@given(st.integers(0, 2**63 - 1), st.text(max_size=10), st.integers(0, 10**6))
def test_a_seed_fits_every_server_and_is_always_the_same(seed: int, purpose: str, number: int) -> None:
    found = text_seed(seed, purpose, number)
    assert 0 <= found < 2**31
    assert found == text_seed(seed, purpose, number)


def test_length_and_temperature_are_asked_for_by_card_pack_and_plan(tiny: Pack) -> None:
    short, long = (
        candidate_request(tiny, Plan(), Card({**VALUES, "length": x}), 0) for x in ("short", "long")
    )
    assert short.max_tokens < long.max_tokens
    assert (short.temperature, short.top_p) == (tiny.temperature, tiny.top_p)
    plan = resolve({"generation": {"temperature": 0.5, "top_p": 0.8}})
    asked = candidate_request(tiny, plan, Card(VALUES), 0)
    assert (asked.temperature, asked.top_p) == (0.5, 0.8)


def test_candidates_come_back_by_card_though_they_are_asked_for_by_prefix(tiny: Pack) -> None:
    cards = CardModel.uniform(tiny).draw(10, stream(0, "test"))
    writer = FakeWriter(lambda request: f"You asked for this: {request.messages[-1].content}!")
    pool = write_candidates(cards, tiny, with_examples(1), writer, Silent())
    assert [c.id for c in pool] == list(range(10))
    by_id = {c.id: c for c in pool}
    for i, card in enumerate(cards):
        request = candidate_request(tiny, with_examples(1), card, i)
        assert by_id[i].card == card
        assert request in writer.requests
    firsts = [request.messages[:-1] for request in writer.requests]
    assert sum(a != b for a, b in itertools.pairwise(firsts)) == len(set(firsts)) - 1


def test_many_candidates_are_asked_for_some_at_a_time_and_are_the_same(
    tiny: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards, progress = CardModel.uniform(tiny).draw(10, stream(0, "test")), Witness()
    whole = write_candidates(cards, tiny, Plan(), FakeWriter(), Silent(), first=5)
    monkeypatch.setattr(candidates, "AT_ONCE", 4)
    sizes: list[int] = []

    class Counting(FakeWriter):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            sizes.append(len(requests))
            return super().write(requests, on_reply)

    assert write_candidates(cards, tiny, Plan(), Counting(), progress, first=5) == whole
    assert sizes == [4, 4, 2]
    assert progress.told[0] == ("start", "writing candidates", 10)
    assert progress.told[-1] == ("done", ("written", 10))


def test_prompts_with_the_same_prefix_share_it_in_memory(tiny: Pack) -> None:
    one, other = (candidate_request(tiny, with_examples(1), Card(VALUES), 0) for _ in range(2))
    assert len(one.messages) > 2
    assert all(a is b for a, b in zip(one.messages[:-1], other.messages[:-1], strict=True))


def test_a_failed_reply_is_a_dropped_candidate_and_never_an_input(tiny: Pack) -> None:
    cards = CardModel.uniform(tiny).draw(8, stream(0, "test"))
    writer = FakeWriter(fails=lambda request: request.seed % 2 == 0)
    pool = write_candidates(cards, tiny, Plan(), writer, Silent())
    failed = [c for c in pool if c.dropped and c.dropped.reason == "the writer failed"]
    assert 0 < len(failed) < 8
    assert {c.text for c in failed} == {""}


def test_variants_know_their_parent_and_take_turns(tiny: Pack) -> None:
    cards = CardModel.uniform(tiny).draw(3, stream(0, "test"))
    pool = write_candidates(cards, tiny, Plan(), FakeWriter(), Silent())
    winners = [pool.candidates[2], pool.candidates[0]]
    writer = FakeWriter()
    grown = write_variants(pool, winners, 5, tiny, Plan(), writer, Silent())
    assert grown.candidates[:3] == pool.candidates
    assert [c.parent for c in grown.candidates[3:]] == [2, 0, 2, 0, 2]
    assert [c.id for c in grown] == list(range(8))
    for i, candidate in enumerate(grown.candidates[3:]):
        request = variant_request(tiny, Plan(), winners[i % 2].card, winners[i % 2].text, candidate.id)
        assert request in writer.requests


def test_a_variant_is_asked_for_by_the_winner_as_the_last_example_and_its_header_again(tiny: Pack) -> None:
    header, text, again = variant_request(tiny, Plan(), Card(VALUES), "A winner's text.", 0).messages[-3:]
    assert (header.role, text.role, again.role) == ("user", "assistant", "user")
    assert text.content == "A winner's text."
    assert header == again == candidate_request(tiny, Plan(), Card(VALUES), 0).messages[-1]


def test_without_winners_there_are_no_variants(tiny: Pack) -> None:
    writer = FakeWriter()
    from rpsg.records import Pool

    assert write_variants(Pool(), [], 5, tiny, Plan(), writer, Silent()) == Pool()
    assert writer.requests == []


def test_a_word_of_another_language_is_given_more_tokens() -> None:
    english, german = find_pack("clinical"), find_pack("clinical-de")
    assert tokens_for(english, 100) == 170
    assert tokens_for(german, 100) == 240
    plan = resolve({"corpus": {"domain": "generic"}, "method": {"name": "floor"}})
    rooms = [
        rewrite_request(pack, plan, "first", "Ein Text.", "", 100, 0, 0).max_tokens
        for pack in (english, german)
    ]
    assert rooms == [32 + int(1.15 * 100 * 1.7), 32 + int(1.15 * 100 * 2.4)]
