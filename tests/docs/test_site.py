"""The documents as a site: no warning, every page in the navigation, nothing from another host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
#: What a browser loads when it shows a page, apart from links that a reader follows.
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)=\"([^\"]+)\""
    r"|<link\b[^>]*?\bhref=\"([^\"]+)\""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, which was built with every warning an error."""
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason="the tools of the site are in the group docs")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-q", "-E", "-b", "html", "-W", "--keep-going", "-c", "docs"]
    state = ["-d", str(tmp_path_factory.mktemp("doctrees"))]
    done = subprocess.run(
        [*words, *state, ".", str(folder)], cwd=TREE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_navigation_and_in_the_site(site: Path) -> None:
    front = (site / "README.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'<a class="reference internal" href="([^"#]+)">', front))
    pages = [*TREE.glob("docs/*.md"), *TREE.glob("examples/**/README.md")]
    names = {page.relative_to(TREE).with_suffix(".html").as_posix() for page in pages}
    assert names | {"CHANGELOG.html", "CONTRIBUTING.html"} <= shown
    assert all((site / name).is_file() for name in names)
    assert (site / "index.html").read_text(encoding="utf-8").count("README.html") == 2


@pytest.mark.slow
def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 35
    loaded = {
        (page, target)
        for page in pages
        for groups in LOADED.findall(page.read_text(encoding="utf-8"))
        for target in filter(None, groups)
    }
    assert len(loaded) > 100
    assert [name for _, name in loaded if re.match(r"(?:https?:)?//", name)] == []
    missing = [
        (page.name, name)
        for page, name in loaded
        if not name.startswith("data:") and not (page.parent / re.sub(r"[?#].*", "", name)).exists()
    ]
    assert missing == []
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), (
            style
        )


@pytest.mark.slow
def test_words_are_shown_as_they_are_written(site: Path) -> None:
    """Quotes and dashes stay as they are: some are typed, and others are part of a value."""
    assert "A,&quot;B, C&quot;" in (site / "docs" / "settings.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_links_out_of_the_pages_lead_to_files_of_the_site(site: Path) -> None:
    """To sources and notebooks, which the site has as downloads, so that it needs no code host."""
    page = (site / "docs" / "strict-mode.html").read_text(encoding="utf-8")
    found = re.findall(r'href="([^"]+/strict\.py)"', page)
    assert found
    assert all((site / "docs" / name).is_file() for name in found)
