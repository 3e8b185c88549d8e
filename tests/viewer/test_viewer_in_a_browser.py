"""The viewer in a real browser: nothing of a corpus runs or leaves, it is accessible, and it follows a run.

Skipped without Chromium, as the tests of the report are.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.report.browsing import (
    LAPTOP,
    NARROW,
    WIDE,
    browser,
    closed,
    pytestmark,
    require_no_barrier,
    resize,
)
from tests.storage.stepped import SteppedWriter
from tests.viewer.conftest import MARKER, Visitor, viewing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Lab

    from rpsg.viewer.server import Viewer

__all__ = ["browser", "pytestmark"]

#: Each kind of page by the run, release or comparison that it is about, and the rest of its path.
PAGES = {
    "list": ("", "/"),
    "report": ("deep/votes", ""),
    "hostile report": ("hostile", ""),
    "texts": ("floor", "/texts?q=opening&page=2"),
    "hostile texts": ("hostile", "/texts"),
    "text": ("deep/votes", "/texts/{text}"),
    "hostile text": ("hostile", "/texts/{text}"),
    "sides": ("", "/sides?a={one}&b={other}"),
    "comparison": ("compared", ""),
    "unfinished comparison": ("unfinished", ""),
    "internal comparison": ("internal", ""),
    "not there": ("", "/run/none"),
}


def path_of(visitor: Visitor, page: str) -> str:
    """The path of a kind of page below the viewer's home."""
    import json

    name, rest = PAGES[page]
    place = visitor.place(name) if name else ""
    if "{text}" in rest:
        corpus = visitor.viewer.folder / name / "release" / "corpus.jsonl"
        rest = rest.format(text=json.loads(corpus.read_text().splitlines()[-1])["id"])
    elif "{one}" in rest:
        one, other = (visitor.place(each).rpartition("/")[2] for each in ("strict", "hostile"))
        rest = rest.format(one=one, other=other)
    return place + rest


