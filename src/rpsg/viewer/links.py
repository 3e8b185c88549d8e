"""Links between pages of the viewer. ``rpsg.display`` allows only links within one page."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from rpsg.display import Html, joined

if TYPE_CHECKING:
    from rpsg.display import Child

#: A path of this server, without host or scheme, and without characters that end an attribute.
_PATH = re.compile(r"/(?!/)[A-Za-z0-9_/.~-]*(?:\?[A-Za-z0-9_.~&=%+-]*)?")


def address(path: str, **values: str | int) -> str:
    """The path with these values as its query; those that are empty are left out."""
    query = urlencode({name: value for name, value in values.items() if value != ""})
    return f"{path}?{query}" if query else path


def link(words: Child, path: str, *, current: bool = False) -> Html:
    """A link to another page of the viewer; ValueError for an address that leads out of it."""
    if not _PATH.fullmatch(path):
        raise ValueError("a link may only lead to a page of the viewer")
    here = ' aria-current="page"' if current else ""
    return Html(f'<a href="{html.escape(path)}"{here}>{joined(words)}</a>')
