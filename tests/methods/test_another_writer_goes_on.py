"""What was counted is paid for: a writer or a prompt that is changed before the sketch goes on with it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg import api, registry
from rpsg.errors import DataError, ModelError, RunError
from rpsg.models.fake import FakeClassifier, FakeWriter
from rpsg.models.openai.client import ServerClient
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.protocols import Reply, Request

CHANGED = "writer, prompts or settings of generation"


class Tires(FakeWriter):
    """Passes the trial, and then says nothing that can be used."""

    def _reply(self, request: Request) -> Reply:
        reply = super()._reply(request)
        return reply if len(self.requests) <= 8 else replace(reply, text="No.")


class Stops(Silent):
    """Ends the process, as it were, at the beginning of a stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def start(self, stage: str, total: int | None = None) -> None:
        if stage == self.stage:
            raise KeyboardInterrupt


def spent(plan: Plan) -> float:
    totals = Odometer().statement(account_name(plan.data.account, plan.data.path)).totals
    return sum(total.mu2 for total in totals)


def evidence(path: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in sorted((path / "evidence").glob("release-*"))}


@pytest.fixture
def tired(lab: Lab) -> Plan:
    """The plan of a run whose writer failed after people and cards were counted."""
    plan = lab.plan(lab.file(lab.rows(300)))
    with pytest.raises(ModelError, match="can be used") as caught:
        lab.run(plan, writer=Tires())
    assert "same -o" in caught.value.hint
    return plan


CHANGES: dict[str, dict[str, Any]] = {
    "only the writer": {},
    "temperature": {"generation": {"temperature": 0.5}},
    "about": {"corpus": {"about": "letters about food"}},
    "size": {"corpus": {"size": 12}},
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_another_writer_uses_the_noisy_answers_that_are_paid_for(
    lab: Lab, tired: Plan, changed: dict[str, Any]
) -> None:
    before = evidence(lab.folder / "run")
    assert len(before) == 2
    plan = lab.plan(tired.data.path, **changed)
    writer = FakeWriter(name="another")
    run = lab.run(plan, writer=writer)
    assert before.items() <= evidence(run.path).items()
    assert len(run.texts) == plan.corpus.size
    told = [line for line in run.ledger["public_inputs"] if line["name"] == CHANGED]
    assert [line["role"].partition(",")[0] for line in told] == ["changed after the first noisy answers"]
    fresh = lab.run(plan, "fresh", writer=writer)
    assert not [line for line in fresh.ledger["public_inputs"] if line["name"] == CHANGED]


def test_a_run_with_another_writer_costs_what_one_run_costs(lab: Lab, tired: Plan) -> None:
    half = spent(tired)
    assert half > 0
    lab.run(tired, writer=FakeWriter(name="another"))
    whole = spent(tired)
    lab.run(tired, "fresh")
    assert spent(tired) == pytest.approx(2 * whole)
    assert half < whole


def test_no_reply_of_the_writer_before_is_released(lab: Lab, tired: Plan) -> None:
    from rpsg.storage.call_store import request_key

    writer = FakeWriter(name="another")
    run = lab.run(tired, writer=writer)
    lines = (run.release / "evidence" / "texts.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in lines} == {request_key("another", r) for r in writer.requests}


def test_a_changed_plan_before_the_sketch_is_verified(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    plan = lab.plan(lab.file(lab.rows(300)))
    with pytest.raises(KeyboardInterrupt):
        api.run(plan, lab.folder / "run", progress=Stops("writing candidates"))
    run = api.run(lab.plan(plan.data.path, generation={"temperature": 0.5}), lab.folder / "run")
    assert json.loads((run.release / "evidence" / "changed.json").read_text())["after"] == ["size", "cards"]
    assert api.verify(run.path).ok


QUESTIONS: dict[str, dict[str, Any]] = {
    "epsilon": {"privacy": {"epsilon": 3.0}},
    "votes for the sketch": {"method": {"select": "votes"}},
    "labels": {"data": {"label": "label", "labels": ("food", "drink")}},
}


@pytest.mark.parametrize("changed", QUESTIONS.values(), ids=QUESTIONS)
def test_other_questions_do_not_go_on_once_something_was_charged(
    lab: Lab, tired: Plan, changed: dict[str, Any]
) -> None:
    with pytest.raises(RunError, match="another plan"):
        lab.run(lab.plan(tired.data.path, **changed), writer=FakeWriter(name="another"))


@pytest.mark.parametrize("select", ["sketch", "votes"])
def test_after_the_texts_were_asked_about_nothing_changes_any_more(lab: Lab, select: str) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), method={"select": select})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, progress=Stops("release"))
    with pytest.raises(RunError, match="another plan") as caught:
        lab.run(plan, writer=FakeWriter(name="another"))
    assert "already been compared with the written texts" in caught.value.hint
    assert len(lab.run(plan).texts) == 20


