"""Private text goes to nothing but this machine, and a release says who saw what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import PrivacyError
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeScorer, FakeWriter
from rpsg.models.openai.embedder import ServerEmbedder
from rpsg.pipeline import execute as running
from rpsg.plan import ServerSection
from rpsg.privacy import egress

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run


class RemoteWriter(FakeWriter):
    endpoint = "remote_llm"
    host = "llm.example.org"
    at_once = 8


class Somewhere:
    """A model like another one, that says other things about where it runs."""

    def __init__(self, model: Any, **says: Any) -> None:
        self._model = model
        self._says = says

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__["_says"]:
            return self._says[name]
        if name in {"endpoint", "host"}:
            raise AttributeError(name)
        return getattr(self._model, name)


PLACES: dict[str, dict[str, Any]] = {
    "on a server": {"endpoint": "remote_llm", "host": "embed.example.org"},
    "nowhere that it tells": {},
    "here, by its own word, on a server of another machine": {"endpoint": "local_model", "host": "10.0.0.7"},
}


@pytest.mark.parametrize("says", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("role", ["embedder", "sentiment", "scorer"])
def test_a_strict_run_refuses_a_reader_that_is_not_on_this_machine_before_it_reads(
    lab: Lab, role: str, says: dict[str, Any]
) -> None:
    models = {"embedder": FakeEmbedder(), "sentiment": FakeClassifier(), "scorer": FakeScorer()}
    elsewhere: dict[str, Any] = {role: Somewhere(models[role], **says)}
    tools = replace(lab.tools(), **elsewhere)
    plan = lab.plan(lab.folder / "is-not-even-there.jsonl")
    with pytest.raises(PrivacyError, match=f"The {role} .* stay on this machine") as refused:
        running.execute(plan, lab.folder / "run", tools=tools)
    assert "rpsg list" in refused.value.hint
    assert not (lab.folder / "run").exists()


def test_a_server_on_the_loopback_of_this_machine_may_read() -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:9", "127.8.9.1"):
        assert egress.is_here(Somewhere(FakeEmbedder(), endpoint="local_model", host=host)), host
    for host in ("127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "[::2]:9", "0.0.0.0", "["):
        assert not egress.is_here(Somewhere(FakeEmbedder(), endpoint="local_model", host=host)), host


def test_a_server_of_this_machine_that_was_not_declared_is_refused_with_the_words_that_declare_it(
    lab: Lab,
) -> None:
    server = ServerSection(base_url="http://127.0.0.1:9/v1")
    tools = replace(lab.tools(), embedder=ServerEmbedder("e", server))
    with pytest.raises(PrivacyError, match=r"127\.0\.0\.1:9") as refused:
        running.execute(lab.plan(lab.folder / "is-not-even-there.jsonl"), lab.folder / "run", tools=tools)
    assert "this_machine = true" in refused.value.hint
    assert egress.is_here(ServerEmbedder("e", ServerSection(base_url=server.base_url, this_machine=True)))


def test_a_method_without_private_data_may_use_any_host(lab: Lab) -> None:
    tools = replace(lab.tools(), embedder=Somewhere(FakeEmbedder(), endpoint="remote_llm", host="e.example"))
    run = running.execute(lab.plan(method={"name": "floor"}), lab.folder / "run", tools=tools)
    assert "e.example" in run.summary


def seen(run: Run) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads((run.release / "egress.json").read_bytes())["seen"]
    return lines


def test_a_release_lists_every_host_and_how_many_requests_it_saw(lab: Lab) -> None:
    writer = RemoteWriter(fails=lambda request: request.seed % 7 == 0)
    run = lab.run(lab.plan(lab.file(lab.rows(300)), method={"select": "votes", "rounds": 2}), writer=writer)
    by_role = {line["role"]: line for line in seen(run)}
    assert by_role["writer"]["host"] == "llm.example.org"
    assert by_role["writer"]["requests"] == len(writer.requests)
    assert by_role["embedder"]["host"] == by_role["sentiment"]["host"] == "this machine"
    assert all("requests" not in line for role, line in by_role.items() if role != "writer")
    assert "Data were sent to llm.example.org." in run.summary
    assert any(output["name"] == "egress.json" for output in run.ledger["outputs"])


def test_a_run_of_this_machine_alone_says_that_nothing_left_it(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    assert "Nothing left the machine that made this release." in run.summary


def sendings(path: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (path / "journal.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "sending"]


def test_the_journal_notes_each_batch_before_it_is_sent(lab: Lab) -> None:
    noted: list[int] = []

    class Watching(RemoteWriter):
        def _reply(self, request: Any) -> Any:
            noted.append(len(sendings(lab.folder / "run")))
            return super()._reply(request)

    run = lab.run(
        lab.plan(lab.file(lab.rows(300)), method={"select": "votes", "rounds": 2}), writer=Watching()
    )
    events = sendings(run.path)
    assert noted[0] == 1
    assert noted[-1] == len(events) >= 2
    assert {event["host"] for event in events} == {"llm.example.org"}
    assert [event["stage"] for event in events][:3] == [
        "testing the writer",
        "writing candidates",
        "writing variants",
    ]
    assert sum(event["requests"] for event in events) == len(noted)


def test_a_model_that_is_tampered_out_of_the_list_of_hosts_is_found(lab: Lab) -> None:
    from rpsg import api

    run = running.execute(lab.plan(lab.file(lab.rows(300))), lab.folder / "run")
    assert api.verify(run.path).ok
    listed = run.release / "egress.json"
    listed.write_text(listed.read_text().replace("this machine", "that machine"))
    assert not api.verify(run.path).ok


def test_a_classifier_is_listed_as_a_reader_only_where_texts_have_sentiments(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpsg import api
    from rpsg.pipeline.preview import preview

    plan = lab.plan(lab.file(lab.rows(300)), corpus={"domain": "survey-fr", "size": 10})
    run = running.execute(plan, lab.folder / "run")
    assert [line["role"] for line in seen(run)] == ["embedder", "mechanisms", "writer"]
    assert "sentiment" not in {flow.stage for flow in preview(plan).flows}
    assert "sentiment" in {flow.stage for flow in preview(lab.plan(plan.data.path)).flows}
    assert api.verify(run.path).ok
    # The form of 0.1.0, in which it was always listed: this release does not have it.
    monkeypatch.setattr("rpsg.pipeline.verification.replay.FIRST_FORM", {run.ledger["code"]["version"]})
    found = api.verify(run.path)
    assert "egress.json" in {check.name for check in found.checks if not check.ok}
