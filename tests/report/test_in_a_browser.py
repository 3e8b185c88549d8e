"""The report in a real browser: nothing runs, nothing leaves, nothing is cut off, and it is accessible.

Skipped without Chromium (``browsing.py``). Everything that can be checked without a browser is checked in the
other files.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.test_compare_page import everything
from tests.report.browsing import (
    LAPTOP,
    NARROW,
    OVERLAPS,
    WIDE,
    browser,
    closed,
    pytestmark,
    require_no_barrier,
    resize,
    unfold,
)
from tests.report.conftest import changed
from tests.report.test_page import SCORES, private

from rpsg.audit import audit
from rpsg.evaluation.metrics import METRICS
from rpsg.measures import Line, Measure, Report
from rpsg.release.coverage import Coverage, Noisy, Value
from rpsg.report.audit_page import audit_page
from rpsg.report.page import report
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rpsg.release.reader import Release

__all__ = ["browser", "pytestmark"]

PAGES = ("strict", "labels", "floor", "paper", "hostile", "private")
#: A page as it should be, one without a claim, one with everything, hostile texts in it, and other pages.
KINDS = ("strict", "paper", "private", "measured", "audit", "comparison")


@pytest.fixture(scope="module")
def files(release_of: Callable[[str], Release], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as files; the private one is of the hostile run."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    pages = {name: report(release_of(name)) for name in PAGES if name != "private"}
    pages["private"] = report(release_of("hostile"), SCORES, private())
    pages["folded"] = report(changed(release_of("strict"), coverage=(of_many_values(),)))
    pages["measured"] = report(release_of("strict"), None, replace(private(), scores=measured()))
    pages["audit"] = audit_page(an_audit())
    pages["comparison"] = everything()
    for name, page in pages.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(page, encoding="utf-8")
    return written


def measured() -> Report:
    """Every metric, with figures of many digits and what models are called."""
    lines = []
    for i, name in enumerate(METRICS):
        low, high = (0.00663, 0.00794) if i % 2 else (1234.5, 1789.25)
        values = ((low + high) / 2 if i % 3 else high, low, high)
        model = "logistic regression (C = 10) on hashed words, static:static-20c745c8edc7@2590511900e7"
        parts = (
            Measure(name, v, (v * 0.96, v * 1.04), 300, 300, model, 0, higher_is_better=True) for v in values
        )
        lines.append(Line(name, *parts))
    return Report(tuple(lines), 300, 300, {"corpus": 300}, "by row", "an embedder", 0)


def an_audit() -> str:
    """What an audit found that had something to find, as JSON."""
    members, held = texts(100, 1), texts(100, 5)
    corpus = [*texts(120, 7), *members[:20]]
    found = audit(corpus, members, held, epsilon=1, delta=1e-6, attacks=("near-copies", "copies", "refer"))
    return found.to_json(with_matches=True)


def of_many_values() -> Coverage:
    """More values than are shown at once: the rest are folded."""
    return Coverage(
        "topic", tuple(Value(f"topic {i}", Noisy(40 - i, 5.0), 1) for i in range(20)), measured=False
    )


@pytest.fixture
def opened(browser: Any, files: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    """Opens a page; ``page.seen`` lists what it asked for, said, or complained of."""
    contexts = []

    def show(name: str, *, width: int = WIDE, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page, seen = context.new_page(), []
        page.on("request", lambda asked: seen.append(f"request {asked.url}"))
        page.on("console", lambda said: seen.append(f"console {said.text}"))
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.on("dialog", lambda dialog: closed(dialog, seen))
        page.on("popup", lambda _: seen.append("popup"))
        page.goto(files[name].as_uri())
        page.seen = seen
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_and_nothing_leaves(
    opened: Callable[..., Any], files: dict[str, Path], name: str
) -> None:
    page = opened(name)
    for details in page.query_selector_all("summary"):
        details.click()
    page.wait_for_load_state("networkidle")
    assert page.seen == [f"request {files[name].as_uri()}"]
    assert page.title().endswith("synthetic texts")
    assert page.url == files[name].as_uri()


SMUGGLED = """port => {
  const script = document.createElement('script');
  script.textContent = "document.title = 'taken'";
  const picture = document.createElement('img');
  picture.src = `http://127.0.0.1:${port}/a.png`;
  const holder = document.createElement('div');
  holder.innerHTML = '<p style="color: red" id="coloured">x</p>';
  document.body.append(script, picture, holder);
}"""


def test_the_policy_stops_what_the_escaping_might_miss(opened: Callable[..., Any]) -> None:
    """Markup that got through all the same: its script, picture and style are refused, nobody is called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003  # the socket's own signature
        page = opened("strict")
        page.evaluate(SMUGGLED, listener.getsockname()[1])
        assert page.title() == "20 synthetic texts"
        assert page.evaluate("getComputedStyle(coloured).color") != "rgb(255, 0, 0)"
        refused = [said for said in page.seen if "Content Security Policy" in said]
        assert len(refused) >= 3
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_no_barrier_and_nothing_has_to_be_scrolled_sideways(
    opened: Callable[..., Any], name: str
) -> None:
    page = opened(name)
    require_no_barrier(page, ("light", WIDE), ("dark", NARROW), ("dark", WIDE))
    for width in (NARROW, 500, 720, WIDE):
        resize(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            """width => [...document.querySelectorAll('main *')]
              .filter(e => !e.closest('thead') && !e.closest('svg'))
              .filter(e => e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 80))""",
            width,
        )
        assert outside == []


