"""The style of all pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def page_style(*, is_private: bool) -> str:
    """The style of a page; on paper, every sheet of a private one says what it is.

    Public pages are files of releases, which are made again and compared: their style stays what it is.
    """
    folder = files("rpsg.report")
    style = folder.joinpath("style.css").read_text(encoding="utf-8")
    if not is_private:
        return style
    audit = folder.joinpath("audit.css").read_text(encoding="utf-8")
    return f'{style}{audit}@page {{ @top-center {{ content: "PRIVATE"; color: #a40e26; }} }}\n'
