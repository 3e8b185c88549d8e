"""Fills the templates. Values that are not ready markup are treated as text, also in attributes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rpsg.compare.page import chart_style
from rpsg.display import Html, isolate, visible
from rpsg.errors import needed
from rpsg.report.page_style import page_style
from rpsg.version import VERSION
from rpsg.viewer.links import address

if TYPE_CHECKING:
    from collections.abc import Callable


def render(template: str, **values: object) -> str:
    """The page of a template, with these values in it.

    Results of ``rpsg.display`` are markup, everything else is escaped, with invisible and reordering
    characters written out. It is an error if the template lacks a value that it needs.
    """
    return str(_environment().get_template(template).render(version=VERSION, **values))


def style() -> str:
    """The style of all pages: the styles of the report and of comparisons, and a few lines for the viewer."""
    return page_style(is_private=False) + chart_style() + _read("viewer.css")


def script() -> str:
    """The only script: it keeps the progress of a run up to date."""
    return _read("follow.js")


@cache
def _environment() -> Any:
    with needed("view", "jinja2"):
        from jinja2 import Environment, FunctionLoader, StrictUndefined
        from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(lambda name: _read(f"templates/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown_as(Markup),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["isolate"] = isolate
    environment.globals["address"] = address
    return environment


def _shown_as(markup: Callable[[str], Any]) -> Callable[[Any], Any]:
    def shown(value: Any) -> Any:
        if isinstance(value, Html):
            return markup(value)
        # Only markup that the template made itself has this method, never other text.
        return value if hasattr(value, "__html__") else visible("" if value is None else str(value))

    return shown


def _read(name: str) -> str:
    return files("rpsg.viewer").joinpath(name).read_text(encoding="utf-8")