@pytest.fixture
def opened(browser: Any, viewer: Viewer) -> Iterator[Callable[..., Any]]:
    """Opens the printed address and then a page; ``page.seen`` lists what happened that should not."""
    visitor, contexts = Visitor(viewer), []

    def show(name: str, *, width: int = WIDE, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page, seen = context.new_page(), list[str]()
        own = f"http://127.0.0.1:{viewer.port}{visitor.home}/"
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(own) else seen.append(f"request {asked.url}"),
        )
        page.on(
            "console",
            lambda said: None if "404 (Not Found)" in said.text else seen.append(f"console {said.text}"),
        )
        page.on("pageerror", lambda error: seen.append(f"error {error}"))
        page.on("dialog", lambda dialog: closed(dialog, seen))
        page.on("popup", lambda _: seen.append("popup"))
        page.goto(viewer.address)
        assert page.url == own
        page.goto(own.removesuffix("/") + path_of(visitor, name))
        page.seen = seen
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_and_nothing_leaves(opened: Callable[..., Any], name: str) -> None:
    page = opened(name)
    where = page.url
    for details in page.query_selector_all("summary"):
        details.click()
    page.wait_for_load_state("networkidle")
    assert page.seen == []
    assert page.url == where
    assert page.title() != "taken"
    assert MARKER not in page.content()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_barrier_and_nothing_has_to_be_scrolled_sideways(
    opened: Callable[..., Any], name: str
) -> None:
    page = opened(name)
    require_no_barrier(page, ("light", WIDE), ("dark", NARROW))
    for width in (NARROW, LAPTOP["width"]):
        resize(page, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


LOW = """() => [...document.querySelectorAll('nav.viewer a, .list a')]
  .map(link => link.getBoundingClientRect())
  .filter(place => place.width && (place.width < 24 || place.height < 24)).length"""


def test_links_are_large_enough_for_a_finger(opened: Callable[..., Any]) -> None:
    for name in ("list", "texts"):
        page = opened(name, width=NARROW, has_touch=True)
        assert page.query_selector_all("nav.viewer a")
        assert page.evaluate(LOW) == 0


SMUGGLED = """() => {
  const script = document.createElement('script');
  script.append("document.title = 'taken'");
  const picture = document.createElement('img');
  picture.src = 'http://127.0.0.1:1/a.png';
  document.body.append(script, picture);
  try {
    document.body.innerHTML = '<p>x</p>';
    return 'written';
  } catch {
    return 'refused';
  }
}"""


def test_the_policy_stops_what_the_escaping_might_miss(opened: Callable[..., Any]) -> None:
    page = opened("report")
    assert page.evaluate(SMUGGLED) == "refused"
    assert page.title() == "deep/votes: report"
    assert any("a.png" in said and "Content Security Policy" in said for said in page.seen)


def test_a_script_cannot_read_the_cookie(opened: Callable[..., Any]) -> None:
    page = opened("list")
    assert page.evaluate("document.cookie") == ""
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_no_page_can_be_put_into_a_frame(opened: Callable[..., Any], browser: Any, viewer: Viewer) -> None:
    page = opened("list")
    frame = page.context.new_page()
    frame.set_content(f'<iframe src="{page.url}"></iframe>')
    frame.wait_for_load_state("networkidle")
    assert not any("Runs and comparisons" in inner.content() for inner in frame.frames[1:])


def test_from_the_list_to_a_text_and_back(opened: Callable[..., Any]) -> None:
    page = opened("list")
    page.get_by_role("link", name="strict", exact=True).click()
    page.get_by_role("heading", level=1, name="20 synthetic texts").wait_for()
    page.get_by_role("link", name="Texts", exact=True).click()
    page.get_by_role("searchbox").fill("re")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("texts with these words").wait_for()
    page.locator(".card a").first.click()
    page.get_by_role("heading", name="How this text was made").wait_for()
    page.get_by_role("link", name="All runs").click()
    page.get_by_role("table", name="Comparisons").wait_for()


def test_two_releases_are_chosen_in_the_list(opened: Callable[..., Any]) -> None:
    page = opened("list")
    page.get_by_label("Release", exact=True).select_option("strict")
    page.get_by_label("and release").select_option("floor")
    page.get_by_role("button", name="Show them side by side").click()
    page.get_by_role("table", name="Figures of both releases").wait_for()
    assert [each.inner_text() for each in page.locator(".sides h2").all()] == ["strict", "floor"]


def test_a_person_at_the_keyboard_reaches_everything(opened: Callable[..., Any]) -> None:
    page = opened("texts")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    places = "[...document.querySelectorAll('a, summary, input, button')]"
    reached = []
    for _ in range(page.evaluate(f"{places}.length")):
        reached.append(page.evaluate(f"{places}.indexOf(document.activeElement)"))
        page.keyboard.press("Tab")
    assert reached == list(range(len(reached)))


def test_a_run_is_followed_live_until_its_report_is_there(browser: Any, lab: Lab) -> None:
    """The page changes by itself: nobody loads it again."""
    writer = SteppedWriter(free=8 + 5)
    run = threading.Thread(
        target=lab.run, args=(lab.plan(lab.file(lab.rows(400))),), kwargs={"writer": writer}
    )
    with viewing(lab.folder) as viewer:
        run.start()
        context = browser.new_context()
        try:
            assert writer.reached.wait(60)
            page = context.new_page()
            page.goto(viewer.address)
            page.get_by_role("link", name="run", exact=True).click()
            progress = page.locator("#progress")
            assert "5 of 60 replies" in progress.inner_text()
            assert page.get_by_role("status").inner_text().startswith("Running.")
            writer.more(7)
            page.get_by_text("12 of 60 replies").wait_for(timeout=15_000)
            writer.open.set()
            page.get_by_role("heading", name="20 synthetic texts").wait_for(timeout=30_000)
            assert page.locator("#progress").count() == 0
        finally:
            writer.open.set()
            run.join()
            context.close()


def test_a_page_says_when_the_viewer_has_ended(browser: Any, lab: Lab) -> None:
    done = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "floor"}))
    (done.path / "release").rename(lab.folder / "moved")
    context = browser.new_context()
    with viewing(lab.folder) as viewer:
        page = context.new_page()
        page.goto(viewer.address)
        page.get_by_role("link", name="run", exact=True).click()
    page.get_by_text("The viewer does not answer any more.").wait_for(timeout=15_000)
    context.close()
