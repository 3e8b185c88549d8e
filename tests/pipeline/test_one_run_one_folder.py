"""A run belongs to its folder, its plan, its data and its account, and goes on only with all four."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import read_pack
from rpsg.errors import BudgetError, RunError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.odometer import Odometer
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.protocols import Request


class StopsBeforeTheSketch(Silent):
    def start(self, stage: str, total: int | None = None) -> None:
        if stage == "measuring the private texts":
            raise KeyboardInterrupt


def stopped(lab: Lab, plan: Plan) -> None:
    """Begin a run and stop it with Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, progress=StopsBeforeTheSketch())


def evidence(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((path / "evidence").glob("release-*.json"))}


@pytest.mark.parametrize("change", ["nothing", "one left", "another order", "another text"])
def test_a_run_goes_on_alike_whether_its_data_changed_or_not(lab: Lab, change: str) -> None:
    """A refusal would tell for certain whether the rows are the same. Answers that were drawn are kept."""
    rows = lab.rows(300)
    changed = {
        "nothing": rows,
        "one left": rows[1:],
        "another order": [*rows[1:], rows[0]],
        "another text": [*rows[:-1], {**rows[-1], "text": "another text"}],
    }
    plan = lab.plan(lab.file(rows))
    stopped(lab, plan)
    before = evidence(lab.folder / "run")
    assert before
    lab.file(changed[change])
    assert len(lab.run(plan).texts) == 20
    after = evidence(lab.folder / "run")
    assert {name: after[name] for name in before} == before


def test_embeddings_of_rows_that_changed_are_made_again(lab: Lab) -> None:
    """One row in place of another leaves the shape of the embeddings as it was."""
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows))
    stopped(lab, plan)
    kept = lab.folder / "run" / "private" / "embeddings.f16.sealed"
    before = kept.read_bytes()
    lab.run(plan)
    assert kept.read_bytes() == before
    other = lab.plan(lab.file(rows, "other.jsonl"))
    with pytest.raises(KeyboardInterrupt):
        lab.run(other, "second", progress=StopsBeforeTheSketch())
    kept = lab.folder / "second" / "private" / "embeddings.f16.sealed"
    before = kept.read_bytes()
    lab.file([*rows[:-1], {**rows[-1], "text": "another text"}], "other.jsonl")
    lab.run(other, "second")
    assert kept.read_bytes() != before


def test_the_same_rows_in_another_place_are_the_same_data(lab: Lab) -> None:
    rows = lab.rows(300)
    stopped(lab, lab.plan(lab.file(rows)))
    assert len(lab.run(lab.plan(lab.file(rows, "moved.jsonl"))).texts) == 20


def test_the_folder_of_another_plan_is_refused_and_left_alone(lab: Lab) -> None:
    data = lab.file(lab.rows(300))
    stopped(lab, lab.plan(data))
    writer = FakeWriter()
    with pytest.raises(RunError, match=r"another plan.*corpus\.size"):
        lab.run(lab.plan(data, corpus={"size": 21}), writer=writer)
    assert writer.requests == []


def test_a_finished_run_comes_back_at_once_without_data_or_writer(lab: Lab) -> None:
    path = lab.file(lab.rows(300))
    run = lab.run(lab.plan(path))
    path.unlink()
    writer = FakeWriter()
    again = lab.run(lab.plan(path), writer=writer)
    assert writer.requests == []
    assert (again.texts, again.ledger, again.summary) == (run.texts, run.ledger, run.summary)
    assert again.timings == pytest.approx(run.timings, abs=0.01)


def test_how_long_the_reading_took_stays_in_the_private_folder(lab: Lab) -> None:
    """It grows with the number of people, which is private."""
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    assert b"reading the private texts" in (run.path / "private" / "timings.json").read_bytes()
    assert "reading the private texts" not in run.timings
    files = [path for path in run.path.rglob("*") if path.is_file()]
    outside = [path for path in files if "private" not in path.relative_to(run.path).parts]
    assert not [p.name for p in outside if b"reading the private texts" in p.read_bytes()]


def test_a_pack_that_is_edited_during_a_run_does_not_spoil_its_release(lab: Lab) -> None:
    def edits(request: Request) -> str:
        (lab.pack / "candidate.txt").write_text("Something else about {topic}")
        return FakeWriter().write([request])[0].text

    before = (lab.pack / "candidate.txt").read_text()
    try:
        run = lab.run(lab.plan(lab.file(lab.rows(300))), writer=FakeWriter(edits))
    finally:
        (lab.pack / "candidate.txt").write_text(before)
    kept = run.release / "evidence" / "pack"
    assert (kept / "candidate.txt").read_text() == before
    assert read_pack(kept).sha256 in {line.get("sha256") for line in run.ledger["public_inputs"]}


def test_every_run_of_a_declared_account_is_charged_to_it(lab: Lab) -> None:
    rows = lab.rows(300)
    reviews = {"account": "reviews"}
    one = lab.run(lab.plan(lab.file(rows), data=reviews), "one")
    two = lab.run(lab.plan(lab.file(rows[:250], "some of them.jsonl"), data=reviews), "two")
    (total,) = Odometer().statement("reviews").totals
    assert total.mu2 == pytest.approx(one.ledger["cost"]["mu2"] + two.ledger["cost"]["mu2"])
    small = lab.plan(lab.folder / "data.jsonl", data=reviews, privacy={"lifetime_epsilon": 6.0})
    writer = FakeWriter()
    with pytest.raises(BudgetError, match="lifetime"):
        lab.run(small, "three", writer=writer)
    assert writer.requests == []


def test_evidence_that_was_changed_between_two_calls_is_refused(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    stopped(lab, plan)
    file = lab.folder / "run" / "evidence" / "release-001.json"
    body = json.loads(file.read_text())
    body["values"][0] += 1
    file.write_text(json.dumps(body))
    with pytest.raises(RunError, match="evidence of stage cards was changed"):
        lab.run(plan)