def test_a_released_run_is_not_changed(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    lab.run(plan)
    with pytest.raises(RunError, match="another plan"):
        lab.run(plan, writer=FakeWriter(name="another"))


def test_a_mistyped_column_is_corrected_in_the_same_folder(lab: Lab) -> None:
    path = lab.file(lab.rows(300))
    with pytest.raises(DataError):
        lab.run(lab.plan(path, data={"text": "txet"}))
    run = lab.run(lab.plan(path))
    assert len(run.texts) == 20
    assert not (run.release / "evidence" / "changed.json").exists()


def test_texts_that_a_run_without_a_budget_wrote_are_not_thrown_away(lab: Lab) -> None:
    with pytest.raises(KeyboardInterrupt):
        lab.run(lab.plan(method={"name": "floor"}), progress=Stops("release"))
    with pytest.raises(RunError, match="another plan"):
        lab.run(lab.plan(method={"name": "floor"}, generation={"seed": 1}))
    assert len(lab.run(lab.plan(method={"name": "floor"})).texts) == 20


def test_in_split_mode_too_the_voters_are_not_counted_again(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, progress=Stops("first rewrite"))
    before = evidence(lab.folder / "run")
    assert len(before) == 1
    run = lab.run(plan, writer=FakeWriter(name="another"))
    assert before.items() <= evidence(run.path).items()
    assert [line for line in run.ledger["public_inputs"] if line["name"] == CHANGED]
    assert [check for check in rpsg.verify(run.path).checks if not check.ok] == []


def test_a_server_of_this_machine_may_come_back_on_another_port() -> None:
    from rpsg.plan import ServerSection

    def name(url: str) -> str:
        return ServerClient("m", ServerSection(base_url=url), "openai", 0.5).name

    assert name("http://127.0.0.1:8000/v1") == name("http://127.0.0.1:8123/v1") == "openai:m@127.0.0.1"
    assert name("http://[::1]:8000/v1") == "openai:m@[::1]" == name("http://[::1]/v1")
    assert name("https://a.example.org:8000/v1") != name("https://a.example.org:8001/v1")


SAME_SERVER = {
    "another port": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8123/v1"),
    "a slash after the path": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/"),
    "no path": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
    "the whole address of the requests": (
        "http://127.0.0.1:8000/v1",
        "http://127.0.0.1:8000/v1/chat/completions",
    ),
    "https after http": ("http://127.0.0.1:8000/v1", "https://127.0.0.1:8443/v1"),
    "localhost on another port": ("http://localhost:8000/v1", "http://localhost:9000/v1"),
    "localhost and its number": ("http://localhost:8000/v1", "http://127.0.0.1:8000/v1"),
    "capitals": ("https://API.example.org/v1", "https://api.example.org/v1"),
}


@pytest.mark.parametrize("case", SAME_SERVER)
def test_the_same_model_on_the_same_machine_has_one_name(case: str) -> None:
    from rpsg.plan import ServerSection

    names = {ServerClient("m", ServerSection(base_url=url), "openai", 0.5).name for url in SAME_SERVER[case]}
    assert len(names) == 1
