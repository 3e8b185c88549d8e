"""A report as its readers meet it: sound for those who see it, hear it, print it, or distrust it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.report.conftest import ATTACKS, changed, read_page

from rpsg.measures import Line, Measure, Report
from rpsg.privacy.claims import claim_text
from rpsg.records import Pool
from rpsg.report.html import power
from rpsg.report.page import report
from rpsg.report.private_page import PrivateExtras
from rpsg.report.summary import card, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.report.conftest import Element

    from rpsg.release.reader import Release

    Releases = Callable[[str], Release]

RUNS = ["strict", "labels", "floor", "paper", "split", "hostile"]
SCORES = Report(
    (
        Line(
            "mauve",
            Measure("mauve", 0.5, (0.4, 0.6), 20, 90, "an <embedder>", 3, higher_is_better=True),
            Measure("mauve", 0.1, (0.05, 0.15), 20, 90),
            Measure("mauve", 0.9, (0.85, 0.95), 20, 90),
        ),
        Line("fid", Measure("fid", None, reason="Too <few> texts.")),
        Line(
            "distinct_3",
            Measure("distinct_3", 0.9, (0.8, 1.0), 20),
            Measure("distinct_3", 0.9, (0.8, 1.0), 20),
            Measure("distinct_3", 0.9, (0.8, 1.0), 20),
        ),
    ),
    20,
    987_654,
    {"corpus": 20},
    "by person",
    "an <embedder>",
    0,
    ("A <note>.",),
)


def private(rows: int = 30) -> PrivateExtras:
    cloud = np.random.default_rng(0).standard_normal((rows, 8)).astype(np.float32)
    return PrivateExtras(SCORES, {"reading <texts>": 3.5, "voting": 0.5}, cloud, cloud[:10] + 0.5)


def pages(release_of: Releases, name: str) -> list[str]:
    release = release_of(name)
    return [report(release), report(release, SCORES, private())]


@pytest.mark.parametrize("name", RUNS)
def test_every_page_is_sound(release_of: Releases, name: str) -> None:
    for page in pages(release_of, name):
        tree = read_page(page.removeprefix("<!DOCTYPE html>\n"))
        check_it_is_inert(tree)
        check_names(tree)
        check_headings(tree)
        check_tables(tree)
        check_pictures(tree)


def check_it_is_inert(tree: Element) -> None:
    assert not tree.all(
        "script", "img", "iframe", "object", "embed", "link", "form", "input", "base", "audio"
    )
    for element in tree.walk():
        assert not any(name.startswith("on") or name in {"style", "src"} for name in element.attributes)
        if "href" in element.attributes:
            assert element.attributes["href"].startswith("#")
    assert len(tree.all("style")) == 1
    assert "url(" not in tree.one("style").text
    assert "@import" not in tree.one("style").text


def check_names(tree: Element) -> None:
    names = [e.attributes["id"] for e in tree.walk() if "id" in e.attributes]
    assert len(names) == len(set(names))
    meant = [e.attributes["href"].removeprefix("#") for e in tree.all("a")]
    meant += [n for e in tree.walk() for n in e.attributes.get("aria-labelledby", "").split()]
    assert set(meant) <= set(names)
    assert tree.one("html").attributes["lang"] == "en"
    assert len(tree.all("main")) == len(tree.all("header")) == len(tree.all("footer")) == 1


def check_headings(tree: Element) -> None:
    levels = [int(e.name[1]) for e in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all(e.text.strip() for e in tree.all("h1", "h2", "h3"))


def check_tables(tree: Element) -> None:
    for table in tree.all("table"):
        assert table.one("caption").text.strip()
        wide = len(table.one("thead").all("th"))
        assert all(h.attributes["scope"] == "col" for h in table.one("thead").all("th"))
        for row in table.one("tbody").all("tr"):
            head, *cells = row.all("th", "td")
            assert head.attributes["scope"] == "row"
            assert len(cells) == wide - 1
            assert all(cell.attributes["data-label"] for cell in cells)


def check_pictures(tree: Element) -> None:
    for svg in tree.all("svg"):
        if svg.attributes.get("role") == "img":
            assert len(svg.one("title").text) > 10
            assert len(svg.one("desc").text) > 40
            figure = svg.parent
            assert figure is not None
            assert figure.name == "figure"
            assert figure.all("table"), "a picture without its figures"
        else:
            assert svg.attributes["aria-hidden"] == "true"


def test_three_readers_each_find_their_answer_and_their_part(release_of: Releases) -> None:
    short = section(read_page(report(release_of("strict"))), "short")
    assert [h.text for h in short.all("h3")] == [
        "What is claimed",
        "What the private data added",
        "What it cost",
    ]
    assert [a.attributes["href"] for a in short.all("a")] == ["#claim", "#texts", "#making"]
    assert "Texts released: 20." in short.text


def section(tree: Element, name: str) -> Element:
    return next(e for e in tree.all("section", "nav") if e.attributes.get("id") == name)


def test_the_claim_is_told_word_for_word(release_of: Releases) -> None:
    for name in ("strict", "split", "floor", "paper"):
        release = release_of(name)
        assert release.claim["text"] in section(read_page(report(release)), "claim").text


@pytest.mark.parametrize("name", ["floor", "paper"])
def test_where_nothing_is_promised_no_epsilon_is_printed(release_of: Releases, name: str) -> None:
    for page in pages(release_of, name):
        words = read_page(page).one("body").text
        assert not re.search("ε|δ|epsilon|delta|budget (?!covers that)", words, re.IGNORECASE)
        assert "privacy.shares" not in words


def test_split_mode_says_at_once_who_is_not_protected(release_of: Releases) -> None:
    first = section(read_page(report(release_of("split"))), "facts")
    assert "The texts of seed donors are not." in first.text


def test_a_seeded_release_tells_no_number_that_was_made_from_private_texts(release_of: Releases) -> None:
    for name in ("paper", "split"):
        release = release_of(name)
        assert release.calls is None
        assert not release.is_whole
        words = read_page(report(release)).text
        assert "does not say what became of the drafts" in words
        assert "None is a record of a person" not in words


def test_best_attacks_are_never_rounded_down(release_of: Releases) -> None:
    release = release_of("strict")
    words = section(read_page(report(release)), "claim").text
    auc = float(next(iter(re.findall(r"at most ([\d.]+)\u00a0% of cases", words))))
    assert 100 * release.claim["attack"]["auc"] <= auc < 100 * release.claim["attack"]["auc"] + 0.1


#: The nearest figures of six digits lie below each of these.
EPSILON, DELTA = 1.0000004, 1.0917724e-5


def test_no_epsilon_or_delta_is_ever_told_below_the_claim(release_of: Releases) -> None:
    """Wherever the page, the summary or the card says one, in whatever words, it is the claim's or more."""
    release = claiming(release_of("strict"), EPSILON, DELTA)
    page = read_page(report(release))
    first, claim = section(page, "facts").text, section(page, "claim").text
    assert "ε = 1.0000004, δ = 1.0917724e-05" in first
    assert "ε = 1.0000004, spent on" in section(page, "short").text
    for words in (first, section(page, "short").text, claim, summary(release), card(release)):
        assert all(float(said) >= EPSILON for said in re.findall(r"(?:ε =|epsilon) ([\d.]+\d)", words))
        assert all(float(said) >= DELTA for said in re.findall(r"\d\.\d+e-05", words))
    assert claim.count("1.0917724e-05") == 2, "in the sentence, and for one person replaced by another"
    assert "1.1e-05" in claim, "groups: two digits"
    assert "epsilon 1.0000004, delta 1.0917724e-05" in summary(release)
    assert "epsilon 1.0000004, delta 1.0917724e-05" in card(release)


