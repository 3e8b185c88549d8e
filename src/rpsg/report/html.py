"""Safe HTML, and the elements of pages: sections, tables, lists, formatted numbers.

``tag`` builds an element. A ``str`` inside it is text and gets escaped, with invisible and reordering
characters written out; only results of ``tag`` are markup. Whatever could run or load something or lead away
(event handlers, style attributes, addresses outside the page) is refused.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
import unicodedata
from collections.abc import Iterable, Sequence

from rpsg.privacy.claims import not_below
from rpsg.privacy.gaussian import rounded_up

VOID = frozenset({"meta", "br", "hr"})
#: Invisible, and needed to write some languages: zero-width joiner and non-joiner.
_JOINERS = frozenset("\u200c\u200d")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class Html(str):
    """Markup that is ready. Made by ``tag`` and ``joined`` alone; anything else is text."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]
Attribute = str | int | float | bool | None
Row = Sequence[Child]


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


def foreign(text: str) -> Html:
    """Foreign text (of a model, a file or a person), isolated so that its direction affects nothing else."""
    return tag("bdi", text, dir="auto")


def visible(text: str) -> str:
    """``text`` with invisible and reordering characters written out: \u27e8U+202E\u27e9."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def document(title: str, style: str, body: Html) -> str:
    """A whole page that loads nothing and runs nothing: its only style is the one inside it."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", body), lang="en") + "\n"


def part(name: str, title: str, reader: str, *blocks: Child) -> Html:
    """A section of the page for one kind of reader, which the table of contents links to."""
    head = tag("h2", title, id=f"{name}-title")
    told = tag("p", reader, class_="reader")
    return tag("section", head, told, *blocks, id=name, aria_labelledby=f"{name}-title")


def block(title: str, *children: Child) -> Html:
    """A third-level heading and its content."""
    return tag("div", tag("h3", title), *children, class_="block")


def table(caption: str, columns: Sequence[str], rows: Iterable[Row], numbers: Sequence[str] = ()) -> Html:
    """A table; the first cell of a row is its name. On a narrow screen each row becomes a small list.

    The ARIA roles are explicit because the narrow layout would take them away from screen readers.
    """
    kinds = ["number" if column in numbers else None for column in columns]
    head = tag(
        "tr",
        *(
            tag("th", c, scope="col", role="columnheader", class_=k)
            for c, k in zip(columns, kinds, strict=True)
        ),
        role="row",
    )
    body = [_row(columns, kinds, row) for row in rows]
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", head, role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table",
    )


def _row(columns: Sequence[str], kinds: Sequence[str | None], row: Row) -> Html:
    first, *others = row
    cells = [tag("th", first, scope="row", role="rowheader", class_=kinds[0])]
    for column, kind, cell in zip(columns[1:], kinds[1:], others, strict=True):
        cells.append(tag("td", tag("span", cell), role="cell", class_=kind, data_label=column))
    return tag("tr", *cells, role="row")


def listed(items: Iterable[Child], *, ordered: bool = False, kind: str | None = None) -> Html:
    return tag("ol" if ordered else "ul", *(tag("li", item) for item in items), class_=kind)


def pairs(facts: Iterable[tuple[Child, Child]]) -> Html:
    """A list of names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts))


def paragraph(*children: Child) -> Html:
    return tag("p", *children)


def folded(summary: str, *children: Child) -> Html:
    """Content to unfold without a script; on paper it is unfolded."""
    return tag("details", tag("summary", summary), *children)


def figure(picture: Html, words: Child, data: Html) -> Html:
    """A picture with its caption and a table of its data."""
    return tag("figure", picture, tag("figcaption", words), folded("The same as a table", data))


def commands(*lines: str) -> Html:
    """Commands to type."""
    return joined(*(tag("pre", tag("code", line)) for line in lines))


def percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f}\u00a0%"


def percent_up(share: float, decimals: int = 1) -> str:
    """A bound as a percentage, never rounded down."""
    return f"{rounded_up(100 * share, decimals)}\u00a0%"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def power(value: float) -> str:
    """A small number in readable form, never rounded down: 1e-06 is 10⁻⁶."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if exponent < -2 and value == float(f"1e{exponent}"):
        return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return not_below(value)


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
