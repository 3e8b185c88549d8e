"""How a result is shown: an element in a notebook, some lines of a terminal, and one line in a list or a log.

The HTML runs nothing and loads nothing. It takes its colours from the page, so that it can be read on light
and on dark, and text of a model, a file or a stranger is escaped.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.display.markup import Html, tag, visible
from rpsg.errors import in_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 80
#: The rows of a table, the characters of one cell, and those of all notes.
MOST_ROWS = {"text": 10, "html": 20}
LONGEST = {"text": 240, "html": 400}
LONGEST_NOTES = 1500
#: The only colours are a grey that is seen on light and on dark, and an amber for what must be seen first.
STYLE = (
    ".rpsg{line-height:1.4;max-width:60em}.rpsg p{margin:.3em 0}.rpsg table{border-collapse:collapse;"
    "margin:.4em 0}.rpsg th,.rpsg td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0;"
    "border-bottom:1px solid rgba(128,128,128,.35);background:none;white-space:pre-wrap;"
    "overflow-wrap:anywhere}.rpsg thead th,.rpsg .name{font-weight:normal;opacity:.75;white-space:nowrap}"
    ".rpsg .first{border-left:.3em solid #c77700;padding-left:.6em}"
)


@dataclass(frozen=True, slots=True)
class Overview:
    """What is shown of a result: a title of a few words, then more and more detail.

    ``first`` is what must be read before anything else, for instance that this is private. ``columns`` and
    ``rows`` are a table, of which ``rows`` may be cut; ``notes`` are sentences below it. Options of the
    command line that ``first`` and ``notes`` mention are shown as keywords of Python.
    """

    title: str
    first: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def html(self) -> str:
        """The HTML element, with its own style."""
        parts = [tag("p", tag("strong", _cut(self.title, "html")))]
        if self.first:
            parts.append(tag("p", _cut(in_python(self.first), "html"), class_="first"))
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
        """The first notes, as far as there is room for them."""
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
        if self.first:  # it has as much room as in a notebook
            lines += _wrapped("! ", _cut(in_python(self.first), "html"))
        width = max((len(name) for name, _ in self.facts), default=0)
        for name, value in self.facts:
            lines += _wrapped(f"  {name:<{width}}  ", _cut(value, "text"))
        lines += _aligned([*([self.columns] if any(self.columns) else []), *self.rows[: MOST_ROWS["text"]]])
        for note in (*_more(self, "text"), *self._notes()):
            lines += _wrapped("  ", note)
        return "\n".join(lines)


class Shown:
    """A result that is shown by its overview, and never by everything that it holds."""

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
    """A number and what it counts; ``many`` is the plural where that is not ``one`` with an s."""
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
    """``text`` after ``lead``, its further lines below its first."""
    further = " " * len(lead)
    lines = textwrap.wrap(_plain(text), WIDTH, initial_indent=lead, subsequent_indent=further)
    return lines or [lead.rstrip()]


def _plain(text: str) -> str:
    return " ".join(visible(text).split())


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """A table that is as wide as a line: the widest columns are cut first."""
    shown = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    return [
        "".join(f"  {_line(cell, width):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