def test_the_delta_of_a_group_is_a_power_of_ten_and_not_a_number_of_computers(
    release_of: Releases,
) -> None:
    page = read_page(report(claiming(release_of("strict"), 2.0, 1.234e-6)))
    assert "1.3 × 10⁻⁶" in page.text.replace("\u00a0", " ")  # noqa: RUF001  # the sign that is meant


def claiming(release: Release, epsilon: float, delta: float) -> Release:
    """The release with a claim of these figures; its sentence is made anew."""
    ledger = release.ledger
    groups = dict.fromkeys(ledger["claim"]["delta_group"], delta)
    claim = {**ledger["claim"], "epsilon": epsilon, "delta": delta, "delta_group": groups}
    claim["text"] = claim_text(claim, ledger["privacy_unit"])
    return changed(release, ledger={**ledger, "claim": claim})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1e-6, "10⁻⁶"),
        (9.999999e-7, "1e-06"),
        (1.0000000000000002e-6, "1.0000000000000002e-06"),
        (0.5, "0.5"),
        (0.0, "0"),
    ],
)
def test_a_small_number_is_said_short_only_where_that_is_not_less(value: float, said: str) -> None:
    assert power(value) == said


def test_every_drop_and_every_release_is_counted(release_of: Releases) -> None:
    release = release_of("strict")
    table = next(t for t in read_page(report(release)).all("table") if "What became of the drafts" in t.text)
    counts = [int(re.findall(r"\d+", row.all("td")[-1].text)[0]) for row in table.one("tbody").all("tr")]
    assert sum(counts) == len(release.pool)
    assert counts[-1] == len(release.texts) == 20


