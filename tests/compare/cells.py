"""Comparisons in this process: a writer that counts, and what was made of a cell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rpsg.compare.calls import run_folder
from rpsg.compare.runner import compare
from rpsg.models.fake import FakeWriter
from rpsg.storage.layout import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.compare.cells import Cell
    from rpsg.compare.matrix import Matrix
    from rpsg.compare.outcome import CellOutcome, Comparison
    from rpsg.protocols import OnReply, Reply, Request


class Counting(FakeWriter):
    """A fake that counts requests over all its copies, and stops the program at one of them."""

    def __init__(self, stop_at: int = 0) -> None:
        super().__init__(name="counting")
        self.stop_at = stop_at

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if self.stop_at and len(self.requests) + len(requests) >= self.stop_at:
            self.stop_at = 0
            raise KeyboardInterrupt
        return super().write(requests, on_reply)


def with_writer(writer: FakeWriter) -> dict[str, Callable[..., FakeWriter]]:
    """The one writer for every cell, as a plug-in."""
    return {"counting": lambda *_args, **_more: writer}


def run(matrix: Matrix, lab: Lab, **more: Any) -> Comparison:
    return compare(matrix, lab.folder / "out", apart=False, **more)


def cell_of(found: Comparison, method: str, **key: Any) -> CellOutcome:
    return next(
        cell
        for cell in found.cells
        if cell.key.method == method and all(getattr(cell.key, k) == v for k, v in key.items())
    )


def run_id(lab: Lab, cell: Cell) -> str:
    return str(json.loads((run_folder(lab.folder / "out", cell) / RUN).read_bytes())["run_id"])


def paper_settings(lab: Lab) -> dict[str, Any]:
    return {
        "corpus": {"domain": str(lab.pack)},
        "models": {"embedder": "fake"},
        "paper": {"abstracter": "writer", "seeds": 20},
    }
