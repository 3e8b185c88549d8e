"""Text stays text, whatever it says; what could run or load something cannot be built."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.conftest import ATTACKS, read_page

from rpsg.display import Html, isolate, joined, tag, visible
from rpsg.report.html import document

WRITTEN_OUT = re.compile("\u27e8U\\+([0-9A-F]{4,6})\u27e9")


@given(st.text())
def test_any_text_comes_out_as_the_text_it_is(text: str) -> None:
    shown = read_page(tag("p", text)).one("p").text
    assert shown == visible(text)
    back = WRITTEN_OUT.sub(lambda found: chr(int(found[1], 16)), shown)
    assert back == WRITTEN_OUT.sub(lambda found: chr(int(found[1], 16)), text)


@given(st.text())
def test_any_text_can_stand_in_an_attribute(text: str) -> None:
    element = read_page(tag("p", "words", title=text, class_="kind")).one("p")
    assert element.attributes == {"title": visible(text), "class": "kind"}


@given(st.text())
def test_a_page_of_any_text_can_be_written_as_utf_8(text: str) -> None:
    document(text, "", tag("p", isolate(text))).encode()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_makes_an_element(attack: str) -> None:
    tree = read_page(tag("div", attack, isolate(attack)))
    assert [element.name for element in tree.walk()] == ["div", "bdi"]


def test_characters_that_hide_or_reorder_are_written_out() -> None:
    assert visible("a\u202eb\x00c\x1bd\ufeffe") == "a⟨U+202E⟩b⟨U+0000⟩c⟨U+001B⟩d⟨U+FEFF⟩e"
    assert visible("line\nand\ttab") == "line\nand\ttab"


def test_joiners_that_languages_need_stay() -> None:
    assert (
        visible("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )


@given(st.text())
def test_nothing_that_shows_nothing_is_left(text: str) -> None:
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    left = [c for c in visible(text) if unicodedata.category(c) in hidden]
    assert set(left) <= set("\n\t\u200c\u200d")


def test_foreign_words_keep_their_direction_to_themselves() -> None:
    bdi = read_page(isolate("\u05d0\u05d1\u05d2")).one("bdi")
    assert bdi.attributes == {"dir": "auto"}


@pytest.mark.parametrize("name", ["onclick", "onload", "style", "src", "srcset", "action", "data"])
def test_an_attribute_that_could_run_or_load_something_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="could run or load"):
        tag("p", "words", **{name: "x"})


@pytest.mark.parametrize("place", ["http://a.invalid", "javascript:alert(1)", "//a.invalid", "a.html", ""])
def test_a_link_leads_nowhere_but_to_the_page(place: str) -> None:
    with pytest.raises(ValueError, match="place on the page"):
        tag("a", "here", href=place)
    assert tag("a", "here", href="#there") == '<a href="#there">here</a>'


def test_markup_is_never_escaped_twice() -> None:
    assert joined(tag("b", "1 < 2"), " & ", 3, None, [tag("i", "x")]) == "<b>1 &lt; 2</b> &amp; 3<i>x</i>"


def test_attributes_that_are_not_there_are_left_out() -> None:
    assert tag("p", title=None, hidden=False) == "<p></p>"
    assert tag("p", data_label="x", tabindex=0, x=1.50) == '<p data-label="x" tabindex="0" x="1.5"></p>'


def test_the_policy_allows_the_one_style_and_nothing_else() -> None:
    style = "p { color: #000 }"
    page = read_page(document("title", style, Html("")))
    policy = next(m for m in page.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(page.one("style").text.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy.attributes["content"] == allowed
    head = page.one("head")
    assert head.children.index(policy) < head.children.index(page.one("style"))
