"""Files of a run that was stopped are replaced before it is resumed: the run notices, and draws nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from rpsg import api, registry
from rpsg.errors import RpsgError
from rpsg.models.fake import FakeClassifier
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan

    Replace = Callable[[Path, Path], None]


class StopsBeforeTheSketch(Silent):
    def start(self, stage: str, total: int | None = None) -> None:
        if stage == "measuring the private texts":
            raise KeyboardInterrupt


def stopped(lab: Lab, plan: Plan, name: str) -> Path:
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, name, progress=StopsBeforeTheSketch())
    return lab.folder / name


def spent(plan: Plan) -> float:
    totals = Odometer().statement(account_name(plan.data.account, plan.data.path)).totals
    return sum(total.mu2 for total in totals)


def of_another_run(name: str) -> Replace:
    return lambda run, other: (shutil.copyfile(other / name, run / name), None)[1]


def zeros(name: str) -> Replace:
    return lambda run, _: ((run / name).write_bytes(bytes((run / name).stat().st_size)), None)[1]


def changed(name: str, **values: object) -> Replace:
    """The first line with other values."""

    def change(run: Path, _: Path) -> None:
        first, *rest = (run / name).read_text().splitlines()
        (run / name).write_text("\n".join([json.dumps({**json.loads(first), **values}), *rest]) + "\n")

    return change


def without_first_line(name: str) -> Replace:
    return lambda run, _: ((run / name).write_bytes((run / name).read_bytes().split(b"\n", 1)[1]), None)[1]


REPLACED: dict[str, Replace] = {
    "embeddings by zeros": zeros("private/embeddings.f16.sealed"),
    "embeddings of another run": of_another_run("private/embeddings.f16.sealed"),
    "the key by zeros": zeros("private/vault.json"),
    "the releases of another run": of_another_run("private/releases.jsonl"),
    "the releases by zeros": zeros("private/releases.jsonl"),
    "the first release left out": without_first_line("private/releases.jsonl"),
    "an answer of another run": of_another_run("evidence/release-001.json"),
    "an answer by zeros": zeros("evidence/release-001.json"),
    "the plan's mark in run.json": changed("run.json", plan_fingerprint="0" * 64),
    "run.json of another run": of_another_run("run.json"),
}


@pytest.mark.parametrize("case", REPLACED)
def test_a_replaced_file_is_noticed_when_the_run_is_resumed(lab: Lab, case: str) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"lifetime_epsilon": 100.0})
    run, other = stopped(lab, plan, "run"), stopped(lab, plan, "other")
    REPLACED[case](run, other)
    before = spent(plan)
    with pytest.raises(RpsgError) as noticed:
        lab.run(plan, "run")
    assert noticed.value.hint
    assert spent(plan) == before


#: What is not used again: embeddings of another key are made anew, and the journal only says what happened.
UNUSED: dict[str, Replace] = {
    "the key by that of another run": of_another_run("private/vault.json"),
    "the journal by zeros": zeros("journal.jsonl"),
    "the journal by one without its first line": without_first_line("journal.jsonl"),
}


@pytest.mark.parametrize("case", UNUSED)
def test_what_is_not_used_again_changes_no_answer_and_no_charge(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"lifetime_epsilon": 100.0})
    run, other = stopped(lab, plan, "run"), stopped(lab, plan, "other")
    answers = {file.name: file.read_bytes() for file in (run / "evidence").glob("release-*.json")}
    UNUSED[case](run, other)
    before = spent(plan)
    made = lab.run(plan, "run")
    assert spent(plan) == pytest.approx(before / 2 + made.ledger["cost"]["mu2"]), (
        "the other run's, and one run's"
    )
    assert {name: (run / "evidence" / name).read_bytes() for name in answers} == answers
    assert api.verify(made.path).ok
