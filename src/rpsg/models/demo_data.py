"""Public data sets out of packages, as JSON lines. Pickles are read as text and never run."""

from __future__ import annotations

import html
import io
import json
import lzma
import pickletools
import re
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rpsg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PRODUCT = re.compile(r"B0[0-9A-Z]{8}")
_TEXT_OPCODES = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_MEMO_READS = {"BINGET", "LONG_BINGET", "GET"}
_MEMO_WRITES = {"BINPUT", "LONG_BINPUT", "PUT"}


def fine_foods(packed: bytes) -> bytes:
    """Amazon fine-food reviews as JSON lines with product, text and label ("great" or "other").

    ``packed`` is one xz-compressed pickle of a frame with these three columns, stored one after the
    other. Raises ModelError when it is not laid out so.
    """
    values = list(_strings_of_pickle(lzma.decompress(packed)))
    start = next((i for i, value in enumerate(values) if _PRODUCT.fullmatch(value)), len(values))
    rows = _run_length(values, start)
    columns = [values[start + k * rows : start + (k + 1) * rows] for k in range(3)]
    if rows == 0 or len(columns[2]) != rows or not set(columns[2]) <= {"great", "other"}:
        raise ModelError(
            "The package with the reviews is laid out in another way than expected.",
            hint="Pull it again with: rpsg models pull amazon-reviews",
        )
    products, texts, labels = columns
    return _json_lines(
        {"product": product, "text": text, "label": label}
        for product, text, label in zip(products, texts, labels, strict=True)
    )


def rated_snippets(archive: bytes) -> bytes:
    """Sentences with the mean of their human ratings (-4 to 4) as JSON lines: source, text, score."""
    rows: list[dict[str, object]] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in sorted(members.getmembers(), key=lambda m: m.name):
            file = PurePosixPath(member.name).name
            stream = members.extractfile(member) if file.endswith("_GroundTruth.txt") else None
            if stream is not None and not file.startswith("."):
                source = file.removesuffix("_GroundTruth.txt")
                rows += _snippets(source, stream.read().decode("utf-8", errors="replace"))
    return _json_lines(rows)


def _snippets(source: str, table: str) -> Iterator[dict[str, object]]:
    for line in table.splitlines():
        cells = line.split("\t", 2)
        if len(cells) == 3 and cells[2].strip():
            yield {"source": source, "text": html.unescape(cells[2]).strip(), "score": float(cells[1])}


def _run_length(values: list[str], start: int) -> int:
    """How many product ids stand in a row from ``start``: the number of rows of the frame."""
    end = start
    while end < len(values) and _PRODUCT.fullmatch(values[end]):
        end += 1
    return end - start


def _strings_of_pickle(data: bytes) -> Iterator[str]:
    """The strings of a pickle in the order in which it would push them; nothing of it is executed.

    A string pushed a second time is a reference into the memo, so the memo is kept, with strings only.
    """
    memo: dict[int, str | None] = {}
    top: str | None = None
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _TEXT_OPCODES:
            top = str(argument)
            yield top
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = top
        elif opcode.name in _MEMO_WRITES:
            memo[int(argument or 0)] = top
        elif opcode.name in _MEMO_READS:
            top = memo.get(int(argument or 0))
            if top is not None:
                yield top
        else:
            top = None


def _json_lines(rows: Iterable[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
