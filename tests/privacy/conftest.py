from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.privacy.account import Account, LifetimeCap
from rpsg.privacy.accounting import Budget, StagePlan, calibrate
from rpsg.privacy.claims import PrivacyUnit
from rpsg.privacy.facts import Facts, Output
from rpsg.privacy.histogram import Query, RowCells
from rpsg.privacy.kernel import Kernel
from rpsg.privacy.ledger import build_public_ledger
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import Private
from rpsg.privacy.units import Unit

if TYPE_CHECKING:
    from rpsg.privacy.released import Releases
    from rpsg.protocols import NoiseSource

PEOPLE = Unit("user", "user", "add_remove", 1)
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / "gaussian_dp.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def example_ledger() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / "ledger.example.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def budget() -> Budget:
    """Epsilon 2: a count, open-vocabulary phrases, two rounds of votes."""
    return calibrate(
        2.0,
        1e-6,
        [
            StagePlan("n_estimate", 0.05, "S1_unit_count", dim=1),
            StagePlan("phrases", 0.5, "S3_k_items_per_unit", k=3, selects=True),
            StagePlan("votes", 0.45, "S4_k_votes", rounds=2, dim=5),
        ],
    )


def one_cell_each(cells: list[int]) -> Private[RowCells]:
    column = np.array(cells, dtype=np.int64).reshape(-1, 1)
    return Private(RowCells(np.arange(len(cells), dtype=np.int64), column))


@dataclass
class Run:
    """A little method on made-up data, which counts how often the private data were asked."""

    folder: Path
    budget: Budget
    account: Account
    noise: NoiseSource = field(default_factory=RoundedGaussian)
    charged: bool = True
    run_id: str = "run-1"
    asked: int = 0
    told: list[str] = field(default_factory=list)

    def kernel(self) -> Kernel:
        return Kernel(
            journal=self.folder / "private" / "journal.jsonl",
            evidence=self.evidence,
            budget=self.budget,
            noise=self.noise,
            run_id=self.run_id,
            account=self.account if self.charged else None,
            tell=self.told.append,
        )

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    def query(self, stage: str, dim: int) -> Query:
        return Query.of(self.budget.release(stage), f"the test's {stage}", dim)

    def count(self, kernel: Releases) -> list[int]:
        return list(map(int, kernel.release(self.query("n_estimate", 1), lambda: self._ask([0] * 300))))

    def phrases(self, kernel: Releases) -> list[tuple[str, int]]:
        def items() -> Private[list[list[str]]]:
            self.asked += 1
            return Private([["late delivery", "good price"]] * 300 + [["a secret of one"]])

        planned = self.budget.release("phrases")
        return kernel.select(self.query("phrases", 0), planned.delta_fail, items)

    def votes(self, kernel: Releases, number: int) -> list[int]:
        query = self.query(f"votes[{number}]", 5)
        return list(map(int, kernel.release(query, lambda: self._ask([3] * 300))))

    def all(self, kernel: Releases) -> tuple[object, ...]:
        return (self.count(kernel), self.phrases(kernel), self.votes(kernel, 0), self.votes(kernel, 1))

    def _ask(self, cells: list[int]) -> Private[RowCells]:
        self.asked += 1
        return one_cell_each(cells)


@pytest.fixture
def odometer(tmp_path: Path) -> Odometer:
    return Odometer(tmp_path / "state")


@pytest.fixture
def account(odometer: Odometer) -> Account:
    return odometer.account("reviews", PEOPLE, LifetimeCap(4.0, 1e-6))


@pytest.fixture
def run(tmp_path: Path, budget: Budget, account: Account) -> Run:
    return Run(tmp_path / "run", budget, account)


@dataclass
class Release:
    """A finished release on the disk."""

    ledger: dict[str, Any]
    corpus: Path
    evidence: Path
    ledger_file: Path

    def rewrite(self, ledger: dict[str, Any]) -> None:
        self.ledger_file.write_text(json.dumps(ledger, indent=1))


def strict_facts(corpus: Path) -> Facts:
    content = corpus.read_bytes()
    return Facts(
        reads="noisy_answers",
        method="strict",
        claim="end_to_end_dp",
        unit=PrivacyUnit("user", "add_remove", 1, "random_subset_csprng"),
        outputs=(Output(corpus.name, hashlib.sha256(content).hexdigest(), len(content.splitlines())),),
        generation_seed=7,
    )


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """What a strict run says of a corpus of one text."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "one"}\n')
    return strict_facts(corpus)


@pytest.fixture
def release(run: Run, tmp_path: Path) -> Release:
    kernel = run.kernel()
    run.all(kernel)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "one"}\n{"text": "two"}\n')
    ledger = build_public_ledger(strict_facts(corpus), kernel.performed)
    kernel.close()
    done = Release(ledger, corpus, run.evidence, tmp_path / "ledger.json")
    done.rewrite(ledger)
    return done