def test_dark_is_dark_and_paper_is_white(opened: Callable[..., Any]) -> None:
    page = opened("strict", color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 23, 27)"
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.answer > p:last-child')).display") == "none"
    )


UNFOLDED = """() => [...document.querySelectorAll('details')].filter(e => !e.closest('figure'))
  .map(e => [e.open, e.getBoundingClientRect().height])"""


def test_the_shade_of_the_noise_does_not_hide_the_bar_below_it(opened: Callable[..., Any]) -> None:
    page = opened("strict")
    shades = page.evaluate(
        "[...document.querySelectorAll('.bar + .band')].map(e => Number(getComputedStyle(e).fillOpacity))"
    )
    assert shades
    assert max(shades) < 0.5


def test_on_a_phone_empty_cells_take_no_line_and_long_texts_the_whole_width(
    opened: Callable[..., Any],
) -> None:
    page = opened("comparison", width=390)
    empty = "[...document.querySelectorAll('td')].filter(e => !e.textContent && !e.querySelector('svg'))"
    assert page.evaluate(f"{empty}.length") > 0
    assert page.evaluate(f"{empty}.filter(e => getComputedStyle(e).display !== 'none').length") == 0
    page = opened("audit", width=390)
    widths = page.evaluate(
        "[...document.querySelectorAll('td[data-label$=\" text\"]')]"
        ".map(e => [getComputedStyle(e).display, e.getBoundingClientRect().width])"
    )
    assert all(display == "block" and width > 300 for display, width in widths)


def test_what_is_folded_is_printed(opened: Callable[..., Any]) -> None:
    """All but the tables of pictures, which say again what is drawn, and nobody had to unfold it."""
    page = opened("folded", width=WIDE)
    on_screen = page.evaluate(UNFOLDED)
    assert on_screen, "nothing is folded on this page"
    page.emulate_media(media="print")
    on_paper = page.evaluate(UNFOLDED)
    assert not any(is_open for is_open, _ in (*on_screen, *on_paper))
    for (_, folded), (_, printed) in zip(on_screen, on_paper, strict=True):
        assert printed > 3 * folded
    for table in page.query_selector_all(".block > details table"):
        assert table.is_visible()
    assert not page.locator("figure details").first.is_visible()
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")


#: What of a question is wider than its card.
WIDER = """[...document.querySelectorAll('.question')].flatMap(card => {
  const edge = card.getBoundingClientRect().right;
  return [...card.querySelectorAll('*')].filter(e => !e.closest('thead, caption'))
    .filter(e => e.getBoundingClientRect().right > edge || e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    .map(e => e.outerHTML.slice(0, 80));
})"""


def test_nothing_of_a_question_is_wider_than_its_card(opened: Callable[..., Any]) -> None:
    page = opened("measured")
    unfold(page)
    for width in (NARROW, 720, WIDE, 1400):
        resize(page, width)
        assert page.evaluate(WIDER) == []


PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("name", ["strict", "floor", "paper"])
@pytest.mark.parametrize("screen", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_texts_quality_and_claim_are_on_the_first_screen(
    opened: Callable[..., Any], name: str, screen: dict[str, int]
) -> None:
    page = opened(name, width=screen["width"])
    page.set_viewport_size(screen)
    bottoms = page.evaluate(
        "[...document.querySelectorAll('.samples li, .quality, .promise strong')]"
        ".map(e => e.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) == 3 + 1 + 1
    assert max(bottoms) <= screen["height"]


@pytest.mark.parametrize("name", ["strict", "labels", "paper"])
@pytest.mark.parametrize("width", [NARROW, 500, WIDE])
def test_no_word_of_a_picture_is_cut_or_lies_on_another(
    opened: Callable[..., Any], name: str, width: int
) -> None:
    page = opened(name, width=width)
    assert page.locator("svg.figure").count() >= 2
    assert page.evaluate(OVERLAPS) == []


def test_a_person_at_the_keyboard_reaches_everything(opened: Callable[..., Any]) -> None:
    page = opened("strict")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the report"
    box = page.evaluate("document.activeElement.getBoundingClientRect().left")
    assert box >= 0, "the first link is not shown when it has the focus"
    places = "[...document.querySelectorAll('a, summary')]"
    reached = []
    for _ in range(page.evaluate(f"{places}.length")):
        reached.append(page.evaluate(f"{places}.indexOf(document.activeElement)"))
        page.keyboard.press("Tab")
    assert reached == list(range(len(reached)))
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('details').open")


def test_words_of_others_keep_their_direction_to_themselves(opened: Callable[..., Any]) -> None:
    """A line after a text that runs from right to left stands where it would stand without it."""
    page = opened("hostile")
    directions = page.evaluate(
        "[...document.querySelectorAll('bdi')].map(e => getComputedStyle(e).unicodeBidi)"
    )
    assert directions
    assert set(directions) <= {"isolate", "plaintext", "isolate-override"}


def test_a_screen_reader_hears_tables_also_on_a_narrow_screen(opened: Callable[..., Any]) -> None:
    page = opened("strict", width=NARROW)
    tables = page.get_by_role("table")
    assert tables.count() >= 5
    assert page.get_by_role("table", name="Noisy answers").get_by_role("columnheader").count() == 4
    assert page.get_by_role("img", name="The best possible attack").count() == 1
    assert page.get_by_role("img", name="Words per synthetic text").count() == 1
    page.locator("figure", has=page.get_by_role("img", name="Words per synthetic")).get_by_text(
        "table"
    ).click()
    lengths = page.get_by_role("table", name="Words per synthetic text")
    assert lengths.get_by_role("columnheader").all_text_contents() == ["words", "synthetic texts", "share"]
