"""Everything that is printed goes through here, so that no text can control the terminal.

Markup, highlighting and emoji codes are off: text of a user, a model or a file is shown literally.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rpsg.display import printable

FORMAT = "rpsg-cli/1"


class Screen:
    """Headings, lines, lists and tables on a stream, 80 columns wide if the stream has no width."""

    def __init__(self, stream: IO[str]) -> None:
        self.console = Console(file=stream, markup=False, highlight=False, emoji=False)

    @classmethod
    def stdout(cls) -> Screen:
        return cls(sys.stdout)

    @classmethod
    def stderr(cls) -> Screen:
        return cls(sys.stderr)

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.print(shown(text, "bold"))

    def line(self, text: str = "", style: str = "") -> None:
        self.console.print(shown(text, style))

    def command(self, text: str) -> None:
        """A command to type, always on one line so that it can be copied."""
        self.console.print(shown(f"  {text}", "cyan"), soft_wrap=True)

    def items(self, texts: Iterable[str], sign: str = "•", style: str = "") -> None:
        """A list; further lines of an item are indented like its first."""
        table = Table.grid(padding=(0, 1))
        for text in texts:
            table.add_row(shown(f"  {sign}", style), shown(text))
        self.console.print(table)

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values in two columns."""
        table = Table.grid(padding=(0, 2))
        for name, value in pairs:
            table.add_row(shown(f"  {name}", "dim"), shown(value))
        self.console.print(table)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()
    ) -> None:
        """A table; the columns named in ``numbers`` are right-aligned and never wrapped."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in columns:
            number = name in numbers
            table.add_column(
                shown(name), justify="right" if number else "left", no_wrap=number, overflow="fold"
            )
        for row in rows:
            table.add_row(*(shown(cell) for cell in row))
        self.console.print(table)

    def markdown(self, text: str) -> None:
        """Markdown, rendered on a terminal and unchanged in a file or a pipe."""
        if not self.is_terminal:
            self.console.print(shown(text.rstrip()), soft_wrap=True)
            return
        from rich.markdown import Markdown

        self.console.print(Markdown(printable(text), hyperlinks=False))


def shown(text: str, style: str = "") -> Text:
    """``text`` without anything that controls the terminal."""
    return Text(printable(text), style=style)


def print_json(content: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout, in ASCII. A number that JSON cannot represent becomes null."""
    body = json.dumps({"format": FORMAT, **plain(content)}, indent=2, allow_nan=False)
    sys.stdout.write(body + "\n")


def plain(value: Any) -> Any:
    """``value`` as JSON types."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
