"""One store of replies for all cells of a writer, and one budget for all of them.

Only replies to public prompts are shared. These are the prompts of methods that read nothing or only noisy
answers, and can be published. A reply depends on the whole request and the writer, so a cell gets the text
that it would have got in a run by itself. Replies to prompts with private text are never shared: each cell
sends its own requests.

A shared reply still counts in every cell that uses it, with its tokens and with the time it took when it was
written, so a cell has the figures of a separate run. Only the budget of the whole comparison counts what was
really sent.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import private_dir
from rpsg.disk.json_text import tagged_sha256
from rpsg.errors import LimitError
from rpsg.methods.named import method_of
from rpsg.pipeline.cost import price_for
from rpsg.pipeline.forecast import runs_here
from rpsg.protocols import TellsTrouble
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_report import read_private_calls, seconds_of_others, used_in
from rpsg.storage.call_store import CallStore
from rpsg.storage.limits import Meter, Price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from rpsg.compare.cells import Cell
    from rpsg.plan import LimitsSection, Plan
    from rpsg.protocols import Writer
    from rpsg.storage.call_tables import Used


class SharedWriter(CachedWriter):
    """A writer whose replies are shared; all other attributes are those of the writer itself."""

    def __init__(self, writer: Writer, store: CallStore, meter: Meter, cell: str) -> None:
        super().__init__(writer, store, meter=meter, stage=lambda: cell)
        self._inner = writer

    def tell_trouble(self, note: Callable[[str], None]) -> None:
        if isinstance(self._inner, TellsTrouble):
            self._inner.tell_trouble(note)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_inner"], name)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was really sent to writers: requests, tokens, and what they cost."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.seconds + other.seconds,
        )


class SharedCalls:
    """The shared replies of a comparison in the folder ``out``, one file for each writer of its cells."""

    def __init__(self, out: Path, limits: LimitsSection, cells: Sequence[Cell]) -> None:
        self._out = out
        self._limits = limits
        self._cells = cells

    def file(self, plan: Plan) -> Path:
        """The store for the writer of a plan. Within it, the name of the writer is part of the key of a
        reply.
        """
        named = [plan.models.writer, plan.server.base_url]
        slug = re.sub(r"[^a-z0-9.]+", "-", plan.models.writer.lower()).strip("-.")[-60:]
        return self._out / "calls" / f"{slug}-{tagged_sha256('writer', named)[:10]}.sqlite"

    def open(self, plan: Plan) -> CallStore:
        private_dir(self._out / "calls")
        return CallStore(self.file(plan))

    def over(self, writer: Writer, plan: Plan, store: CallStore, cell: Cell) -> SharedWriter:
        """The writer for a cell with public prompts: it is asked only for replies that are not in the store.

        Raises:
            LimitError: nothing is left of the budget.
        """
        meter = Meter(self.left(self.spent(but_in=self.file(plan))), [store], self._price(plan))
        return SharedWriter(writer, store, meter, cell.id)

    def left(self, spent: Spent) -> LimitsSection:
        """What is left of the limits for one store, if all other stores have used ``spent``.

        Raises:
            LimitError: nothing is left.
        """
        new: dict[str, Any] = {}
        for name, used in asdict(spent).items():
            cap = getattr(self._limits, name)
            if cap is None:
                continue
            if used >= cap:
                raise LimitError(
                    f"The comparison stopped before its limit of {cap:,g} ({name}): {used:,.6g} are used.",
                    hint=f"The same command resumes it with a larger limit: --max-{name} {2 * cap:g}",
                )
            new[name] = cap - used
        return self._limits.model_copy(update=new)

    def spent(self, *, but_in: Path | None = None, but_of: str = "") -> Spent:
        """What was really sent so far.

        Args:
            but_in: a shared store that is not counted.
            but_of: the id of a cell whose private prompts are not counted.
        """
        prices = {self.file(c.plan): self._price(c.plan) for c in self._cells if c.plan is not None}
        total = Spent()
        for file, price in prices.items():
            if file != but_in and file.is_file():
                total += _spent(used_in(file), price)
        for cell in self._cells:
            if cell.plan is None or cell.id == but_of or not method_of(cell.plan).has_seeds:
                continue
            report = read_private_calls(run_folder(self._out, cell))
            if report is not None:
                total += _spent(report.used, self._price(cell.plan))
        return total

    def _price(self, plan: Plan) -> Price:
        """The price of a writer; UsageError if the comparison limits the cost but the price is not known."""
        limits = self._limits
        return price_for(
            plan.models.writer,
            here=runs_here(plan, "writer"),
            prices=limits.prices,
            needed=limits.cost is not None,
        )


def run_folder(out: Path, cell: Cell) -> Path:
    """The run folder of a cell, which is like any other: ``rpsg report`` and ``rpsg verify`` work on it."""
    return out / "cells" / cell.id / "run"


def _spent(used: Used, price: Price) -> Spent:
    prompt = used.prompt_tokens + used.unsure_prompt
    completion = used.completion_tokens + used.unsure_completion
    return Spent(used.requests + used.lost, prompt + completion, price.of(prompt, completion), used.seconds)


def seconds_of_shared(store: Path, asked: Iterable[str], cell: str) -> float:
    """The seconds that were spent on replies which a cell used but another cell had requested. Each reply
    counts as its share of its batch.
    """
    return seconds_of_others(store, asked, cell) if store.is_file() else 0.0
