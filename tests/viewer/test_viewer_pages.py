"""What the pages say, read as HTML."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

import pytest
from tests.report.conftest import ATTACKS, read_page
from tests.viewer.conftest import Visitor, viewing

from rpsg.compare.outcome import INTERNAL
from rpsg.display import Html
from rpsg.records import Candidate, Card
from rpsg.release.reader import Release
from rpsg.report.page import report_body
from rpsg.storage.layout import CORPUS, EVIDENCE, TEXTS
from rpsg.viewer.links import address, link
from rpsg.viewer.sides import MOST_VALUES, shares
from rpsg.viewer.texts import ON_A_PAGE, text_page

if TYPE_CHECKING:
    from pathlib import Path


def rows_of(page: str, caption: str) -> dict[str, list[str]]:
    """The rows of a table by their names."""
    tables = [
        each for each in read_page(_without_void(page)).all("table") if each.one("caption").text == caption
    ]
    assert len(tables) == 1
    rows = tables[0].one("tbody").all("tr")
    return {row.one("th").text: [cell.text for cell in row.all("td")] for row in rows}


def _without_void(page: str) -> str:
    """The page without the elements that a reader of reports does not know."""
    return re.sub(r"<(link|input)\b[^>]*>", "", page).replace("<!DOCTYPE html>", "")


def test_the_list_says_what_each_run_is(visitor: Visitor) -> None:
    rows = rows_of(visitor.page(), "Runs and releases")
    assert list(rows) == ["deep/votes", "floor", "given", "hostile", "paper", "strict"]
    state, method, claim, texts, day = rows["strict"]
    assert (state, method, texts) == ("finished", "strict", "20")
    assert claim.startswith("ε = 4, δ = 10⁻⁶ for each person")
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]+ 20\d\d", day)
    assert rows["given"][0] == "released"
    assert rows["floor"][2].startswith("Nothing private inside.")
    assert rows["paper"][2].startswith("No guarantee.")


def test_the_list_says_what_each_comparison_is(visitor: Visitor) -> None:
    rows = rows_of(visitor.page(), "Comparisons")
    assert rows["compared"][:3] == [
        "finished",
        "floor, ours, theirs",
        "Ours and theirs: 3 of 3 cells are done.",
    ]
    assert rows["unfinished"][0] == "stopped"
    assert INTERNAL in rows["internal"][2]


def test_the_page_of_a_release_is_its_report(visitor: Visitor, shown: Path) -> None:
    for name in ("strict", "paper"):
        whole = str(report_body(Release(shown / name / "release", in_place=True)))
        assert whole in visitor.page(visitor.place(name))


def test_texts_are_listed_page_by_page(visitor: Visitor, shown: Path) -> None:
    place = visitor.place("floor")
    lines = (shown / "floor" / "release" / CORPUS).read_text().splitlines()
    assert len(lines) > 2 * ON_A_PAGE
    page = visitor.page(f"{place}/texts")
    assert f"1 to {ON_A_PAGE} of {len(lines)} texts" in page
    second = re.search(r'href="([^"]+)">Next page', page)
    assert second is not None
    after = visitor.page(second[1].removeprefix(visitor.home))
    assert json.loads(lines[ON_A_PAGE])["text"] in after
    assert json.loads(lines[0])["text"] not in after


def test_a_search_keeps_its_words_from_page_to_page(visitor: Visitor) -> None:
    page = visitor.page(f"{visitor.place('floor')}/texts?q=opening&page=1")
    assert 'value="opening"' in page
    assert "texts?q=opening&amp;page=2" in page


def test_a_search_without_a_result_says_so(visitor: Visitor) -> None:
    page = visitor.page(f"{visitor.place('strict')}/texts?q=%3Cscript%3Eno+such+word")
    assert "No text has all of these words." in page
    assert "<script" not in page


def texts(count: int) -> list[Candidate]:
    return [
        Candidate(i, f"text {i} about Tea", Card({"topic": "green" if i % 2 else "black"}))
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("query", "number", "ids"),
    [
        ("", 1, [0, 1, 2]),
        ("TEA green", 1, [1, 3, 5]),
        ("  7 ", 1, [7, 17, 27]),
        ("coffee", 1, []),
        ("", 3, [40, 41, 42]),
        ("", 99, [40, 41, 42]),
        ("", -1, [0, 1, 2]),
    ],
)
def test_words_are_found_in_text_and_card_in_any_case(query: str, number: int, ids: list[int]) -> None:
    page = text_page(texts(50), query, number)
    assert [text.id for text in page.texts[:3]] == ids
    assert page.number <= page.pages


def test_the_numbers_of_a_page_are_those_of_its_texts() -> None:
    page = text_page(texts(45), "", 3)
    assert (page.first, len(page.texts), page.pages, page.found) == (41, 5, 3, 45)
    assert text_page([], "", 1).first == 0


def test_the_life_of_a_text_goes_from_its_card_to_the_release(visitor: Visitor, shown: Path) -> None:
    row = json.loads((shown / "deep/votes/release" / CORPUS).read_text().splitlines()[0])
    page = visitor.page(f"{visitor.place('deep/votes')}/texts/{row['id']}")
    steps = [
        item.all("strong")[0].text
        for item in read_page(_without_void(page)).all("ol")[0].all("li")
        if item.all("strong")
    ]
    assert steps == ["Card", "Writing", "Filters", "Votes", "Scrubbed and released"]
    assert row["text"] in page
    for value in row["attributes"].values():
        assert value in page


def test_the_request_is_that_of_the_published_reply(visitor: Visitor, shown: Path) -> None:
    """Its key is among the replies, and that reply is the text."""
    release = shown / "strict" / "release"
    replies = {
        line["key"]: line for line in map(json.loads, (release / EVIDENCE / TEXTS).read_text().splitlines())
    }
    for row in map(json.loads, (release / CORPUS).read_text().splitlines()[:4]):
        page = visitor.page(f"{visitor.place('strict')}/texts/{row['id']}")
        (key,) = re.findall(r"<code>([0-9a-f]{64})</code>", page)
        assert replies[key]["text"] == row["text"]
        assert f"Topic: {row['attributes']['topic']}" in page


def test_the_request_of_a_variant_has_its_parent_in_it(visitor: Visitor, shown: Path) -> None:
    release = Release(shown / "deep/votes/release", in_place=True)
    variant = next(text for text in release.texts if text.parent is not None)
    page = visitor.page(f"{visitor.place('deep/votes')}/texts/{variant.id}")
    assert f"it is a variant of text {variant.parent}" in page
    assert re.search(r"<code>[0-9a-f]{64}</code>", page)
    assert f"Text {variant.parent} and its variants" in page


def test_a_prompt_that_cannot_be_made_again_is_not_guessed(shown: Path, tmp_path: Path) -> None:
    """Its reply is not among those that were published."""
    release = shutil.copytree(shown / "given", tmp_path / "given")
    replies = release / EVIDENCE / TEXTS
    row = json.loads((release / CORPUS).read_text().splitlines()[0])
    kept = [line for line in replies.read_text().splitlines() if json.loads(line)["text"] != row["text"]]
    replies.write_text("".join(f"{line}\n" for line in kept))
    with viewing(tmp_path) as viewer:
        visitor = Visitor(viewer).let_in()
        page = visitor.page(f"{visitor.place('given')}/texts/{row['id']}")
    assert "it cannot be made again from the card alone" in page
    assert not re.search(r"<code>[0-9a-f]{64}</code>", page)


def test_a_prompt_that_held_private_text_is_not_shown(visitor: Visitor, shown: Path) -> None:
    row = json.loads((shown / "paper/release" / CORPUS).read_text().splitlines()[0])
    page = visitor.page(f"{visitor.place('paper')}/texts/{row['id']}")
    assert "such prompts are not published" in page
    assert "Other drafts of the same kind" not in page


def test_drafts_beside_a_text_say_what_became_of_them(visitor: Visitor, shown: Path) -> None:
    release = Release(shown / "deep/votes/release", in_place=True)
    pool = {candidate.id: candidate for candidate in release.pool}
    fates = set()
    for text in (text for text in release.texts if text.parent is None):
        page = visitor.page(f"{visitor.place('deep/votes')}/texts/{text.id}")
        for number, (fate, written) in rows_of(page, "Drafts with the same topic").items():
            draft = pool[int(number)]
            assert draft.id != text.id
            assert draft.card.values["topic"] == text.card.values["topic"]
            assert fate.startswith("released" if draft.dropped is None else draft.dropped.stage)
            assert written not in {"", "not published"}
            fates.add(fate.partition(":")[0].split()[0])
    assert fates == {"released", "votes"}


@pytest.mark.parametrize("number", ["999999", "-1", "x", "1.5"])
def test_a_text_that_is_not_there_is_not_shown(visitor: Visitor, number: str) -> None:
    assert visitor.ask(f"{visitor.home}{visitor.place('strict')}/texts/{number}").status == 404


def test_a_draft_that_was_dropped_has_no_page(visitor: Visitor, shown: Path) -> None:
    pool = Release(shown / "strict/release", in_place=True).pool
    dropped = next(candidate for candidate in pool if candidate.dropped is not None)
    assert visitor.ask(f"{visitor.home}{visitor.place('strict')}/texts/{dropped.id}").status == 404


def test_two_releases_are_shown_side_by_side(visitor: Visitor, shown: Path) -> None:
    one, other = (visitor.place(name).rpartition("/")[2] for name in ("strict", "floor"))
    page = visitor.page(f"/sides?a={one}&b={other}")
    for name in ("strict", "floor"):
        release = Release(shown / name / "release", in_place=True)
        assert release.quality.line in page
        for place in (0, -1):
            assert release.texts[place].text in page
    rows = rows_of(page, "Figures of both releases")
    assert rows["texts"] == ["20", "60"]
    assert "people or rows, noisy" not in rows  # the floor has counted nobody
    assert "ε = 4" in page
    assert "Nothing private inside." in page
    assert len(re.findall(r'id="lengths-[ab]', page)) >= 2


def test_a_release_beside_itself_has_equal_figures(visitor: Visitor) -> None:
    one = visitor.place("strict").rpartition("/")[2]
    rows = rows_of(visitor.page(f"/sides?a={one}&b={one}"), "Figures of both releases")
    assert all(first == second for first, second in rows.values())
    assert "people or rows, noisy" in rows


def test_of_many_values_those_are_compared_that_are_frequent_in_either() -> None:
    def release(**texts: int) -> Release:
        values = [
            SimpleNamespace(name=f"topic {i}", texts=texts.get(f"n{i}", 0)) for i in range(MOST_VALUES + 8)
        ]
        return cast("Release", SimpleNamespace(coverage=[SimpleNamespace(attribute="topic", values=values)]))

    (page,) = shares(release(n19=3, n5=1), release(n18=9), ("one", "other"))
    rows = rows_of(str(page), "Texts by topic: the 12 most frequent of 20 values")
    assert list(rows)[:3] == ["topic 18", "topic 19", "topic 5"]
    assert len(rows) == MOST_VALUES


def test_one_text_is_no_range(visitor: Visitor, shown: Path) -> None:
    lines = (shown / "floor" / "release" / CORPUS).read_text().splitlines()
    text = json.loads(lines[0])["text"]
    page = visitor.page(f"{visitor.place('floor')}/texts?{urlencode({'q': text})}")
    assert "<p>1 text with these words.</p>" in page


@pytest.mark.parametrize("query", ["", "?a=x", "?a=x&b=y"])
def test_sides_that_are_not_there_are_refused(visitor: Visitor, query: str) -> None:
    assert visitor.ask(f"{visitor.home}/sides{query}").status == 404


def test_the_page_of_a_comparison_is_that_of_the_command(visitor: Visitor) -> None:
    page = visitor.page(visitor.place("compared"))
    assert "Who wins where" in page
    assert "compared/cells/one/run" in page
    assert "follow.js" not in page


def test_figures_that_read_private_texts_are_not_shown(visitor: Visitor) -> None:
    page = visitor.page(visitor.place("internal"))
    assert INTERNAL in page
    assert "Who wins where" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page


@pytest.mark.parametrize("page", ["", "/texts", "/texts?q=script"])
def test_a_corpus_full_of_script_tags_is_text(visitor: Visitor, page: str) -> None:
    shown = visitor.page(visitor.place("hostile") + page)
    found = read_page(_without_void(shown))  # every element is closed where it should be
    assert found.all("script", "img", "iframe", "style", "base", "object") == []
    assert "&lt;" in shown
    assert "\u202e" not in shown
    handlers = [name for each in found.walk() for name in each.attributes if name.startswith("on")]
    assert handlers == []
    for each in found.all("a", "form"):
        where = each.attributes.get("href") or each.attributes.get("action") or ""
        assert where.startswith(("#", f"{visitor.home}/"))


def test_every_hostile_text_has_its_page(visitor: Visitor, shown: Path) -> None:
    for row in map(json.loads, (shown / "hostile/release" / CORPUS).read_text().splitlines()):
        page = visitor.page(f"{visitor.place('hostile')}/texts/{row['id']}")
        assert read_page(_without_void(page)).all("script", "img", "iframe", "style") == []
        assert not any(attack in page for attack in ATTACKS[:6])


@pytest.mark.parametrize(
    "path", ["//attacker.invalid", "http://attacker.invalid", "javascript:alert(1)", '/a" onclick="', ""]
)
def test_a_link_leads_to_pages_of_the_viewer_alone(path: str) -> None:
    with pytest.raises(ValueError, match="only lead to a page of the viewer"):
        link("words", path)


def test_a_link_escapes_its_words_and_its_query() -> None:
    made = link("<b>", address("/home/texts", q="a&b <c>", page=2, none=""))
    assert made == '<a href="/home/texts?q=a%26b+%3Cc%3E&amp;page=2">&lt;b&gt;</a>'
    assert isinstance(made, Html)
