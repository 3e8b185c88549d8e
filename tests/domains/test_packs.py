"""A domain pack is plain files; whatever is wrong in them is told with the file and the key."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.domains import find_pack, pack_names, read_pack
from rpsg.domains.prompts import FIELD, first_words
from rpsg.errors import UsageError
from rpsg.models.fake import FakeClassifier
from rpsg.stages.cards import CardModel
from rpsg.stages.cosine_filter import COPIED_WORDS
from rpsg.stages.prompts import fields_of
from rpsg.textstats.languages import language_of
from rpsg.textstats.words import words

if TYPE_CHECKING:
    from pathlib import Path


OPENINGS = (
    'values = ["I bought", "We tried", "They sent", "My friend likes"]',
    'by = "sentiment"\ngroups = { positive = ["I bought"], negative = ["They sent"] }',
)


@pytest.fixture
def folder(pack_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny pack, to be changed."""
    shutil.copytree(pack_folder, tmp_path / "mine")
    return tmp_path / "mine"


def change(folder: Path, before: str, after: str) -> None:
    text = (folder / "pack.toml").read_text()
    assert before in text
    (folder / "pack.toml").write_text(text.replace(before, after, 1))


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_that_ships_is_whole(name: str) -> None:
    pack = find_pack(name)
    assert pack.name == name
    assert {"nearest", "sentiment", "words"} >= {a.kind for a in pack.attributes if a.counted}
    for attribute in pack.attributes:
        assert attribute.kind != "sentiment" or set(attribute.values) == set(FakeClassifier().values)
        assert not attribute.descriptions or len(attribute.descriptions) == len(attribute.values)
    for example in pack.examples:
        assert len(example.text.split()) >= COPIED_WORDS
    assert "{topic}" in pack.prompts["candidate.txt"]


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_that_ships_is_in_english_unless_its_name_ends_in_another_language(name: str) -> None:
    ending = re.search(r"-([a-z]{2})$", name)
    assert find_pack(name).language == (ending[1] if ending else "en")


#: Words that no sentence of the other languages has.
ENGLISH = {"the", "and", "with", "of", "is", "you", "write", "words", "which", "answer"}


@pytest.mark.parametrize("name", [name for name in pack_names() if find_pack(name).language != "en"])
def test_a_pack_in_another_language_has_no_english_word_and_own_prompts_for_every_method(name: str) -> None:
    pack, generic = find_pack(name), find_pack("generic")
    for example in pack.examples:
        assert not ENGLISH & set(words(example.text)), example.text
    topics = " ".join((*pack.attribute("topic").values, *pack.attribute("topic").descriptions))
    assert not ENGLISH & set(words(topics))
    drawn = " ".join(
        value for attribute in pack.attributes for value in attribute.values if not attribute.counted
    )
    assert not ENGLISH & set(words(FIELD.sub(" ", drawn)))
    assert language_of(" ".join(example.text for example in pack.examples)) == pack.language
    for file, prompt in pack.prompts.items():
        assert prompt != generic.prompts[file]
        assert not ENGLISH & set(words(FIELD.sub(" ", prompt))), file


@pytest.mark.parametrize("name", pack_names())
def test_every_field_of_a_beginning_is_filled_also_within_the_value_of_another_field(name: str) -> None:
    pack = find_pack(name)
    for card in CardModel.uniform(pack).draw(300, np.random.default_rng(0)):
        begun = first_words(pack.begins, fields_of(pack, card.values, pack.about))
        assert not re.search(r"[{}]|  | [.,]|: \.", begun), begun


def test_the_language_of_a_pack_is_a_code_or_left_out(folder: Path) -> None:
    assert read_pack(folder).language == ""
    change(folder, 'name = "tiny"', 'name = "tiny"\nlanguage = "de"')
    assert read_pack(folder).language == "de"
    change(folder, 'language = "de"', 'language = "German]"')
    with pytest.raises(UsageError, match="language"):
        read_pack(folder)


