"""What a method reads decides what its release claims, so a method that does not say it cannot run."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg import api, registry
from rpsg.errors import RpsgError, UsageError
from rpsg.methods import strict
from rpsg.methods.base import Method
from rpsg.methods.budget import strict_budget
from rpsg.models.fake import FakeClassifier
from rpsg.records import Candidate, Card, Pool

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.methods.base import Job
    from rpsg.protocols import Reads


def copies_five_texts(job: Job) -> Pool:
    """What a careless plug-in may do: open the private file and hand on what it finds."""
    lines = Path(job.plan.data.path).read_text().splitlines()[:5]
    return Pool(tuple(Candidate(i, json.loads(line)["text"], Card({})) for i, line in enumerate(lines)))


UNDECLARED = copies_five_texts
LEAKY = Method("leaky", "says that it reads nothing, and tries to", "nothing", copies_five_texts)
BORROWED = Method("strict", "calls itself by another's name", "nothing", copies_five_texts)
MINE = Method("mine", "strict by another name", "noisy_answers", strict.synthesize, strict_budget)


def plug_in(monkeypatch: pytest.MonkeyPatch, **objects: str) -> None:
    entries = [EntryPoint(name, f"{__name__}:{what}", "rpsg.methods") for name, what in objects.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if "methods" in group else [])


def test_a_bare_function_is_refused_before_anything_is_read(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, undeclared="UNDECLARED")
    plan = lab.plan(lab.folder / "there is no such file", method={"name": "undeclared"})
    with pytest.raises(UsageError, match="does not declare what it reads"):
        lab.run(plan)
    assert not (lab.folder / "run").exists()
    with pytest.raises(UsageError, match="does not declare what it reads"):
        api.preview(plan)


def test_a_method_that_says_it_reads_nothing_is_not_told_where_the_data_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, leaky="LEAKY")
    file = lab.file(lab.rows(50))
    with pytest.raises((RpsgError, OSError)):
        lab.run(lab.plan(file, method={"name": "leaky"}))
    assert not (lab.folder / "run" / "release").exists()


def test_no_method_can_be_sealed_under_the_name_of_another(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, borrowed="BORROWED")
    with pytest.raises(UsageError, match="calls itself 'strict'"):
        lab.run(lab.plan(lab.file(lab.rows(50)), method={"name": "borrowed"}))


@pytest.mark.parametrize(
    ("reads", "has_budget"),
    [("nothing", True), ("records", True), ("noisy_answers", False), ("donors", False), ("a bit", False)],
)
def test_a_declaration_that_contradicts_itself_cannot_be_made(reads: Reads, has_budget: bool) -> None:
    with pytest.raises(ValueError, match="a method"):
        Method("odd", "", reads, strict.synthesize, strict_budget if has_budget else None)


def test_a_stranger_s_private_method_is_accounted_and_sealed_under_its_own_name(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, mine="MINE")
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    plan = lab.plan(lab.file(lab.rows(600)), method={"name": "mine"})
    assert "differential privacy, end to end" in api.preview(plan).claim
    run = api.run(plan, lab.folder / "run")
    assert (run.ledger["method"], run.ledger["reads"]) == ("mine", "noisy_answers")
    assert run.ledger["claim"]["type"] == "end_to_end_dp"
    assert run.epsilon == 4.0
    assert [line["stage"] for line in run.ledger["mechanisms"]] == ["size", "cards", "sketch"]
