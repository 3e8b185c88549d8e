"""Words of the form are found in texts, and in texts as people write them nothing is found."""

from __future__ import annotations

import json

import pytest

from rpsg.domains import find_pack
from rpsg.models.download import locate
from rpsg.textstats.echoes import Form, all_echoes, echoes, form_of, has_placeholder

FORM = form_of(find_pack("food-reviews"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Topic: tea\nIt was cold.", "header"),
        ("It was cold. Length: short", "header"),
        ("**Review:** It was cold.", "header"),
        ("I love bread, 150 words, beginning with: I would buy it again.", "instruction"),
        ("I love bread in about 18 words.", "instruction"),
        ("It was cold.\nWrite another review of tea by a customer.", "instruction"),
        ("Answer with the review only", "instruction"),
        ("As an AI I have never had tea.", "chat"),
        ("Sure! Here is a short review: the tea was cold.", "chat"),
        ("The tea was cold.<|im_end|>", "token"),
        ("The tea was cold.</s>", "token"),
        ("[INST] The tea was cold.", "token"),
        ("<think>tea</think> It was cold.", "token"),
    ],
)
def test_marks_of_a_form_are_found_without_knowing_it(text: str, kind: str) -> None:
    assert kind in echoes(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but the soup was cold. I never write a review, but this was too much.",
        "Doctor: How are you?\nPatient: In two words: not well.",
        "Background: We asked 80 people. Methods: a survey. Results: 12 answered.",
        "Here's the thing: it took 18 days, and 3 words would do. I would buy it again!",
        "5 < 6 and <br /> some [sic] markup; the review of my friend was in other words kind.",
        "",
    ],
)
def test_what_people_write_is_no_echo(text: str) -> None:
    assert echoes(text, FORM, {"angle": "the price"}) == frozenset()


def test_the_pack_s_own_words_are_found_with_its_form_alone() -> None:
    copied = "Exactly as ordinary people type them in an online shop, it was fine."
    assert "prompt" in echoes(copied, FORM)
    assert echoes(copied) == frozenset()


def test_a_copied_example_is_found() -> None:
    example = find_pack("food-reviews").examples[0].text
    copied = "Well then. " + " ".join(example.split()[:12])
    assert echoes(copied, FORM) == {"example"}


def test_a_long_value_of_the_card_is_found_and_only_for_its_own_text() -> None:
    pack = find_pack("food-reviews")
    angle = next(v for v in pack.attribute("angle").values if len(v.split()) >= 4)
    text = f"We bought tea and thought of {angle} all day."
    assert echoes(text, FORM, {"angle": angle}) == {"card"}
    found = all_echoes([text, text], FORM, [{"angle": angle}, {"angle": "the taste"}])
    assert found == [{"card"}, frozenset()]


def test_what_a_text_was_told_to_begin_with_is_no_echo() -> None:
    pack = find_pack("food-reviews")
    opening = max(pack.attribute("opening").values, key=len)
    assert FORM.phrases({"opening": f"{opening} and more words"}) == []


def test_words_of_an_example_count_only_after_the_words_that_the_text_had_to_begin_with() -> None:
    """As in the filter of drafts: whoever begins as asked has not copied that."""
    opening, rest = "It was my first time and", "I only came for the tea, which was cold that day."
    pack = find_pack("food-reviews")
    example = pack.examples[0].model_copy(update={"text": f"{opening} {rest}"})
    form = form_of(pack.model_copy(update={"examples": [example]}))
    own = "I only wanted bread."
    assert echoes(f"{opening} {own}", form) == {"example"}
    assert echoes(f"{opening} {own}", form, {"opening": opening}) == frozenset()
    assert echoes(f"{opening} {rest}", form, {"opening": opening}) == {"example"}


def test_an_attribute_that_an_opening_names_is_no_echo_either() -> None:
    pack = find_pack("food-reviews")
    topic = max(pack.attribute("topic").values, key=lambda value: len(value.split()))
    assert len(topic.split()) >= 4
    assert any("{topic}" in opening for opening in pack.attribute("opening").values)
    assert echoes(f"I love this {topic}.", FORM, {"topic": topic}) == frozenset()


def test_headers_of_the_pack_are_found_at_the_start_of_a_sentence() -> None:
    import re

    form = Form(re.compile(r"(?:^|[\n.!?])[ ]*(?:Product)[ \t]*:"), frozenset(), frozenset(), {})
    assert echoes("It was cold. Product: tea", form) == {"header"}
    assert echoes("A by-Product: tea", form) == frozenset()


@pytest.mark.parametrize("text", ["See [LINK].", "Dear [Your Name],", "I like {topic}."])
def test_placeholders_are_no_echo_and_are_counted_apart(text: str) -> None:
    assert has_placeholder(text)
    assert echoes(text) == frozenset()


def test_an_index_and_a_remark_in_brackets_are_no_placeholders() -> None:
    assert not has_placeholder("As in [12], a[i] was [sic] {x, y}.")


@pytest.mark.weights
def test_of_a_thousand_real_reviews_hardly_one_looks_like_an_echo() -> None:
    lines = (locate("amazon-reviews") / "test.jsonl").read_text("utf-8").splitlines()
    found = all_echoes([json.loads(line)["text"] for line in lines], FORM)
    assert sum(map(bool, found)) <= 3
