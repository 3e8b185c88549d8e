"""People of a shop, and a method that pays for one count and releases a corpus of the test's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rpsg.methods.base import Method
from rpsg.methods.dp_steps import count_people
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.private import open_private
from rpsg.records import Candidate, Card, Pool
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.methods.base import Job
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget

FEW = ("near-copies", "copies", "extraction", "exposure")
LEFT = {"audit.json", "audit.html", "purged.json", "made-here"}


def honest(_: Job) -> list[str]:
    return texts(400, 2)


def copying(job: Job) -> list[str]:
    """Every row that the run was given, behind the back of its claim."""
    return [*(row.text for row in open_private(job.people.rows)), *texts(200, 2)]


def one_count(corpus: Callable[[Job], list[str]]) -> Method:
    """A method that pays for one count of the people and releases ``corpus(job)``."""
    stage = StagePlan("size", share=1.0, rule="S1_unit_count", dim=1)

    def synthesize(job: Job) -> Pool:
        count_people(job, None)
        return Pool(tuple(Candidate(i, text, Card({})) for i, text in enumerate(corpus(job))))

    def budget(plan: Plan, _: object) -> Budget:
        return calibrate(plan.privacy.epsilon, plan.privacy.delta, [stage], adjacency="add_remove")

    return Method("one-count", "a count", "noisy_answers", synthesize, budget)


@dataclass
class Shop:
    """Two hundred people, public texts of the same kind, and a plan at epsilon 2."""

    lab: Lab

    def plan(self, method: str = "one-count", canaries: int = 150, **data: Any) -> Plan:
        rows = [{"text": text, "user": f"person-{i}"} for i, text in enumerate(texts(200, 1))]
        public = self.lab.file([{"text": text} for text in texts(300, 3)], "public.jsonl")
        return self.lab.plan(
            self.lab.file(rows),
            method={"name": method},
            data={"audit_canaries": canaries, "canary_texts": str(public), "account": "shop", **data},
            privacy={"epsilon": 2.0},
        )

    def paid(self) -> float:
        statement = Odometer().statement("shop")
        return 0.0 if statement is None else sum(total.mu2 for total in statement.totals)

    @property
    def out(self) -> Path:
        return self.lab.folder / "audit"


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
