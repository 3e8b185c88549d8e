"""Safe HTML: ``tag`` builds an element. And text of others on a terminal: ``printable``.

A ``str`` inside it is text and gets escaped, with invisible and reordering characters written out; only
results of ``tag`` are markup. Whatever could run or load something or lead away (event handlers, style
attributes, addresses outside the page) is refused.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable

VOID = frozenset({"meta", "br", "hr"})
#: Invisible, and needed to write some languages: zero-width joiner and non-joiner.
_JOINERS = frozenset("\u200c\u200d")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class Html(str):
    """Markup that is ready. Made by ``tag`` and ``joined`` alone; anything else is text."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]
Attribute = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """The element ``name`` with these children; ``class_`` and ``aria_label`` are written with hyphens.

    Attributes that are None or False are left out. ValueError for one that could run or load something.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """The children one after another: markup as it is, everything else as text."""
    return Html("".join(_child(child) for child in children))


def isolate(text: str) -> Html:
    """Text of a model, a file or a person as a ``bdi``, whose direction of writing affects nothing else."""
    return tag("bdi", text, dir="auto")


def visible(text: str) -> str:
    """``text`` with invisible and reordering characters written out: \u27e8U+202E\u27e9."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def printable(text: str) -> str:
    """``text`` without what could move, colour, reorder or hide things on a terminal.

    Line feeds and tabs stay; other control characters (C0, C1, ESC), bidirectional controls, invisible
    format characters, line separators and broken characters go.
    """
    if text.isascii() and text.isprintable():
        return text
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in hidden)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return html.escape(visible(str(child)), quote=False)
    return "".join(_child(inner) for inner in child)


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if name.startswith("on") or name in {"style", "src", "srcset", "action", "data", "xlink:href"}:
        raise ValueError(f"the attribute {name} could run or load something")
    if name == "href" and not str(value).startswith("#"):
        raise ValueError("a link may only lead to a place on the page")
    if value is None or value is False:
        return ""
    written = "" if value is True else _number(value) if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(visible(written))}"'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _shown(character: str) -> str:
    if character in "\n\t" or character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"\u27e8U+{ord(character):04X}\u27e9"
