"""Names and dates in texts are marked wherever the page shows a text, and little else is."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.report.conftest import changed, read_page

from rpsg.records import Candidate, Card, Pool
from rpsg.report.front import MOST_CHARACTERS, excerpt
from rpsg.report.marks import Marks
from rpsg.report.page import report
from rpsg.textstats.first_names import FIRST_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.release.reader import Release

#: Texts beside the one that is looked at: they show which words are also written small.
BESIDE = ("Great tea, and the box was fine. My son likes it.", "The coffee was stale, so i sent it back.")


ALSO_WORDS = (
    "april art august austin basil bill candy carol chance cherry crystal daisy dallas dawn dean drew earl "
    "eve faith florence frank gene georgia ginger grace grant guy holly hope iris ivy jasmine joy june lance "
    "lily mark may melody miles olive paris pat pearl penny ray rich rob rose rosemary ruby sage sandy sue "
    "summer violet virginia will"
)


def marked(text: str, language: str = "en") -> list[str]:
    marks = Marks([text, *BESIDE], language)
    return [text[start:end] for start, end in marks.spans(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My friend Sarah Miller liked it.", ["Sarah Miller"]),
        ("I gave it to Peter. Peter hated it.", ["Peter", "Peter"]),
        ("Ask Dr. House about it.", ["House"]),
        ("my name is John and i bought it", ["John"]),
        ("Bought on March 3, 2019 and again on 12/05/2020.", ["March 3, 2019", "12/05/2020"]),
        ("It came in January, or was it 2018?", ["January", "2018"]),
        ("Dear Barnaby Miller, you said: My Barnaby!", ["Barnaby Miller", "Barnaby"]),
        ("We ship to the United States. The states pay.", ["United States"]),
        ("Sarah bought it. Maria Alvarez did, too!", ["Sarah", "Maria Alvarez"]),
        ("Thomas and I drink it, and john too.", ["Thomas"]),
        ("It was cold.\nKarin's cup was not.", ["Karin"]),
    ],
)
def test_names_and_dates_are_marked(text: str, found: list[str]) -> None:
    assert marked(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Write to [EMAIL], [LINK], [IP], [MAC], [IBAN] or [NAME] for a refund.",
        "Great Tea And A Fine Box",
        "Coffee is what I drink. Wonderful! Really.",
        "LOVE IT, and I may march on with 300 bags at 19.99 each.",
        "The best Italian sauce, on a Monday.",
        "I said hello, Patient: it hurts, Doctor: where?",
        "What a taste.\nNever again.\n- Stale",
        "Mark my words. Rose tea is best. Will they ship? April was wet. Grace is all.",
    ],
)
def test_beginnings_of_sentences_titles_and_prices_are_not(text: str) -> None:
    assert marked(text) == []


def test_first_names_that_are_other_words_of_english_are_not_in_the_list() -> None:
    """They would be marked wherever a sentence begins with that word."""
    assert not FIRST_NAMES & {word.capitalize() for word in ALSO_WORDS.split()}
    assert all(re.fullmatch("[A-Z][a-z]+", name) for name in FIRST_NAMES), "another spelling is never found"


def test_where_other_words_have_capitals_too_only_dates_and_titles_are_marked() -> None:
    assert marked("Am 3.12.2019 kam der Tee mit der Post von Herrn Weber.", "de") == ["3.12.2019"]


def test_a_marked_text_is_the_text_and_its_markup_is_sound() -> None:
    text = "<b>Anna</b> met Anna & Co on 2020-01-02 \u202e."
    shown = Marks([text], "en")(text)
    tree = read_page(str(shown))
    assert tree.text == "<b>Anna</b> met Anna & Co on 2020-01-02 \u27e8U+202E\u27e9."
    assert [mark.text for mark in tree.all("mark")][-1] == "2020-01-02"


@pytest.mark.parametrize("run", ["Aa" * 50_000, "A " * 50_000, "Jan 1 " * 20_000, "\n" * 100_000 + "Anna"])
def test_a_long_hostile_text_takes_no_quadratic_time(run: str) -> None:
    start = time.process_time()
    Marks([run], "en").spans(run)
    assert time.process_time() - start < 5


def of(release: Release, *texts: str) -> Release:
    return changed(
        release, pool=Pool(tuple(Candidate(i, t, Card({})) for i, t in enumerate(texts))), coverage=()
    )


def test_each_place_that_shows_a_text_marks_it_and_says_what_a_mark_is(
    release_of: Callable[[str], Release],
) -> None:
    text = "This is what my friend Barnaby said about the tea."
    tree = read_page(report(of(release_of("strict"), text, text, text, text)))
    marks = [mark.text for mark in tree.all("mark")]
    assert marks.count("Barnaby") == 3 + 4 + 1, "the first screen, the examples, and the life of one text"
    assert "none is evidence about a real person" in tree.text


def test_without_names_nothing_is_said_about_marks(release_of: Callable[[str], Release]) -> None:
    tree = read_page(report(of(release_of("strict"), "tea is fine", "the box was stale")))
    assert not tree.all("mark")
    assert "marked like this" not in tree.text


def test_names_in_a_text_from_a_private_record_are_not_called_invented(
    release_of: Callable[[str], Release],
) -> None:
    words = read_page(report(of(release_of("paper"), "my friend Barnaby came"))).text
    assert "They may come from a private text or be invented" in words
    assert "Take them as invented" not in words


def test_long_texts_are_cut_at_a_word_on_the_first_screen() -> None:
    assert excerpt("short enough") == "short enough"
    long = excerpt("word " * 200)
    assert long.endswith("word \u2026")
    assert len(long) <= MOST_CHARACTERS + 2
    assert excerpt("W" * 2000) == "W" * MOST_CHARACTERS + " \u2026"
