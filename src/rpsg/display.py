"""How results look: safe HTML, lines of a terminal, and an overview of a result for a notebook and a log.

``tag`` builds an element. A ``str`` inside it is text and gets escaped, with invisible and reordering
characters written out; only results of ``tag`` are markup. Whatever could run code, load something or lead to
another page (event handlers, style attributes, addresses) is refused. An overview takes its colours from the
page, so that it can be read on a light and on a dark background.
"""

from __future__ import annotations

import html
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.errors import in_python

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The logger of runs, and the attribute of a log record that holds the record's fields as a dictionary.
LOGGER = FIELDS = "rpsg"
WIDTH = 80
#: The most that is shown: rows of a table, characters of one cell, characters of all notes together.
MOST_ROWS = {"text": 10, "html": 20}
LONGEST = {"text": 240, "html": 400}
LONGEST_NOTES = 1500
#: The only colours are a grey, which is visible on a light and on a dark background, and an amber for what
#: must be seen first.
STYLE = (
    ".rpsg{line-height:1.4;max-width:60em}.rpsg p{margin:.3em 0}.rpsg table{border-collapse:collapse;"
    "margin:.4em 0}.rpsg th,.rpsg td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0;"
    "border-bottom:1px solid rgba(128,128,128,.35);background:none;white-space:pre-wrap;"
    "overflow-wrap:anywhere}.rpsg thead th,.rpsg .name{font-weight:normal;opacity:.75;white-space:nowrap}"
    ".rpsg .first{border-left:.3em solid #c77700;padding-left:.6em}"
)
VOID = frozenset({"meta", "br", "hr"})
#: Invisible, but needed to write some languages: zero-width joiner and non-joiner.
_JOINERS = frozenset("\u200c\u200d")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class Html(str):
    """Markup that is ready. Only ``tag`` and ``joined`` make it; anything else is text."""

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
    """The children one after another: markup unchanged, everything else as text."""
    return Html("".join(_child(child) for child in children))


def isolate(text: str) -> Html:
    """Text of a model, a file or a person in a ``bdi`` element, which isolates its writing direction."""
    return tag("bdi", text, dir="auto")


def visible(text: str) -> str:
    """``text`` with invisible and reordering characters written out: \u27e8U+202E\u27e9."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def printable(text: str) -> str:
    """``text`` without what could move, colour, reorder or hide things on a terminal.

    Line feeds and tabs are kept; other control characters (C0, C1, ESC), bidirectional controls, invisible
    format characters, line separators and broken characters are removed.
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


@dataclass(frozen=True, slots=True)
class Overview:
    """What is shown of a result: first a short title, then details.

    ``first`` is shown before anything else, for instance that the result is private, and ``stops`` after it,
    each in a line of its own. ``columns`` and ``rows`` are a table, of which only the first ``rows`` may be
    shown; ``notes`` are sentences below the table. Options of the command line that ``first``, ``stops`` and
    ``notes`` mention are shown as keywords of Python.
    """

    title: str
    first: str = ""
    stops: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def html(self) -> str:
        """The HTML element, with its own style."""
        parts = [tag("p", tag("strong", _cut(self.title, "html")))]
        parts += [
            tag("p", _cut(in_python(line), "html"), class_="first")
            for line in filter(None, (self.first, *self.stops))
        ]
        if self.facts:
            rows = (
                tag("tr", tag("th", n, scope="row", class_="name"), tag("td", _cut(v, "html")))
                for n, v in self.facts
            )
            parts.append(tag("table", tag("tbody", *rows)))
        if self.rows:
            parts.append(self._table())
        parts += [tag("p", note) for note in (*_more(self, "html"), *self._notes())]
        return tag("div", Html(f"<style>{STYLE}</style>"), *parts, class_="rpsg")

    def _notes(self) -> Iterator[str]:
        """The first notes, until the space for notes is full."""
        room = LONGEST_NOTES
        for note in map(in_python, self.notes):
            if len(note) > room:
                yield note[: max(room, 200)].rstrip() + " ..."
                return
            room -= len(note)
            yield note

    def _table(self) -> Html:
        head = tag("tr", *(tag("th", name, scope="col") for name in self.columns))
        body = (
            tag("tr", *(tag("td", _cut(cell, "html")) for cell in row))
            for row in self.rows[: MOST_ROWS["html"]]
        )
        return tag("table", tag("thead", head) if any(self.columns) else None, tag("tbody", *body))

    def text(self) -> str:
        """Lines of at most 80 characters."""
        lines = [_line(self.title)]
        for line in filter(None, (self.first, *self.stops)):  # as long as in a notebook: it must be read
            lines += _wrapped("! ", _cut(in_python(line), "html"))
        width = max((len(name) for name, _ in self.facts), default=0)
        for name, value in self.facts:
            lines += _wrapped(f"  {name:<{width}}  ", _cut(value, "text"))
        lines += _aligned([*([self.columns] if any(self.columns) else []), *self.rows[: MOST_ROWS["text"]]])
        for note in (*_more(self, "text"), *self._notes()):
            lines += _wrapped("  ", note)
        return "\n".join(lines)


class Shown:
    """A result that shows its overview in a notebook and a log, and never all that it contains."""

    __slots__ = ()

    def _overview(self) -> Overview:
        raise NotImplementedError

    def __repr__(self) -> str:
        """One line."""
        return f"<{_line(self._overview().title, WIDTH - 2)}>"

    def __str__(self) -> str:
        return self._overview().text()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self._overview().html()


def short_number(value: float | None) -> str:
    """A number in few digits; "" for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts; ``many`` is the plural if that is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _more(overview: Overview, form: str) -> Iterable[str]:
    left = len(overview.rows) - MOST_ROWS[form]
    if left > 0:
        yield f"... and {left:,} more."


def _cut(text: str, form: str) -> str:
    return text if len(text) <= LONGEST[form] else text[: LONGEST[form] - 4].rstrip() + " ..."


def _line(text: str, width: int = WIDTH) -> str:
    """One line of visible characters, cut at ``width``."""
    line = _plain(text)
    return line if len(line) <= width else line[: width - 4].rstrip() + " ..."


def _wrapped(lead: str, text: str) -> list[str]:
    """``text`` after ``lead``; further lines are indented to start below the first."""
    further = " " * len(lead)
    lines = textwrap.wrap(_plain(text), WIDTH, initial_indent=lead, subsequent_indent=further)
    return lines or [lead.rstrip()]


def _plain(text: str) -> str:
    return " ".join(visible(text).split())


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """The lines of a table that is no wider than the page: the widest columns are cut first."""
    shown = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    return [
        "".join(f"  {_line(cell, width):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