def rows_of(tree: Element, caption: str) -> list[list[str]]:
    table = next(t for t in tree.all("table") if t.one("caption").text == caption)
    return [[cell.text for cell in row.all("th", "td")] for row in table.one("tbody").all("tr")]


@pytest.mark.parametrize("name", RUNS)
def test_the_public_page_shows_how_long_the_texts_are(release_of: Releases, name: str) -> None:
    release = release_of(name)
    tree = section(read_page(report(release)), "texts")
    words = [len(text.text.split()) for text in release.texts]
    rows = rows_of(tree, "Words per synthetic text")
    for said, texts, share in rows:
        first, last = int(said.split(" to ")[0]), int(said.split(" to ")[-1])
        assert int(texts) == sum(first <= n <= last for n in words)
        assert share == f"{100 * int(texts) / len(words):.1f}\u00a0%"
    assert sum(int(texts) for _, texts, _ in rows) == len(words)
    bars = picture_of(tree, "Words per synthetic text").all("rect")
    heights = [float(bar.attributes["height"]) for bar in bars]
    counts = [int(texts) for _, texts, _ in rows]
    assert heights == pytest.approx([n * max(heights) / max(counts) for n in counts], abs=0.02)


@pytest.mark.parametrize("name", ["strict", "floor", "split"])
def test_the_public_page_shows_which_sentiment_the_texts_stand_with(release_of: Releases, name: str) -> None:
    release = release_of(name)
    tree = section(read_page(report(release)), "texts")
    have = [text.card.values["sentiment"] for text in release.texts]
    rows = rows_of(tree, "Synthetic texts by sentiment")
    assert [row[:2] for row in rows] == [
        [value, str(have.count(value))] for value in ("positive", "mixed", "negative")
    ]
    assert len(picture_of(tree, "Synthetic texts by sentiment").all("rect")) == 3
    said = (
        "of the private text that a text was made from"
        if release.is_seeded
        else "that the prompt of a text asked for"
    )
    assert f"The sentiment {said}. The sentiment of the text itself was not measured" in tree.text


def test_a_corpus_without_texts_has_no_picture_of_them(release_of: Releases) -> None:
    release = release_of("floor")
    empty = changed(release, pool=Pool(()), coverage=())
    assert not section(read_page(report(empty)), "texts").all("svg")


def picture_of(tree: Element, title: str) -> Element:
    return next(e for e in tree.all("svg") if e.all("title") and e.one("title").text == title)


