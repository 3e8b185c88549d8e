"""The elements of pages: sections, tables, lists, formatted numbers. ``rpsg.display`` escapes them."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Sequence

from rpsg.display import Child, Html, joined, tag
from rpsg.privacy.claims import not_below
from rpsg.privacy.gaussian import rounded_up

Row = Sequence[Child]


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
    """Content that a reader can unfold, without a script; on paper it is always unfolded."""
    return tag("details", tag("summary", summary), *children)


def figure(picture: Html, words: Child, data: Html) -> Html:
    """A picture with its caption and a table of its data."""
    return tag("figure", picture, tag("figcaption", words), folded("The same as a table", data))


def commands(*lines: str) -> Html:
    """Commands to type."""
    return joined(*(tag("pre", tag("code", line)) for line in lines))


def percent(share: float, decimals: int = 0) -> str:
    return f"{round(100 * share, decimals) + 0.0:.{decimals}f}\u00a0%"  # adding 0.0 avoids "-0 %"


def percent_up(share: float, decimals: int = 1) -> str:
    """A bound as a percentage, never rounded down."""
    return f"{rounded_up(100 * share, decimals)}\u00a0%"


def power(value: float) -> str:
    """A small number in readable form, never rounded down: 1e-06 is 10⁻⁶."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if exponent < -2 and value == float(f"1e{exponent}"):
        return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return not_below(value)
