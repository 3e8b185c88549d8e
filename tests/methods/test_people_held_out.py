"""Who is held out for an audit is not used by any method, and their rows change nothing public."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.verification.opening import open_run
from rpsg.records import Document
from rpsg.stages.partition import by_draw
from rpsg.storage.vault import Vault
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.release.run import Run

KEY, SHARE, SECRET = b"k" * 32, 0.25, "ZQXHELDOUT"
METHODS = ("strict", "split", "paper")


@pytest.fixture
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run has the same secret key, so that two of them hold out the same people."""
    monkeypatch.setattr(Vault, "run_key", property(lambda _: KEY))


def held_out(row: dict[str, Any]) -> bool:
    return by_draw(KEY, SHARE, "audit")(Document(0, row["text"], None, row["user"]))


def run_of(
    lab: Lab, rows: list[dict[str, Any]], method: str, out: str, writer: FakeWriter | None = None
) -> Run:
    plan = lab.plan(
        lab.file(rows, f"{out}.jsonl"),
        method={"name": method},
        data={"audit_holdout": SHARE, "account": "one"},
        privacy={"lifetime_epsilon": 100.0},
        **({"paper": {"nominal_epsilon": 0}} if method == "paper" else {}),
    )
    return lab.run(plan, out, noise=FixedNoise(), writer=writer)


def answers(run: Run) -> list[Any]:
    """The noisy answers in the evidence of a release, in order."""
    files = sorted((run.release / "evidence").glob("*.json"))
    return [found["values"] for file in files if "values" in (found := json.loads(file.read_text()))]


@pytest.mark.usefixtures("one_key")
@pytest.mark.parametrize("method", METHODS)
def test_what_held_out_people_wrote_changes_no_text_no_prompt_and_no_answer(lab: Lab, method: str) -> None:
    rows = lab.rows(400)
    others = [{**row, "text": f"{SECRET} {i}"} if held_out(row) else row for i, row in enumerate(rows)]
    gone = [row for row in rows if not held_out(row)]
    assert 60 < len(rows) - len(gone) < 140
    writers = [FakeWriter() for _ in range(3)]
    runs = [
        run_of(lab, world, method, f"run-{i}", writers[i]) for i, world in enumerate((rows, others, gone))
    ]
    asked = [[[m.content for m in r.messages] for r in writer.requests] for writer in writers]
    assert asked[0] == asked[1] == asked[2]
    assert runs[0].texts == runs[1].texts == runs[2].texts
    assert answers(runs[0]) == answers(runs[1]) == answers(runs[2])
    assert runs[0].summary == runs[1].summary == runs[2].summary
    told = "".join(file.read_text(errors="replace") for file in runs[1].release.rglob("*") if file.is_file())
    assert SECRET not in told


@pytest.mark.usefixtures("one_key")
def test_a_person_who_is_not_held_out_does_change_the_answers(lab: Lab) -> None:
    """Or the test above could not fail."""
    rows = lab.rows(400)
    person = next(row["user"] for row in rows if not held_out(row))
    less = [row for row in rows if row["user"] != person]
    runs = [run_of(lab, world, "strict", f"run-{i}") for i, world in enumerate((rows, less))]
    assert answers(runs[0]) != answers(runs[1])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_with_people_held_out_verifies_opens_and_says_the_share(lab: Lab, method: str) -> None:
    plan = lab.plan(
        lab.file(lab.rows(500)),
        method={"name": method},
        data={"audit_holdout": SHARE},
        privacy={"epsilon": 8.0},
    )
    run = api.run(plan, lab.folder / "run") if method != "paper" else lab.run(plan)
    if method != "paper":
        assert api.verify(run.path).ok
        assert all(check.ok for check in open_run(run.path)), open_run(run.path)
    told = {line["name"]: line["role"] for line in run.ledger["public_inputs"]}
    assert told["audit_holdout"].endswith("never used: 0.25")
    assert "audit_holdout = 0.25" in (run.release / "evidence" / "plan.toml").read_text()


def test_a_run_without_says_nothing_of_it(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    assert "holdout" not in "".join(
        file.read_text(errors="replace") for file in run.release.rglob("*") if file.is_file()
    )
