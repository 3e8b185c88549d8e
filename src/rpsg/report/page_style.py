"""The style of all pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def page_style(*, is_private: bool) -> str:
    """The style of a page. When a private page is printed, every sheet says that it is private."""
    style = _read("style.css")
    if not is_private:
        return style
    return f'{style}{_read("private.css")}@page {{ @top-center {{ content: "PRIVATE"; color: #a40e26; }} }}\n'


@cache
def first_style() -> str:
    """The style of pages in the first form. It never changes: those pages are compared byte for byte."""
    return _read("style-0.1.css")


def _read(name: str) -> str:
    return files("rpsg.report").joinpath(name).read_text(encoding="utf-8")
