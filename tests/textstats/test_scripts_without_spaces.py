"""Texts in scripts without blanks between words are counted, filtered and measured by their letters."""

from __future__ import annotations

import pytest
from tests.evaluation.conftest import inputs_of

from rpsg import registry
from rpsg.evaluation.inputs import UnavailableError
from rpsg.stages.clean_reply import says_a_sentence_twice, tidy
from rpsg.stages.echo import repeats_prompt
from rpsg.textstats.repeats import repeats
from rpsg.textstats.words import pieces, word_count, words

#: Two sentences about a walk in each, the second with other words.
TEXTS: dict[str, tuple[str, str]] = {
    "Chinese": ("今天下午我们在公园里散步。", "晚上孩子们喝了热汤就去睡觉。"),
    "Japanese": ("今日の午後は公園を散歩しました。", "夜は子どもたちと温かいスープを飲んだ。"),
    "Japanese in letters of half width": ("ｷｮｳﾊｺｳｴﾝｦｻﾝﾎﾟｼﾏｼﾀ｡", "ﾖﾙﾊｱﾀﾀｶｲｽｰﾌﾟｦﾉﾐﾏｼﾀ｡"),
    "Japanese with English words": ("私はGPT-4でレビューを書きました。", "とても便利なtoolだと思います。"),
    "Chinese with rare letters": ("我在𠮷野家吃了牛肉饭和𩸽鱼。", "晚上孩子们喝了热汤就去睡觉。"),
    "Khmer": ("រសៀលនេះយើងដើរលេងនៅសួន។", "ពេលយប់កូនៗញ៉ាំស៊ុបក្តៅហើយចូលគេង។"),
    "Burmese": ("ဒီနေ့ညနေပန်းခြံမှာလမ်းလျှောက်တယ်။", "ညဘက်ကလေးတွေဟင်းချိုပူပူသောက်တယ်။"),
    "Tibetan": ("དེ་རིང་ང་ཚོ་གླིང་ཁར་འཆམ་འཆམ་ཕྱིན།", "དགོང་མོ་ཕྲུ་གུས་ཐུག་པ་ཚ་པོ་འཐུངས།"),
    "Thai": ("วันนี้ตอนบ่ายเราไปเดินเล่นในสวน ", "ตอนค่ำเด็กๆกินซุปร้อนแล้วเข้านอน "),
    "Lao": ("ຕອນບ່າຍນີ້ພວກເຮົາຍ່າງຫຼິ້ນໃນສວນ ", "ຕອນແລງເດັກນ້ອຍກິນແກງຮ້ອນແລ້ວເຂົ້ານອນ "),
}
WITH_FULL_STOP = [script for script in TEXTS if script not in {"Thai", "Lao"}]


@pytest.mark.parametrize("script", TEXTS)
def test_a_sentence_is_long_enough_and_three_letters_are_not(script: str) -> None:
    sentence = TEXTS[script][0].strip()
    assert word_count(sentence) >= 10
    assert len(words(sentence)) >= 10
    assert tidy(sentence, cut=False) == (sentence, "")
    assert tidy("".join(pieces(sentence)[:3]), cut=False) == ("", "too short")


@pytest.mark.parametrize("script", TEXTS)
def test_a_text_that_says_the_same_for_ever_is_dropped(script: str) -> None:
    assert tidy(TEXTS[script][0] * 12, cut=False) == ("", "repeats itself")


@pytest.mark.parametrize("script", TEXTS)
def test_a_text_that_was_cut_ends_with_its_last_whole_sentence(script: str) -> None:
    first, second = TEXTS[script]
    assert tidy(first + second[:4], cut=True) == (first.strip(), "")


@pytest.mark.parametrize("script", WITH_FULL_STOP)
def test_a_sentence_that_occurs_twice_is_found(script: str) -> None:
    first, second = TEXTS[script]
    assert says_a_sentence_twice(first + second + first)
    assert not says_a_sentence_twice(first + second)


@pytest.mark.parametrize("script", TEXTS)
def test_a_copy_of_the_prompt_and_a_copy_of_another_text_are_found(script: str) -> None:
    first, second = TEXTS[script]
    assert repeats_prompt(second + first, [first])
    assert not repeats_prompt(second, [first])
    assert repeats([first, second + first, "An English sentence about nothing of the kind."])[1].tolist() == [
        *(True, True),
        False,
    ]


@pytest.mark.parametrize("script", TEXTS)
def test_the_readability_of_english_is_not_computed(script: str) -> None:
    with pytest.raises(UnavailableError, match="This metric is for English"):
        registry.find("metrics", "readability")(inputs_of([*TEXTS[script]] * 3))


@pytest.mark.parametrize(
    "text",
    [
        "Der Patient ist nach dem Sturz auf die Station gekommen und hat keine Schmerzen.",
        "Le patient est venu dans la salle après une chute et il ne va pas trop mal.",
        "Сегодня днём мы гуляли в парке и потом пили чай.",
        "오늘 오후에 우리는 공원에서 산책했습니다.",
        "Σήμερα το απόγευμα περπατήσαμε στο πάρκο.",
    ],
    ids=["German", "French", "Russian", "Korean", "Greek"],
)
def test_nor_is_it_for_other_languages_with_blanks(text: str) -> None:
    with pytest.raises(UnavailableError, match="This metric is for English"):
        registry.find("metrics", "readability")(inputs_of([text] * 3))


def test_a_few_foreign_words_in_english_texts_leave_its_readability() -> None:
    texts = ["The patient was in the room and it was late.", "She said 今日は and we had a cup of tea."] * 3
    assert registry.find("metrics", "readability")(inputs_of(texts)).value is not None
