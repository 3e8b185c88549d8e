"""The floor reads nothing private, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg import api, registry
from rpsg.domains import read_pack
from rpsg.errors import PrivacyError
from rpsg.methods.base import Job
from rpsg.methods.dp_steps import count_people
from rpsg.methods.floor import synthesize
from rpsg.models.fake import FakeClassifier, FakeWriter
from rpsg.pipeline.people import nobody
from rpsg.pipeline.private_data import NoQuestions
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.plan import Plan


def floor(lab: Lab, **sections: dict[str, object]) -> Plan:
    return lab.plan(lab.folder / "there is no such file", method={"name": "floor"}, **sections)


def test_the_floor_needs_no_data_and_claims_that_none_was_read(lab: Lab) -> None:
    run = lab.run(floor(lab))
    assert len(run.texts) == 20
    assert run.ledger["claim"]["type"] == "no_private_data"
    assert run.ledger["mechanisms"] == []
    assert run.ledger["cost"] == {"mu2": 0.0, "delta_fail": 0.0}
    assert [line["carries"] for line in run.ledger["egress"]] == ["public_only"]
    assert "private_commitment" not in run.ledger or run.ledger["private_commitment"] is None


def test_the_floor_leaves_no_trace_in_the_odometer(lab: Lab) -> None:
    import os
    from pathlib import Path

    lab.run(floor(lab))
    left = {file.name for file in Path(os.environ["RPSG_HOME"]).iterdir()}
    assert {name.partition(".")[0] for name in left} <= {"installation", "vault"}


def test_the_same_floor_is_the_same_everywhere(lab: Lab) -> None:
    assert lab.run(floor(lab), "one").records == lab.run(floor(lab), "two").records


def test_the_floor_s_values_are_spread_evenly(lab: Lab) -> None:
    writer = FakeWriter()
    lab.run(floor(lab, corpus={"size": 58}), writer=writer)
    said = [request.messages[-1].content for request in writer.requests[8:]]  # the trial
    for topic in read_pack(lab.pack).attribute("topic").values:
        assert 14 <= sum(topic in text for text in said) <= 16


def test_a_release_of_the_floor_can_be_verified(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    run = api.run(floor(lab), lab.folder / "run")
    found = api.verify(run.path)
    assert (found.ok, found.claims) == (True, False)


def test_a_method_without_a_budget_gets_no_answer(lab: Lab) -> None:
    from rpsg.errors import InfeasibleError

    tools = lab.tools()
    plan = floor(lab)
    job = Job(
        plan, read_pack(lab.pack), None, nobody(tools, Silent(), "no data"), NoQuestions(), tools, Silent()
    )
    assert len(synthesize(job).alive()) == 20
    with pytest.raises(InfeasibleError, match="no privacy budget"):
        count_people(job, None)
    with pytest.raises(PrivacyError, match="no data"):
        _ = job.people.rows
