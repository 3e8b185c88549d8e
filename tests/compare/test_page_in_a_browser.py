"""The page of a comparison in a real browser: nothing runs, nothing leaves, nothing is cut off.

Skipped without Chromium and playwright, as the tests of the report are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.test_compare_page import HOSTILE, everything
from tests.report.browsing import NARROW, OVERLAPS, WIDE, browser, pytestmark, require_no_barrier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["browser", "pytestmark"]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:  # the fixture of that name
    """Opens a page of everything; ``page.seen`` lists what it asked for, said, or complained of."""
    contexts = []

    def show(name: str = "ours", *, width: int = WIDE, **settings: Any) -> Any:
        file = tmp_path / "page.html"
        file.write_text(everything(name), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page, seen = context.new_page(), []
        page.on("request", lambda asked: seen.append(f"request {asked.url}"))
        page.on("console", lambda said: seen.append(f"console {said.text}"))
        page.on("dialog", lambda dialog: seen.append("dialog"))
        page.goto(file.as_uri())
        page.seen = seen
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        return page

    yield show
    for context in contexts:
        context.close()


def test_a_hostile_name_runs_nothing_and_calls_nobody(opened: Callable[..., Any]) -> None:
    page = opened(HOSTILE)
    page.wait_for_load_state("networkidle")
    assert page.seen == [f"request {page.url}"]


@pytest.mark.parametrize("width", [NARROW, 720, WIDE])
def test_nothing_has_to_be_scrolled_sideways(opened: Callable[..., Any], width: int) -> None:
    assert opened(width=width).evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_no_word_of_a_chart_is_cut_or_lies_on_another(opened: Callable[..., Any], width: int) -> None:
    page = opened(width=width)
    assert page.locator("svg.figure").count() >= 8
    assert page.evaluate(OVERLAPS) == []


def test_dark_is_dark_and_paper_is_white(opened: Callable[..., Any]) -> None:
    page = opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 23, 27)"
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(opened: Callable[..., Any], scheme: str) -> None:
    require_no_barrier(opened(color_scheme=scheme))