def test_a_pack_is_found_by_name_and_by_folder(folder: Path) -> None:
    assert find_pack(str(folder)).name == "tiny"
    assert "food-reviews" in pack_names()
    with pytest.raises(UsageError, match="no domain pack 'unheard-of'") as caught:
        find_pack("unheard-of")
    assert "food-reviews" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        find_pack("suport")
    assert caught.value.hint.startswith("Did you mean support? Use one of: ")


def test_a_pack_of_ours_is_read_once_and_a_folder_of_a_user_each_time(folder: Path) -> None:
    """A comparison looks up the pack several times for each of its hundreds of cells."""
    assert find_pack("food-reviews") is find_pack("food-reviews")
    before = find_pack(str(folder))
    change(folder, 'title = "', 'title = "changed ')
    assert find_pack(str(folder)).title == f"changed {before.title}"


@pytest.mark.parametrize("name", ["../food-reviews", "/", "", ".", "food-reviews/../food-reviews\0"])
def test_a_name_is_no_way_into_other_folders(name: str) -> None:
    with pytest.raises(UsageError):
        find_pack(name)


def test_values_with_descriptions_can_stand_in_a_file(folder: Path) -> None:
    change(
        folder,
        'values = ["green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps"]',
        'file = "topics.txt"',
    )
    (folder / "topics.txt").write_text("# topics\ntea | leaves in hot water\n\ncoffee\n")
    topic = read_pack(folder).attribute("topic")
    assert topic.values == ("tea", "coffee")
    assert topic.descriptions == ("leaves in hot water", "a review of coffee")


def with_topics(folder: Path, lines: str) -> None:
    change(
        folder,
        'values = ["green tea", "dark coffee", "dog biscuits", "olive oil", "corn crisps"]',
        'file = "topics.txt"',
    )
    (folder / "topics.txt").write_text(lines)


def test_headings_in_a_file_group_the_values_below_them(folder: Path) -> None:
    with_topics(
        folder, "## a comment\n# Drinks\ntea\ncoffee\n## another\ncocoa\n\n# Snacks\ncrisps | thin ones\n"
    )
    topic = read_pack(folder).attribute("topic")
    assert topic.groups == {"Drinks": ("tea", "coffee", "cocoa"), "Snacks": ("crisps",)}
    assert topic.group_codes == (0, 0, 0, 1)
    assert topic.headings["cocoa"] == "Drinks"


def test_a_value_above_the_first_of_several_headings_is_refused(folder: Path) -> None:
    with_topics(folder, "tea\n# Drinks\ncoffee\n# Snacks\ncrisps\n")
    with pytest.raises(UsageError, match="above its first heading"):
        read_pack(folder)


def test_no_file_of_a_pack_says_how_its_marginals_are_counted(folder: Path) -> None:
    change(folder, 'name = "tiny"', 'name = "tiny"\nby_group = [0]')
    assert read_pack(folder).by_group == ()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ('{ a = ["positive"], b = ["mixed"] }', "exactly one group"),
        ('{ a = ["positive", "mixed", "negative"], b = ["mixed"] }', "exactly one group"),
        ('{ a = ["positive", "mixed", "negative"], b = [] }', "group without values"),
    ],
)
def test_groups_of_a_counted_attribute_hold_each_value_once(folder: Path, groups: str, said: str) -> None:
    change(folder, 'kind = "sentiment"', f'kind = "sentiment"\ngroups = {groups}')
    with pytest.raises(UsageError, match=said):
        read_pack(folder)


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_that_ships_has_8_to_14_headings_for_its_topics(name: str) -> None:
    topic = find_pack(name).attribute("topic")
    assert 8 <= len(topic.groups) <= 14
    assert all(3 <= len(group) <= 16 for group in topic.groups.values())


