"""Variations: how they are asked for, of what length, and which replies are of no use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.models.documents import document_of, next_header
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.plan import resolve
from rpsg.protocols import Silent
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.rng import stream
from rpsg.stages.variations import (
    PAIRS,
    SHORTEST,
    STYLES,
    blanked,
    longest,
    look_ahead,
    variation_request,
    write_variations,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.domains import Pack
    from rpsg.plan import Plan
    from rpsg.protocols import Request

TEXT = "I bought this tea twice and both times the bag was open, so most of it lay in the box when it came."


def plan_of(**augpe: Any) -> Plan:
    return resolve({"method": {"name": "augpe"}, "augpe": augpe})


def text(number: int = 0, words: str = TEXT) -> Candidate:
    return Candidate(number, words, Card({"topic": "green tea"}))


def varied(
    pack: Pack,
    answer: Callable[[Request], str],
    *,
    count: int = 4,
    parents: tuple[Candidate, ...] = (),
    **augpe: Any,
) -> Pool:
    parents = parents or (text(),)
    writer = FakeWriter(answer)
    return write_variations(Pool((text(),)), parents, count, pack, plan_of(**augpe), writer, Silent())


def different(request: Request) -> str:
    return f"Number {request.seed} of the teas was in an open bag when it reached our house."


@pytest.mark.parametrize(
    ("prompt", "head", "tail"),
    [("paraphrase", "Review:", "In other words:"), ("fill_in_the_blanks", "With blanks:", "Filled in:")],
)
def test_a_base_model_is_shown_pairs_and_goes_on_after_the_last_header(
    tiny: Pack, prompt: str, head: str, tail: str
) -> None:
    request = variation_request(tiny, plan_of(prompt=prompt), text(), 7)
    document = document_of(request)
    assert len(document.messages) == 1
    said = document.messages[0].content
    assert said.count(head) == said.count(tail) == len(PAIRS) + 1
    assert said.endswith(tail)
    shown = [e.text for e in tiny.examples] if prompt == "fill_in_the_blanks" else [p.again for p in PAIRS]
    assert all(again in said for again in shown)
    assert {"\n\n", "\nStyle:", "\nLength:", f"\n{tail}"} <= set(document.stop)


def test_a_chat_model_is_told_what_to_do_and_sees_turns_that_alternate(tiny: Pack) -> None:
    messages = variation_request(tiny, plan_of(), text(), 7).messages
    assert messages[0].role == "system"
    assert "reword it" in messages[0].content
    assert "reviews of five kinds of food" in messages[0].content
    assert [m.role for m in messages[1:]] == ["user", "assistant"] * (len(messages) // 2 - 1) + ["user"]


def test_without_examples_no_pair_is_shown(tiny: Pack) -> None:
    plan = resolve({"method": {"name": "augpe"}, "generation": {"examples": 0}})
    assert len(variation_request(tiny, plan, text(), 7).messages) == 4


def test_lines_of_a_dialogue_are_no_header_that_ends_its_variation(tiny: Pack) -> None:
    dialogue = text(words="Patient: my heart races at night, what is it?\nDoctor: how long has it done so?")
    for prompt in ("paraphrase", "fill_in_the_blanks"):
        stops = next_header(variation_request(tiny, plan_of(prompt=prompt), dialogue, 1))
        assert stops
        assert not {"\nPatient:", "\nDoctor:"} & set(stops)


def test_each_variation_has_its_own_seed_style_and_length(tiny: Pack) -> None:
    asked = [variation_request(tiny, plan_of(), text(), number) for number in range(60)]
    assert len({request.seed for request in asked}) == 60
    lines = [request.messages[-1].content.split("\n") for request in asked]
    assert {line[0].removeprefix("Style: ") for line in lines} <= set(STYLES)
    assert len({line[0] for line in lines}) > 6
    lengths = [int(line[1].split()[1]) for line in lines]
    assert np.mean(lengths) == pytest.approx(len(TEXT.split()), rel=0.15)
    assert np.std(lengths) == pytest.approx(0.25 * len(TEXT.split()), rel=0.4)
    assert variation_request(tiny, plan_of(), text(), 3) == asked[3]


def test_without_spread_a_variation_is_as_long_as_its_text(tiny: Pack) -> None:
    request = variation_request(tiny, plan_of(length_spread=0.0), text(), 0)
    assert f"Length: {len(TEXT.split())} words" in request.messages[-1].content


@pytest.mark.parametrize(("words", "asked"), [(3, SHORTEST), (5_000, 60)])
def test_a_length_stays_within_bounds(tiny: Pack, words: int, asked: int) -> None:
    assert longest(tiny) == 60
    request = variation_request(tiny, plan_of(length_spread=0.0), text(words="tea " * words), 0)
    assert f"Length: {asked} words" in request.messages[-1].content
    assert request.max_tokens >= 1.7 * asked


def test_blanks_take_the_place_of_a_share_of_the_words_and_of_nothing_else() -> None:
    words = "\n".join(f"Patient: word{i} other{i}, third{i}." for i in range(400))
    masked = blanked(words, 0.5, stream(0, "blanks"))
    assert masked.count("\n") == words.count("\n")
    assert masked.count("Patient:") == 400
    assert masked.split().count("_") / 1200 == pytest.approx(0.5, abs=0.05)
    assert all(a in {b, "_"} for a, b in zip(masked.split(), words.split(), strict=True))


def test_there_is_always_a_blank() -> None:
    assert all("_" in blanked("good tea", 0.01, stream(i, "blanks")).split() for i in range(20))


def test_blanks_are_shown_filled_in_with_the_shortest_examples_of_the_pack(tiny: Pack) -> None:
    messages = variation_request(tiny, plan_of(prompt="fill_in_the_blanks"), text(), 1).messages
    shortest = sorted((example.text for example in tiny.examples), key=len)[:2]
    assert [messages[4].content, messages[8].content] == shortest
    for hidden, whole in ((messages[2], messages[4]), (messages[6], messages[8])):
        words = list(zip(hidden.content.split(), whole.content.split(), strict=True))
        assert all(blank in {"_", word} for blank, word in words)
        assert 0 < sum(blank == "_" for blank, _ in words) < len(words)


def test_parents_are_varied_in_turn_and_one_named_twice_twice(tiny: Pack) -> None:
    one, two = text(0), text(9, "Another text about tea that was fresh and came in a tin with a lid.")
    pool = varied(tiny, different, count=6, parents=(one, two, two))
    assert [c.parent for c in list(pool)[1:]] == [0, 9, 9, 0, 9, 9]
    assert [c.id for c in pool] == list(range(7))
    assert all(c.card == one.card for c in pool)


def test_a_variation_may_keep_words_of_its_text_but_not_say_it_again(tiny: Pack) -> None:
    near = varied(tiny, lambda request: f"{TEXT} {request.seed} days ago, that was.")
    assert len(near.alive()) == 5
    same = varied(tiny, lambda _: TEXT.upper())
    assert same.drops() == {("variations", "says what another text says"): 4}


def test_two_variations_that_say_the_same_are_one(tiny: Pack) -> None:
    pool = varied(tiny, lambda _: "The bag of this tea was open on both days that it came to us.")
    assert len(pool.alive()) == 2


def test_a_reply_with_blanks_in_it_is_no_text(tiny: Pack) -> None:
    half_filled = "I bought _ tea twice and both times the bag was open when it came to me."
    pool = varied(tiny, lambda _: half_filled, count=1, prompt="fill_in_the_blanks")
    assert pool.drops() == {("variations", "leaves blanks"): 1}


def test_an_echo_of_the_pairs_is_no_text(tiny: Pack) -> None:
    pool = varied(tiny, lambda _: PAIRS[0].again, count=1)
    assert pool.alive() == (text(),)


def test_without_parents_nothing_is_asked(tiny: Pack) -> None:
    writer = FakeWriter()
    pool = write_variations(Pool(), (), 5, tiny, plan_of(), writer, Silent())
    assert (len(pool), writer.requests) == (0, [])


def looked(
    pack: Pack, texts: tuple[Candidate, ...], known: dict[int, Any], writer: FakeWriter, ahead: int
) -> Any:
    return look_ahead(texts, known, pack, plan_of(lookahead=ahead), writer, FakeEmbedder(), Silent())


def test_without_lookahead_a_text_is_voted_for_by_its_own_embedding(tiny: Pack) -> None:
    writer = FakeWriter()
    rows = looked(tiny, (text(),), {}, writer, 0)
    assert np.array_equal(rows[0], FakeEmbedder().embed([TEXT])[0])
    assert writer.requests == []


def test_with_lookahead_it_is_the_mean_of_its_variations(tiny: Pack) -> None:
    writer = FakeWriter(different)
    rows = looked(tiny, (text(4),), {}, writer, 3)
    mean = FakeEmbedder().embed([different(request) for request in writer.requests]).mean(axis=0)
    assert len(writer.requests) == 3
    assert rows[4] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_a_text_that_stayed_is_not_varied_again(tiny: Pack) -> None:
    writer, kept = FakeWriter(different), np.ones(32, np.float32)
    rows = looked(tiny, (text(4), text(5)), {4: kept, 8: kept}, writer, 2)
    assert len(writer.requests) == 2
    assert rows.keys() == {4, 5}
    assert rows[4] is kept


def test_where_no_variation_is_of_use_the_text_speaks_for_itself(tiny: Pack) -> None:
    writer = FakeWriter(fails=lambda _: True)
    assert np.array_equal(looked(tiny, (text(4),), {}, writer, 2)[4], FakeEmbedder().embed([TEXT])[0])