def test_texts_of_attackers_are_shown_as_text(release_of: Releases) -> None:
    release = release_of("hostile")
    tree = read_page(report(release))
    assert "<script>document.title" in tree.text
    assert "<b>writer</b>" in tree.text
    assert "\u202e" not in tree.text
    assert any(ATTACKS[9] in text.text for text in release.texts)


def test_a_public_page_holds_nothing_of_an_evaluation_that_read_real_texts(release_of: Releases) -> None:
    release = release_of("strict")
    assert report(release, SCORES) == report(release)


def test_an_evaluation_without_real_texts_is_public(release_of: Releases) -> None:
    open_scores = Report(
        (Line("self_bleu", Measure("self_bleu", 0.25, None, 20)),), 20, None, {"corpus": 20}, "", "none", 0
    )
    words = section(read_page(report(release_of("strict"), open_scores)), "scores").text
    assert "self BLEU" in words
    assert "0.25" in words
    assert "so no question has an answer here" in words
    assert "Unclear" not in words


def test_a_private_page_says_so_on_top_in_its_title_and_on_paper(release_of: Releases) -> None:
    tree = read_page(report(release_of("strict"), SCORES, private()))
    assert tree.one("header").text.startswith("PRIVATE: never share this page.")
    assert tree.one("head").one("title").text.startswith("PRIVATE: ")
    assert 'content: "PRIVATE"' in tree.one("style").text
    public = report(release_of("strict"))
    assert "PRIVATE" not in public
    assert "987,654" not in public


def test_metrics_stand_between_floor_and_ceiling_or_say_why_not(release_of: Releases) -> None:
    tree = read_page(report(release_of("strict"), SCORES, private()))
    near = rows_of(tree, "Does it read like real texts? Measures")
    assert near == [
        [
            "MAUVE higher is better",
            *("0.5 0.4 to 0.6", "0.1 0.05 to 0.15", "0.9 0.85 to 0.95", "50\u00a0%"),
        ]
    ]
    folded = rows_of(tree, "Is it varied? Uninformative measures")
    assert "uninformative here" in folded[0][-1]
    assert "FID: Too <few> texts." in section(tree, "private").text


def test_each_question_has_an_answer_and_what_cannot_tell_is_folded(release_of: Releases) -> None:
    tree = section(read_page(report(release_of("strict"), SCORES, private())), "private")
    questions = [e for e in tree.all("div") if e.attributes.get("class") == "question"]
    assert [q.one("h4").text for q in questions] == ["Does it read like real texts?", "Is it varied?"]
    said = [next(p for p in q.all("p") if p.attributes.get("class") == "verdict").text for q in questions]
    assert said[0].startswith("Half-way. 50\u00a0% of the way from texts made without private data")
    assert said[1].startswith("Unclear. ")
    assert "FID" in questions[0].one("details").text
    assert "distinct 3" in questions[1].one("details").text


def test_what_the_corpus_reaches_is_drawn_or_it_says_why_not(release_of: Releases) -> None:
    release = release_of("strict")
    drawn = section(read_page(report(release, None, private())), "private")
    assert picture_of(drawn, "How near the corpus comes to each real text")
    page = report(release, None, PrivateExtras(no_picture="There is no picture: nobody <drew> it."))
    assert "There is no picture: nobody <drew> it." in section(read_page(page), "private").text


def test_a_report_is_a_function_of_the_release_alone(release_of: Releases) -> None:
    assert report(release_of("labels")) == report(release_of("labels"))


def test_the_page_in_a_release_has_no_day_and_one_made_later_has(release_of: Releases) -> None:
    release = release_of("strict")
    assert "The page inside a release has no date" in section(read_page(report(release)), "facts").text
    page = report(release, day="29 November 2026")
    assert "Page made on 29 November 2026." in section(read_page(page), "facts").text


def test_labels_have_their_coverage(release_of: Releases) -> None:
    names = {covered.attribute for covered in release_of("labels").coverage}
    assert names == {"topic", "sentiment", "length", "label"}
