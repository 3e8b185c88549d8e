"""A small table in several spellings, and readers of it that tell what became of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import read_by_rule

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.records import Document

ROWS = [("This coffee tasted of smoke.", "u0"), ("It came late, and cold.", "u1"), ("Fine | good", "u2")]
JSONL = "".join(f'{{"text": "{text}", "user": "{user}"}}\n' for text, user in ROWS)


def table(separator: str, end: str = "\n") -> str:
    rows = [("text", "user"), *ROWS]
    return "".join(separator.join(f'"{cell}"' for cell in row) + end for row in rows)


def read(path: Path | str, **data: Any) -> list[Document]:
    return list(open_private(read_by_rule(DataSection(path=str(path), **data), tells=True)).corpus)


def pairs(path: Path | str, **data: Any) -> list[tuple[str, str | None]]:
    return [(row.text, row.user) for row in read(path, user="user", **data)]
