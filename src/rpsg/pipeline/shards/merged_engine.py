"""The engine of a run that is counted in shards: it has their sums, or asks for them and stops the run."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.engines.base import SumsNeeded
from rpsg.errors import DataError, RunError
from rpsg.methods.first_questions import first_questions
from rpsg.methods.named import method_of
from rpsg.pipeline.models_of_run import fingerprint
from rpsg.pipeline.shards.task import About, ShardTask, this_program
from rpsg.privacy.sealed_sums import public_half
from rpsg.release.public_plan import public_toml
from rpsg.stages.annotate import describe
from rpsg.storage.layout import QUESTION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.engines.base import Question
    from rpsg.methods.base import Tools
    from rpsg.pipeline.shards.answers import Answers
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.exact_sums import ExactSum
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.private import Private
    from rpsg.storage.run_folder import RunFolder


class ShardsNeeded(SumsNeeded):
    """The run waits until every shard has answered the question in ``file``."""

    def __init__(self, file: Path, task: ShardTask) -> None:
        super().__init__(file.name)
        self.file = file
        self.task = task


@dataclass(frozen=True, slots=True)
class MergedEngine:
    """The engine of a run that is counted in shards: it has the sums, or asks for them and stops the run."""

    plan: Plan
    pack: Pack
    budget: Budget
    folder: RunFolder
    tools: Tools
    key: bytes
    answers: Answers | None
    held: Mapping[Query, Private[ExactSum]]

    def exact_sum(self, query: Query, question: Question) -> Private[ExactSum]:
        """The sum of all shards.

        Raises:
            ShardsNeeded: the shards have not answered this yet; the question for them is in the run folder.
            DataError: the shards have answered an earlier form of the question.
            RunError: no question to shards can have asked for what the run needs.
        """
        task = self._task(query, question)
        if self.answers is not None and self.answers.task.digest == task.digest:
            return self.held[query]
        file = self.folder.path / QUESTION.format(task.about.number)
        task.write(file)
        if self.answers is not None and self.answers.task.about.number == task.about.number:
            raise DataError(
                f"{file.name} has changed since the shards answered it: the program, a model or a draft is "
                "different now. Nothing was spent on this question.",
                hint="Count the new question in every shard, and merge those files.",
            )
        raise ShardsNeeded(file, task)

    def _task(self, query: Query, question: Question) -> ShardTask:
        """What shards are asked when a run needs the answer to this query."""
        pack = self.plan.data.added_to(self.pack)
        landmarks = describe(pack, self.tools.embedder)
        first = first_questions(self.plan, self.pack, self.budget, landmarks)
        number = 1 if query in dict(first) else 2
        asked = first if number == 1 else ((query, question),)
        if number == 2 and query.stage != self.budget.releases[-1].stage:
            raise RunError(
                f"The questions to shards never ask for the stage {query.stage}, but this run needs it."
            )
        return ShardTask.of(self._about(number), asked)

    def _about(self, number: int) -> About:
        data, pack = self.plan.data, self.pack
        rows = hmac.digest(self.folder.key, b"rpsg-shard-rows/1", hashlib.sha256)
        return About(
            run_id=self.folder.run_id,
            number=number,
            shards=data.shards,
            divided_by=data.divided_by,
            plan=public_toml(self.plan, pack, method_of(self.plan)),
            fingerprint=fingerprint(self.plan, pack, self.tools),
            embedder=self.tools.embedder.name,
            sentiment=self.tools.sentiment.name,
            program=this_program(),
            rows_key=rows.hex(),
            recipient=public_half(self.key).hex(),
        )
