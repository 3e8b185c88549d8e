"""What is a word: in English as ever, elsewhere by script, and whatever the form of its accents."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.domains import find_pack
from rpsg.domains.prompts import fill
from rpsg.stages.clean_reply import tidy
from rpsg.stages.contributions import passages
from rpsg.stages.echo import repeats_prompt
from rpsg.stages.prompts import fields_of
from rpsg.stages.sanitize import as_shown
from rpsg.stages.word_roots import words_in
from rpsg.textstats.echoes import echoes, form_of
from rpsg.textstats.repeats import repeats
from rpsg.textstats.self_bleu import self_bleu_scores
from rpsg.textstats.words import (
    MOST_MARKS,
    WORD,
    WORD_OR_MARK,
    composed,
    piece_spans,
    pieces,
    word_count,
    word_marks,
    words,
)

LATIN = st.text(
    st.sampled_from("abzABZ09 '\u2019_-.,!?\n\u00e9\u00fc\u00df\u0142\u201c\u2026\u2764\ufe0f\u20ac")
)
FOREIGN = (
    "今天天气很好。我很高兴!",
    "私はGPT-4を使います。",
    "ฉันไปโรงเรียน",
    "नमस्ते दुनिया",
    "שָׁלוֹם עולם",
    "Größe läuft",
    "한국어 문장",
)


def test_many_marks_on_one_letter_take_linear_time() -> None:
    """160,000 took 42 seconds to sort, now 0.1. The bound is generous."""
    text = "a" + "\u0301\u0316" * 80_000
    started = time.process_time()
    assert len(as_shown(text)) <= MOST_MARKS + 1
    assert words(text) == words(text[: MOST_MARKS + 1])
    assert time.process_time() - started < 10


@pytest.mark.parametrize("mark", ["\u0301", "\u0316", "\u05b8", "\u3099", "\U0001d165", "\U0001e8d0"])
@pytest.mark.parametrize("before", range(0, 70, 7))
def test_only_marks_in_a_row_that_no_language_has_are_cut(mark: str, before: int) -> None:
    for count in (1, 5, MOST_MARKS, MOST_MARKS + 1, 3 * MOST_MARKS):
        kept = unicodedata.normalize("NFC", "q" * before + "x" + mark * min(count, MOST_MARKS) + "y")
        assert composed("q" * before + "x" + mark * count + "y") == kept


@given(LATIN)
def test_latin_texts_have_the_words_that_they_always_had(text: str) -> None:
    assert words(text) == WORD.findall(text.lower())
    assert word_marks(text) == WORD_OR_MARK.findall(text.lower())
    assert pieces(text) == text.split()
    assert word_count(text) == len(text.split())


@pytest.mark.parametrize("text", FOREIGN)
def test_composed_and_decomposed_letters_give_the_same_words(text: str) -> None:
    apart = unicodedata.normalize("NFD", text)
    assert words(apart) == words(unicodedata.normalize("NFC", text))
    assert pieces(apart) == pieces(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天天气很好。我很高兴!", ["今", "天", "天", "气", "很", "好", "我", "很", "高", "兴"]),
        ("私はGPT-4を使う。", ["私", "は", "gpt", "4", "を", "使", "う"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("L\u2019été à Zürich", ["l\u2019été", "à", "zürich"]),
        (unicodedata.normalize("NFD", "Äpfel"), ["äpfel"]),
    ],
)
def test_letters_keep_their_marks_and_spaceless_scripts_are_counted_by_letters(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


def test_a_mark_after_a_letter_of_a_spaceless_script_is_no_piece_of_its_own() -> None:
    assert pieces("你好。 world!") == ["你", "好。", "world!"]
    assert word_count("你好。") == 2


@given(st.text())
def test_pieces_cover_everything_but_white_space(text: str) -> None:
    covered = "".join(text[start:end] for start, end in piece_spans(text))
    assert covered == "".join(text.split())
    ends = [0, *(end for _, end in piece_spans(text))]
    assert ends == sorted(ends)


def test_a_long_chinese_text_is_cut_into_passages() -> None:
    text = "今天医生看了病人。" * 60
    found = passages(text, 100)
    assert "".join(found) == text
    assert len(found) == 5
    assert all(part.endswith("。") for part in found)


def test_copies_and_repeats_are_found_without_spaces() -> None:
    one, other = "昨天晚上病人突然开始发烧并且咳嗽。", "护士说昨天晚上病人突然开始发烧,今天好了。"
    assert repeats([one, other, "完全不同的另外一句话在这里。"])[1].tolist() == [True, True, False]
    near, far = self_bleu_scores([one, one + "好", "完全不同的另外一句话在这里"])[[0, 2]]
    assert near > 0.9
    assert far < 0.2


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Hier ist die Notiz: Der Patient hustet seit gestern.", "Der Patient hustet seit gestern."),
        ("Gerne! Eine kurze Notiz: Der Patient hustet seit gestern.", "Der Patient hustet seit gestern."),
        ("Voici la réponse : Le colis est arrivé en retard.", "Le colis est arrivé en retard."),
        ("Aquí tienes el texto: El paquete llegó muy tarde.", "El paquete llegó muy tarde."),
        ("Gerne komme ich wieder, alles war gut.", "Gerne komme ich wieder, alles war gut."),
    ],
)
def test_a_greeting_before_a_text_is_left_out_in_other_languages_too(reply: str, text: str) -> None:
    assert tidy(reply, cut=False)[0] == text


@pytest.mark.parametrize(
    ("name", "header"), [("clinical-de", "Umfang: kurz"), ("survey-fr", "Avis : mitigé")]
)
def test_a_header_of_a_pack_in_another_language_is_an_echo(name: str, header: str) -> None:
    pack = find_pack(name)
    text = f"Das ist ein Satz.\n{header}\nUnd noch einer."
    assert "header" in echoes(text, form_of(pack))
    assert "header" not in echoes("Das ist ein Satz und noch einer.", form_of(pack))
    shown = fill(pack.prompts["candidate.txt"], fields_of(pack, pack.examples[0].card, pack.about))
    assert repeats_prompt(text, [shown])


def test_an_order_of_a_prompt_is_an_echo_in_german() -> None:
    order = find_pack("clinical-de").prompts["first_rewrite.txt"]
    assert repeats_prompt(
        "Schreibe 20 Wörter über den Husten. Er hustet.", ["Schreibe 20 Wörter über den Husten."]
    )
    assert not repeats_prompt("Er hustet seit Montag und schläft schlecht.", [order])


def test_a_reply_without_spaces_is_long_enough_by_its_letters() -> None:
    assert tidy("今天天气很好。", cut=False)[0] == "今天天气很好。"
    assert tidy("你好。", cut=False) == ("", "too short")


def test_the_word_features_of_a_sketch_know_composed_words() -> None:
    assert words_in(unicodedata.normalize("NFD", "Rückenschmerzen, 3 Tage")) == ["rückenschmerzen", "tage"]
