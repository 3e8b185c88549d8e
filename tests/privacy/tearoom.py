"""A run on invented people whose texts are drawn from three words, for tests of tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.privacy.account import LifetimeCap
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.token_sampling import RULE, Choices, References
from rpsg.privacy.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.evidence import Texts, Token
    from rpsg.privacy.released import Releases

WORDS: tuple[Token, ...] = ((1, " tea"), (2, " cup"), (3, " pot"))
MOST, TEXTS = 6, 3
BUDGET = calibrate(
    2.0,
    1e-6,
    [StagePlan("size", 0.1, "S1_unit_count", dim=1), StagePlan("tokens", 0.9, RULE, k=MOST, w=2000)],
)
EACH = BUDGET.releases[1].mu2("add_remove") / MOST


class StoppedError(Exception):
    """In place of a power cut."""


@dataclass
class Tearoom:
    """A run on 30 people whose texts are drawn from three words; it stops before the token ``stops``."""

    folder: Path
    lifetime: float = 30.0
    budget: Budget = BUDGET
    stops: int | None = None
    drawn: int = 0
    moved: int = 0
    draws: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def account(self) -> Any:
        unit = Unit("user", "user", "add_remove")
        return Odometer(self.folder / "book").account("tea", unit, LifetimeCap(self.lifetime, 1e-6))

    def kernel(self, run: str = "run", account: Any = None) -> Kernel:
        return Kernel(
            journal=self.folder / run / "private" / "releases.jsonl",
            evidence=self.folder / run / "evidence",
            budget=self.budget,
            noise=RoundedGaussian(),
            run_id="the same for all copies",
            account=account or self.account(),
            tell=self.said.append,
        )

    def choices(self, text: int, written: Sequence[Token]) -> Choices:
        if self.stops is not None and self.drawn >= self.stops:
            raise StoppedError
        self.drawn += 1
        return Choices(WORDS, np.array([0.0, 0.5, 0.2 * len(written)]))

    def references(self, draw: str) -> Private[References]:
        self.draws.add(draw)
        units = np.arange(30)
        texts = (units + self.moved) % TEXTS
        tags = tuple(b"person %d" % unit for unit in units)
        return Private(References(units, texts, tags, lambda *_: np.ones((10, 3)) * [0.01, 0.0, -0.01]))

    def sample(self, kernel: Releases) -> Texts:
        people = Private(RowCells(np.arange(30), np.zeros((30, 1), np.int64)))
        kernel.release(Query.of(self.budget.releases[0], "people", 1), lambda: people)
        return kernel.sample(self.query(), self.choices, self.references)

    def query(self) -> Query:
        return Query.of(self.budget.releases[1], "the next token", TEXTS)

    def run(self, run: str = "run", stops: int | None = None) -> Texts | None:
        """The texts; None if the process ended before the token ``stops`` of it."""
        self.stops, self.drawn = stops, -1  # the model is tried once before anything is charged
        kernel = self.kernel(run)
        try:
            return self.sample(kernel)
        except StoppedError:
            return None
        finally:
            kernel.close()

    def log(self, run: str = "run") -> list[dict[str, Any]]:
        path = self.folder / run / "private" / "tokens-001.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()][1:]

    def paid(self) -> float:
        """What was paid for tokens, in tokens of each text."""
        return float((self.account().total().mu2 - BUDGET.releases[0].mu2("add_remove")) / EACH)
