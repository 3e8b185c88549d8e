"""A release that was counted in shards says which machines read the private texts, and it is checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.shards.work import Shards, sites

import rpsg
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.preview import preview
from rpsg.pipeline.shards import on_ray
from rpsg.pipeline.shards.merging import Waiting, begin, merge
from rpsg.privacy.claims import COUNTING, not_covered
from rpsg.release.reader import Release
from rpsg.release.run import Run
from rpsg.report.deployment import deployment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.methods.base import Tools

HAND = "the machines that counted the shards"
NODES = {"kind": "ray", "address": "10.0.0.5:6379", "reads_private": True}


class OnCluster(FakeWriter):
    """A writer that says of itself what one on a cluster says, which the plan's Ray would need."""

    endpoint = "remote_llm"
    host = "a Ray cluster"


@dataclass(frozen=True)
class Cluster:
    """Runs whose plan names a cluster: each question is counted there or by hand."""

    shards: Shards

    @property
    def tools(self) -> Tools:
        return replace(self.shards.lab.tools(), writer=OnCluster())

    def run(self, data: Path, nodes: tuple[bool, bool]) -> Run:
        out = self.shards.lab.folder / "run"
        found: Run | Waiting = begin(self.shards.plan(engine=NODES), out, tools=self.tools)
        for counted_there in nodes:
            assert isinstance(found, Waiting)
            files = self.shards.count_all(found, data)
            found = merge(out, files, tools=self.tools, nodes=counted_there)
        assert isinstance(found, Run)
        return found


def seen(run: Run) -> dict[tuple[str, str], str]:
    """Who was sent what, by role and what it saw."""
    table = json.loads((run.release / "egress.json").read_text())["seen"]
    return {(line["role"], line["sees"]): line["host"] for line in table}


def check(run: Run, readers: str) -> None:
    table = seen(run)
    assert table["embedder", "private texts"] == table["sentiment", "private texts"] == readers
    assert not [what for (role, what) in table if role != "mechanisms" and "private texts," in what]
    assert COUNTING in run.ledger["not_covered"]
    assert rpsg.verify(run).ok
    page = (run.release / "report.html").read_text()
    for words in (run.summary, page):
        assert "Nothing left" not in words
        assert readers in words.replace("\u00a0", " ")


@pytest.mark.parametrize(("how", "readers"), [("site", "the sites"), ("person", HAND)])
def test_the_machines_that_counted_are_named(lab: Lab, shards: Shards, how: str, readers: str) -> None:
    rows = lab.rows(200)
    plan = shards.plan(data={"divided_by": how})
    run = shards.whole(plan, sites(lab, rows) if how == "site" else lab.file(rows))
    check(run, readers)
    assert seen(run)["embedder", "synthetic texts"] == "this machine"
    actors = str(deployment(Release(run.path)))
    assert "The machines that counted shards" in actors
    assert "The publisher, who holds the texts" not in actors
    told = {flow.stage: flow.place for flow in preview(plan).flows}
    assert (told["embedder"], told["sentiment"]) == (readers, readers)
    assert told["mechanisms"].startswith("this machine")


@pytest.mark.parametrize(
    ("nodes", "readers"),
    [
        ((True, True), "a Ray cluster"),
        ((True, False), f"a Ray cluster and {HAND}"),
        ((False, False), HAND),
    ],
    ids=["nodes", "nodes and then by hand", "by hand"],
)
def test_the_run_notes_who_counted_each_question(
    lab: Lab, shards: Shards, nodes: tuple[bool, bool], readers: str
) -> None:
    check(Cluster(shards).run(lab.file(lab.rows(200)), nodes), readers)


@pytest.mark.parametrize(("address", "readers"), [("10.0.0.5:6379", "a Ray cluster"), ("", HAND)])
def test_a_run_whose_workers_count_says_so(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch, address: str, readers: str
) -> None:
    """With workers of this process in place of Ray's; a cluster of the run's own is in no public plan."""

    class Workers:
        def __init__(self, *_: object) -> None:
            pass

        def distribute(self, role: str, items: Any, tell: Any, most: int) -> None:
            assert (role, most) == ("counter", 1)
            for index, (question, data, shard) in enumerate(items):
                asked = lab.folder / "asked.json"
                asked.write_bytes(question)
                tell(index, shards.count(asked, data, shard, "landed.sum").read_bytes())

    writer = OnCluster() if address else FakeWriter()
    monkeypatch.setattr(on_ray, "Workers", Workers)
    monkeypatch.setattr(on_ray, "RayWriter", lambda *_: writer)
    monkeypatch.setattr(on_ray, "load_tools", lambda _, given: lab.tools(writer=given))
    data = {"path": str(lab.file(lab.rows(200)))}
    plan = shards.plan(data=data, engine={**NODES, "address": address})
    check(on_ray.run(plan, lab.folder / "run"), readers)


def test_a_run_in_one_place_names_this_machine_and_no_other(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(200))))
    assert set(seen(run).values()) == {"this machine"}
    assert COUNTING not in run.ledger["not_covered"]


@pytest.mark.parametrize("lie", ["", "this machine", "the sites", "a Ray cluster", "nobody"])
def test_a_release_that_names_other_readers_than_its_plan_leads_to_fails(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """Made by a changed program, so that every hash fits. Empty is what a run in one place has."""
    path = lab.file(lab.rows(200))
    with monkeypatch.context() as changed:
        changed.setattr("rpsg.pipeline.shards.merging.noted_readers", lambda *_, **__: lie)
        run = shards.whole(shards.plan(), path)
    checked = rpsg.verify(run)
    assert not checked.ok
    assert any("not the machines that counted" in check.detail for check in checked.checks if not check.ok)


def test_a_ledger_without_the_counting_machines_fails(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.file(lab.rows(200))

    def shorter(*args: Any, **named: Any) -> list[str]:
        return [line for line in not_covered(*args, **named) if line != COUNTING]

    with monkeypatch.context() as changed:
        changed.setattr("rpsg.privacy.ledger.uncovered", shorter)
        changed.setattr("rpsg.privacy.checks.not_covered", shorter)
        run = shards.whole(shards.plan(), path)
    assert COUNTING not in run.ledger["not_covered"]
    assert not rpsg.verify(run).ok


def test_a_run_that_died_before_its_release_still_knows_who_read_what(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All noise is drawn, so beginning it again needs no answers: readers and commitment are not lost."""
    path, plan = lab.file(lab.rows(200)), shards.plan()
    _, waiting = shards.second(plan, path)
    files = shards.count_all(waiting, path)
    with monkeypatch.context() as dying:
        dying.setattr("rpsg.pipeline.publish.write_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shards.merge(files)
    found = begin(plan, lab.folder / "run", tools=lab.tools())
    assert isinstance(found, Run)
    check(found, HAND)
