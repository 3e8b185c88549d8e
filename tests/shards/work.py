"""A run that is counted in shards, in a folder of a test, with models that need no weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import Waiting, begin, merge
from rpsg.privacy.odometer import Odometer
from rpsg.release.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.conftest import Lab, Rows

    from rpsg.plan import Plan
    from rpsg.protocols import NoiseSource

NUMBER = 3


@dataclass(frozen=True)
class Shards:
    """Begins, counts and merges as the commands do."""

    lab: Lab

    def plan(self, **sections: Mapping[str, Any]) -> Plan:
        data = {"account": "ward", "shards": NUMBER, **sections.pop("data", {})}
        return self.lab.plan("", data=data, **sections)

    def begin(self, plan: Plan, out: str = "run", noise: NoiseSource | None = None) -> Waiting:
        found = begin(plan, self.lab.folder / out, tools=self.lab.tools(), noise=noise)
        assert isinstance(found, Waiting)
        return found

    def count(self, question: Path, data: Path, shard: int, name: str = "") -> Path:
        out = self.lab.folder / (name or f"{question.parent.name}-{question.stem}-{shard}.sum")
        count(question, str(data), shard, out, models=(FakeEmbedder(), FakeClassifier()))
        return out

    def count_all(self, waiting: Waiting, data: Path | Sequence[Path]) -> list[Path]:
        """The files of all shards, of one file or of one file for each."""
        number = waiting.task.about.shards
        files = [data] * number if not isinstance(data, list | tuple) else data
        return [self.count(waiting.file, file, k) for k, file in enumerate(files, 1)]

    def merge(
        self, files: Sequence[Path], out: str = "run", noise: NoiseSource | None = None
    ) -> Run | Waiting:
        return merge(self.lab.folder / out, files, tools=self.lab.tools(), noise=noise)

    def whole(
        self, plan: Plan, data: Path | Sequence[Path], out: str = "run", noise: NoiseSource | None = None
    ) -> Run:
        """A run from its beginning to its release."""
        found: Run | Waiting = self.begin(plan, out, noise)
        for _ in range(2):
            assert isinstance(found, Waiting)
            found = self.merge(self.count_all(found, data), out, noise)
        assert isinstance(found, Run)
        return found

    def second(self, plan: Plan, data: Path | Sequence[Path], out: str = "run") -> tuple[list[Path], Waiting]:
        """The files of the first question, merged, and the second question."""
        files = self.count_all(self.begin(plan, out), data)
        waiting = self.merge(files, out)
        assert isinstance(waiting, Waiting)
        return files, waiting


def spent() -> dict[str, float]:
    """What each account has spent: mu squared."""
    book = Odometer()
    return {name: sum(t.mu2 for t in book.statement(name).totals) for name in book.names()}


def sites(lab: Lab, rows: Rows, number: int = NUMBER) -> list[Path]:
    """The rows in one file for each site, by person."""
    users = sorted({row["user"] for row in rows})
    at = {user: i % number for i, user in enumerate(users)}
    return [lab.file([r for r in rows if at[r["user"]] == k], f"site-{k}.jsonl") for k in range(number)]
