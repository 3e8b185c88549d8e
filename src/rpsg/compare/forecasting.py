"""What a comparison would take, cell by cell, and what it would spend. Nothing is sent, no text is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.cells import cells_of, problem_of, to_run
from rpsg.compare.matrix import epsilon_in_words
from rpsg.display import counted
from rpsg.domains import find_pack
from rpsg.errors import PrivacyError, RpsgError
from rpsg.methods.named import budget_of, method_of
from rpsg.pipeline.preview import preview
from rpsg.privacy.units import epsilon_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.compare.cells import Cell
    from rpsg.compare.keys import CellKey
    from rpsg.compare.matrix import ComparedData, Matrix
    from rpsg.plan import Plan
    from rpsg.plan.previews import Preview


@dataclass(frozen=True, slots=True)
class CellForecast:
    """What one cell would take. ``refused`` says why it would fail at once.

    ``requests`` and ``tokens`` are None for a method that does not declare its workload; ``seconds`` of
    writing and ``cost`` are None if nobody knows. Training, reading and measuring are in none of these
    figures.
    """

    id: str
    key: CellKey
    not_run: str
    refused: str
    requests: int | None = 0
    tokens: int | None = 0
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class MatrixForecast:
    """All cells, what they take together, and sentences about budgets.

    Replies that cells share are counted in each of them, so ``requests`` and ``tokens`` are upper estimates.
    """

    title: str
    cells: tuple[CellForecast, ...]
    spending: tuple[str, ...]

    @property
    def runs(self) -> tuple[CellForecast, ...]:
        return tuple(cell for cell in self.cells if not cell.not_run and not cell.refused)

    @property
    def requests(self) -> int:
        return sum(cell.requests or 0 for cell in self.runs)

    @property
    def tokens(self) -> int:
        return sum(cell.tokens or 0 for cell in self.runs)

    @property
    def seconds(self) -> float | None:
        known = [cell.seconds for cell in self.runs if cell.seconds is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> float | None:
        known = [cell.cost for cell in self.runs if cell.cost is not None]
        return sum(known) if len(known) == len(self.runs) else None


def forecast(matrix: Matrix) -> MatrixForecast:
    """What the comparison would cost. UsageError for an unknown method, metric or setting."""
    cells = cells_of(matrix)
    return MatrixForecast(
        matrix.title,
        tuple(map(cell_forecast, cells)),
        tuple(line for data in matrix.data if (line := spending(data, cells))),
    )


def cell_forecast(cell: Cell) -> CellForecast:
    """The forecast of one cell; real texts need no writer."""
    about = (cell.id, cell.key, f"{cell.not_run}: {cell.reason}" if cell.not_run else "")
    if cell.not_run or cell.plan is None:
        return CellForecast(*about, "", seconds=0.0, cost=0.0)
    try:
        if (problem := problem_of(cell)) is not None:
            raise problem
        seen = preview(cell.plan.without_data())  # otherwise it would make or read an account
    except RpsgError as error:
        return CellForecast(*about, f"{error.message} {error.hint}".strip())
    return CellForecast(
        *about,
        "",
        seen.llm_calls,
        None if seen.llm_calls is None else _about(seen, "tokens"),
        seen.seconds,
        next((line.about for line in seen.forecasts if line.what == "cost"), None),
    )


def _about(seen: Preview, what: str) -> int:
    """The expected use of something; tokens are those of prompts as sent and of replies."""
    return round(next((line.about or 0 for line in seen.forecasts if line.what == what), 0))


def spending(data: ComparedData, cells: Sequence[Cell]) -> str:
    """The privacy cost of the whole comparison for the people of a data set, in plain words; empty if nothing
    is read.
    """
    runs = [c for c in cells if c.key.data == data.name and not c.not_run and c.plan is not None]
    plans = [cell.plan for cell in runs if cell.plan is not None and cell.reads != "nothing"]
    if not plans:
        return ""
    cells_that_read = f"{counted(len(plans), 'cell')} {'reads' if len(plans) == 1 else 'read'} these texts"
    if data.public:
        return (
            f"{data.name}: declared public. {cells_that_read}, each with a separate account, so no costs add "
            "up and none of your accounts is charged."
        )
    seeds = counted(len({plan.generation.seed for plan in plans}), "seed")
    paid = [plan for plan in plans if method_of(plan).budget is not None]
    said = [f"{data.name}: private. {cells_that_read} ({seeds} of each)."]
    if paid:
        total, delta = _together(paid), max(plan.privacy.delta for plan in paid)
        said.append(
            f"Those that use noisy answers ({len(paid)}) cost epsilon {epsilon_in_words(total)} together at "
            f"delta {delta:g}, all from one account, whose limit is {paid[0].privacy.lifetime_epsilon:g}."
        )
    if len(paid) < len(plans):
        said.append(
            f"Those that read them without any bound ({len(plans) - len(paid)}) are recorded in the account "
            "permanently."
        )
    return " ".join(said)


def _together(plans: Sequence[Plan]) -> float:
    """The epsilon of all these runs together, for a person who is in each of them; squares of mu add up."""
    budgets = [budget_of(plan, find_pack(plan.corpus.domain)) for plan in plans]
    mu2 = sum(budget.mu2 for budget in budgets if budget is not None)
    return epsilon_at(mu2, max(plan.privacy.delta for plan in plans))


def require_consent(matrix: Matrix, cells: Sequence[Cell], *, spend: bool) -> None:
    """PrivacyError for private data that nobody agreed to spend on; nothing was read yet."""
    private = [
        data
        for data in matrix.data
        if not data.public and any(c.key.data == data.name for c in to_run(cells))
    ]
    if private and not spend:
        sums = " ".join(line for data in private if (line := spending(data, cells)))
        raise PrivacyError(
            "A comparison asks the same people again in every cell, and what the cells reveal about them "
            f"adds up. {sums} Nothing was read.",
            hint="Compare on texts that anybody may see, and say so with public = true in [[data]]. To spend "
            "this budget on private texts all the same: --spend",
        )