@pytest.mark.parametrize("file", ["../topics.txt", "/etc/hostname", "missing.txt", "sub/topics.txt"])
def test_a_file_of_values_lies_in_the_pack(folder: Path, file: str) -> None:
    (folder.parent / "topics.txt").write_text("a\nb\n")
    change(folder, 'describe = "a review of {value}"', f'file = "{file}"')
    with pytest.raises(UsageError, match="not in the pack's folder"):
        read_pack(folder)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('title = "Tiny reviews"', 'titel = "Tiny reviews"', "titel"),
        ("edges = [9, 14]", "edges = [14, 9]", "ascending order"),
        ("edges = [9, 14]", "edges = [9]", "one word count for each value"),
        ('values = ["positive", "mixed", "negative"]', 'values = ["positive"]', "at least two values"),
        ('"positive", "mixed", "negative"]', '"positive", "positive", "negative"]', "lists a value twice"),
        ("undecided", 'undecided", calm = "calm', "for values that it does not have"),
        ('[["topic", "sentiment"], ', "[", "no marginal counts topic"),
        ('["topic", "sentiment"]', '["topic", "opening"]', "not a counted attribute"),
        ('name = "length"', 'name = "topic"', "listed twice"),
        ('name = "length"', 'name = "Length!"', "pattern"),
        ('sentiment = "positive", length', 'mood = "positive", length', "does not exist"),
        (
            'length = "short", opening = "I bought"',
            'length = "tiny", opening = "I bought"',
            "not one of its values",
        ),
        ('name = "opening"', 'name = "opening"\nby = "sentiment"', "needs both by and groups"),
        (*OPENINGS, "needs a group for each value of 'sentiment'"),
        (OPENINGS[0], OPENINGS[1].replace("sentiment", "mood"), "'mood', which is not counted"),
        ("[[attributes]]", "[[attributes", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_pack_is_named(folder: Path, before: str, after: str, said: str) -> None:
    change(folder, before, after)
    with pytest.raises(UsageError) as caught:
        read_pack(folder)
    assert said in caught.value.message


def test_a_list_of_topics_from_an_editor_that_adds_a_byte_order_mark_is_read(folder: Path) -> None:
    topics, wanted = folder / "topics.txt", "# Drinks\ntea\ncoffee\n\n# Food\nbread\n"
    change(folder, 'kind = "nearest"', 'kind = "nearest"\nfile = "topics.txt"')
    topics.write_text(wanted, encoding="utf-8-sig")
    assert read_pack(folder).attribute("topic").groups == {"Drinks": ("tea", "coffee"), "Food": ("bread",)}


@pytest.mark.parametrize("file", ["pack.toml", "system.txt", "candidate.txt"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(UsageError, match=rf"no .*{file}"):
        read_pack(folder)


def test_every_word_of_a_pack_is_in_its_fingerprint_and_its_place_is_not(
    folder: Path, tmp_path: Path
) -> None:
    before = read_pack(folder).sha256
    shutil.copytree(folder, tmp_path / "copy")
    assert read_pack(tmp_path / "copy").sha256 == before
    for file in sorted(folder.iterdir()):
        text = file.read_text()
        file.write_text(text + "# \n")
        assert read_pack(folder).sha256 != before
        file.write_text(text)
    assert read_pack(folder).sha256 == before


def test_a_free_attribute_may_go_by_another_one(folder: Path) -> None:
    change(folder, OPENINGS[0], OPENINGS[1].replace("negative", 'mixed = ["We tried"], negative'))
    assert read_pack(folder).attribute("opening").values == ("I bought", "We tried", "They sent")


def test_a_label_is_counted_with_the_sentiment(folder: Path) -> None:
    pack = read_pack(folder)
    labelled = pack.with_label(("food", "drink"))
    assert labelled.attribute("label").values == ("food", "drink")
    assert labelled.marginals == (*pack.marginals, ("label", "sentiment"))
    assert pack.with_label(()) is pack


@pytest.mark.parametrize("name", pack_names())
def test_each_pack_counts_texts_in_other_languages_than_its_own(name: str) -> None:
    pack = find_pack(name)
    assert pack.counted_language == pack.language != ""
    without = pack.model_copy(update={"counts_other_languages": False})
    assert without.schema_sha256 != pack.schema_sha256
