"""What the program of today makes for a release of version 0.1.0 has the words of that version."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import rpsg
from rpsg.privacy.first_words import as_in, page_as_in, pairs, translation

PAIRS = [*pairs("everywhere"), *pairs("page")]
#: What the code computes in the middle of a sentence.
_COMPUTED = re.compile(
    r"\{\d\}|`[^`]*`|\b(?:ledger\.json|contains?|repeats?|itself|themselves|its|their|person|people|rows?|\d+)\b"
)


def written() -> str:
    """The sources in one line, with adjacent parts of strings joined, and without what they compute."""
    folder = Path(str(rpsg.__file__)).parent
    sources = "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py")))
    return re.sub(r'"\s*\+?\s*\(?\s*f?"', "", sources)


def test_only_releases_of_the_first_version_have_its_words() -> None:
    today, then = next(pair for pair in PAIRS if "{" not in pair[0])
    assert as_in("0.1.0", {"not_covered": [today]}) == {"not_covered": [then]}
    assert as_in(rpsg.__version__, {"not_covered": [today]}) == {"not_covered": [today]}
    assert page_as_in(rpsg.__version__, today) == today


def test_words_that_differ_among_releases_stay_and_may_change_places() -> None:
    said = translation([("{0} of {1} drafts", "of {1} texts, {0}")])
    assert said("12 of 1,220 drafts.") == "of 1,220 texts, 12."
    assert said("12 or 13 of all 1,220 drafts.") == "12 or 13 of all 1,220 drafts.", "a slot is one word"


def test_texts_and_names_on_a_page_stay_as_they_are() -> None:
    today, then = next(pair for pair in pairs("page") if "{" not in pair[0])
    page = f'<p>{today}</p><bdi dir="auto">{today}</bdi> <bdi>{today}<mark>{today}</mark></bdi><p>{today}</p>'
    kept = f'<p>{then}</p><bdi dir="auto">{today}</bdi> <bdi>{today}<mark>{today}</mark></bdi><p>{then}</p>'
    assert page_as_in("0.1.0", page) == kept


@pytest.mark.parametrize("letter", ["a", "\t", "\u3000", "\xa0", '"', '" '])
def test_the_time_for_a_stranger_s_long_text_grows_with_its_length_only(letter: str) -> None:
    """The square of the length would take minutes: at 4,000 characters it took ten seconds."""
    began = time.process_time()
    as_in("0.1.0", letter * 20_000)
    assert time.process_time() - began < 20


@pytest.mark.parametrize("around", ["my {}", "{}s", "x{}", "{}-like"])
def test_a_sentence_is_only_found_as_a_whole(around: str) -> None:
    said = translation([("a plain text", "TEXT")])
    changed = said(around.format("a plain text"))
    assert ("TEXT" in changed) == (around == "my {}")


def test_a_sentence_may_end_with_a_tag_or_a_line() -> None:
    said = translation([("No value is hidden.", "Every value.")])
    assert said("<p>No value is hidden.</p>") == "<p>Every value.</p>"
    assert said("No value is hidden.\nNo value is hidden.") == "Every value.\nEvery value."


def test_both_sentences_of_a_pair_have_the_same_slots_and_nothing_that_pages_escape() -> None:
    for today, then in PAIRS:
        slots = [re.findall(r"\{\d\}", sentence) for sentence in (today, then)]
        assert len(slots[0]) == len(set(slots[0])), today
        assert set(slots[1]) <= set(slots[0]), today
        assert today != then
        assert not set("&<>") & set(today + then), today
    for where in ("everywhere", "page"):
        known = [today for today, _ in pairs(where)]
        assert len(known) == len(set(known))


def test_every_sentence_of_today_is_in_the_code() -> None:
    """If a sentence is improved, and the table is not, releases of version 0.1.0 no longer verify."""
    code = written()
    for today, _ in PAIRS:
        parts = re.split(r"(?<=[.:;,]) |\n", _COMPUTED.sub("\n", today))
        assert max(parts, key=len).strip(" .,:;()%±|#") in code, today
