"""The language of a text is told by its script and function words, or not at all."""

from __future__ import annotations

import pytest

from rpsg.domains import find_pack, pack_names
from rpsg.textstats.languages import NAMES, language_of, languages_of, name_of


@pytest.mark.parametrize("name", pack_names())
def test_no_example_of_a_pack_is_taken_for_another_language(name: str) -> None:
    pack = find_pack(name)
    found = languages_of(example.text for example in pack.examples)
    assert set(found) == {pack.language}
    assert found[pack.language] > 0.5 * len(pack.examples)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Der Hund ist nicht mit der Katze in dem Haus.", "de"),
        ("The dog is not with the cat in the house.", "en"),
        ("Le chien n'est pas avec le chat dans la maison.", "fr"),
        ("El perro no está con el gato en la casa.", "es"),
        ("Il cane non è con il gatto nella casa di sua nonna.", "it"),
        ("De hond is niet met de kat in het huis.", "nl"),
        ("O cachorro não está com o gato em uma casa.", "pt"),
        ("犬は猫と一緒に家にいません。", "ja"),
        ("狗没有和猫在房子里。", "zh"),
        ("개는 고양이와 함께 집에 있지 않다.", "ko"),
        ("หมาไม่ได้อยู่กับแมวในบ้าน", "th"),
        ("RR 130/80, HbA1c 6,9 %", ""),
        ("Kot nie jest z psem.", ""),
        ("", ""),
    ],
)
def test_a_sentence_is_in_its_language_or_cannot_be_told(text: str, code: str) -> None:
    assert language_of(text) == code


def test_languages_have_english_names_and_others_their_code() -> None:
    assert name_of("de") == "German"
    assert name_of("eo") == "eo"
    assert {"de", "en", "es", "fr", "it", "ja", "ko", "nl", "pt", "th", "zh"} <= set(NAMES)


@pytest.mark.parametrize(
    "text",
    [
        # German and Dutch, as many function words of each.
        "Das ist nicht gut und wir haben es auch nicht. Dat is niet goed en wij hebben het ook niet.",
        # A Greek letter is no Greek text, and three function words are too few to tell.
        "Dose \u03b1: fever, the rash, the cough, a swollen knee",
    ],
)
def test_a_mixed_text_and_a_short_one_cannot_be_told(text: str) -> None:
    assert language_of(text) == ""
