"""The documentation as a site: ``make docs``. The pages are the Markdown files, as a code host shows them.

The source folder is the whole checkout, so that links between pages, to the front page, to examples and to
files of the sources lead to the same places in the site and on a code host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

#: All pages after the front page, in the order in which somebody new reads them. Sphinx warns of one that is
#: missing here.
NAVIGATION = {
    "Start": ("docs/index", "docs/getting-started", "docs/models", "examples/README"),
    "Guides": (
        *("docs/clinical-csv", "docs/dialogues", "docs/tickets", "docs/gateway", "docs/container"),
        *("docs/languages", "docs/shards", "docs/domain-packs", "docs/servers", "docs/ray", "docs/limits"),
        "docs/viewer",
        *("docs/evaluation", "docs/audit", "docs/comparison-files", "docs/extending"),
        *("examples/health/README", "examples/finance/README", "examples/social_science/README"),
        *("examples/compare/README", "examples/paper/README"),
    ),
    "Reference": ("docs/cli", "docs/settings", "docs/api", "CHANGELOG", "CONTRIBUTING"),
    "For privacy officers": ("docs/privacy-claim", "docs/report", "docs/strict-mode"),
    "Evidence": ("docs/texts", "docs/benchmarks", "docs/scale", "docs/comparison"),
    "Other methods": (*("docs/paper", "docs/augpe", "docs/private-prediction", "docs/dpsgd", "docs/rupta"),),
}

project = "RPSG"
language = "en"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [f"{page}.md" for page in (root_doc, *(p for pages in NAVIGATION.values() for p in pages))]
include_patterns += ["docs/*.md", "examples/**/README.md"]
exclude_patterns = [".*", "build", "dist", "runs", "demo-run*", "src", "tests", "benchmarks"]

#: Headings have the anchors that code hosts give them.
myst_heading_anchors = 6
#: A link is to a page, a heading or a file, and never a guess.
nitpicky = True
#: Quotes and dashes stay as they are written: many are part of something to type.
smartquotes = False
#: Output and tables of figures have no language; a block that claims one is read as it.
highlight_language = "none"

html_theme = "furo"
html_title = "RPSG"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "index.html"}
templates_path = ["templates"]


def _contents() -> str:
    """What the front page gets in the site alone: the navigation, which it does not show itself."""
    blocks = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])
        for caption, pages in NAVIGATION.items()
    ]
    return "\n\n" + "\n\n".join(blocks) + "\n"


def setup(app: Sphinx) -> None:
    """Add the navigation to the front page as it is read; a table of commas is shown as plain text."""

    def navigate(_app: Sphinx, page: str, source: list[str]) -> None:
        if page == root_doc:
            source[0] += _contents()

    app.add_lexer("csv", TextLexer)
    app.connect("source-read", navigate)
