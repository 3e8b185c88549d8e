"""What tests of pages in a real browser have in common. They are skipped without Chromium.

The packages that drive it, and axe, come with the tools of development; ``.ci/run`` installs Chromium. A
module of such tests imports ``browser`` and ``pytestmark``. Opening a page takes longest, so a test opens it
once for all widths and colours.
"""

from __future__ import annotations

import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
WIDE, NARROW = 1200, 320
LAPTOP = {"width": 1400, "height": 900}
#: The words of pictures that are cut off or that other words cover.
OVERLAPS = """() => [...document.querySelectorAll('svg.figure')].flatMap(svg => {
  const room = svg.getBoundingClientRect();
  const words = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
  const cut = words.filter(([, b]) => b.left < room.left || b.right > room.right || b.bottom > room.bottom);
  // Boxes hold the space above and below the letters too: a sixth of a line and more, each.
  const space = b => 0.3 * Math.min(b.width, b.height);
  const meet = (a, b) => a.left < b.right && b.left < a.right
    && a.top + space(a) < b.bottom && b.top + space(b) < a.bottom;
  const over = words.flatMap((one, i) => words.slice(i + 1).filter(other => meet(one[1], other[1]))
    .map(other => `${one[0]} over ${other[0]}`));
  return [...cut.map(([word]) => `${word} is cut`), ...over];
})"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium-headless-shell)"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright (pip) is not installed")
    with driver.sync_playwright() as play:
        # Without a sandbox of its own where the tests run as root, as they do in containers.
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def closed(dialog: Any, seen: list[str]) -> None:
    seen.append(f"dialog {dialog.message}")
    dialog.dismiss()


def unfold(page: Any) -> None:
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")


def resize(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": LAPTOP["height"]})


def require_no_barrier(page: Any, *looks: tuple[str, int]) -> None:
    """Check that axe finds nothing on the page that keeps somebody out, its folded parts included.

    ``looks`` are colour schemes with widths, in each of which the page is checked.
    """
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python (pip) is not installed")
    unfold(page)
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        resize(page, width)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == [], (scheme, width)
        assert len(found["passes"]) > 15
