"""Split mode from the outside: voters only through noisy counts, donors as the claim says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.claims import DONORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.results import Run

MARKER = "ZQXVOTER"


def split(lab: Lab, rows: Sequence[dict[str, Any]], out: str = "run", **sections: Any) -> Run:
    donors = lab.folder / "donors.txt"
    donors.write_text("".join(f"person-{i}\n" for i in range(40)))
    path = lab.file(rows, f"{out}.jsonl")
    named = {"method": {"name": "split"}, "split": {"donor_list": str(donors)}, **sections}
    return lab.run(lab.plan(path, **named), out)


def voters_say(rows: Sequence[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    """The rows with another word in all texts of those who are not on the list."""
    return [
        row if int(row["user"].removeprefix("person-")) < 40 else {**row, "text": f"{row['text']} {word}"}
        for row in rows
    ]


def test_the_claim_says_who_is_protected_and_who_is_not(lab: Lab) -> None:
    run = split(lab, lab.rows(400))
    assert run.ledger["mode"] == "split"
    assert run.ledger["privacy_unit"]["seed_units_disjoint_from_voters"] is True
    assert run.ledger["claim"]["text"].startswith("For voters")
    assert all(DONORS in text for text in (run.ledger["claim"]["text"], run.summary, run.records[0]["claim"]))
    assert {m["data"] for m in run.ledger["mechanisms"]} == {"voters"}
    assert [m["stage"] for m in run.ledger["mechanisms"]] == ["size", "votes"]
    assert api.verify(run.path).ok


def test_no_voter_s_word_is_in_a_prompt_or_behind_the_door(lab: Lab) -> None:
    writer = FakeWriter()
    donors = lab.folder / "donors.txt"
    donors.write_text("".join(f"person-{i}\n" for i in range(40)))
    path = lab.file(voters_say(lab.rows(400), MARKER))
    plan = lab.plan(path, method={"name": "split"}, split={"donor_list": str(donors)})
    run = lab.run(plan, writer=writer)
    asked = " ".join(message.content for request in writer.requests for message in request.messages)
    assert any(word in asked for word in lab.apple), "donors' words are in the prompts"
    assert MARKER not in asked
    for file in (run.path / "private" / "stages").iterdir():
        assert MARKER not in file.read_text(), file


def test_the_same_noisy_counts_of_other_voters_give_the_same_prompts_and_the_same_corpus(
    lab: Lab, retell: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Voters' texts reach nothing but the mechanisms."""
    monkeypatch.setattr("rpsg.store.run.RunFolder.key", property(lambda _: b"k" * 32))
    quiet = {"paper": {"nominal_epsilon": 0}}
    first = split(lab, voters_say(lab.rows(400), "magnet"), "first", **quiet)
    retell(first)
    second = split(lab, voters_say(lab.rows(400), "velvet orchid"), "second", **quiet)
    assert first.texts == second.texts
    assert (first.release / "corpus.jsonl").read_bytes() == (second.release / "corpus.jsonl").read_bytes()


@pytest.mark.parametrize("rounds", [2, 3])
def test_further_rounds_rewrite_the_winners(lab: Lab, rounds: int) -> None:
    run = split(lab, lab.rows(500), method={"name": "split", "rounds": rounds}, privacy={"epsilon": 8.0})
    assert len(run.texts) == 20
    assert [m["stage"] for m in run.ledger["mechanisms"]][1:] == [f"votes[{i}]" for i in range(rounds)]
    assert api.verify(run.path).ok


def test_people_are_drawn_when_nobody_is_listed(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(400)), method={"name": "split"}, split={"donors": 0.3}))
    seeds = json.loads((run.path / "private" / "stages" / "00-seeds.json").read_text())
    assert 70 < seeds["facts"]["taken"] < 170


def test_declared_labels_are_kept_by_the_votes(lab: Lab) -> None:
    data = {"label": "label", "labels": ("food", "drink")}
    run = split(lab, lab.rows(400), data=data, privacy={"epsilon": 8.0})
    assert {record["label"] for record in run.records} == {"food", "drink"}


def test_labels_that_nobody_declared_are_refused(lab: Lab) -> None:
    with pytest.raises(UsageError, match="must be declared"):
        split(lab, lab.rows(400), data={"label": "label"})


def test_a_list_needs_a_column_that_says_whose_a_row_is(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"}, split={"donor_list": "donors.txt"})
    nobody = plan.model_copy(update={"data": plan.data.model_copy(update={"user": None})})
    with pytest.raises(UsageError, match="whose a row is"):
        lab.run(nobody)


def test_another_list_does_not_go_on_with_the_run(lab: Lab) -> None:
    class Stop(FakeWriter):
        def write(self, requests: Any, on_reply: Any = None) -> Any:
            raise KeyboardInterrupt

    donors = lab.folder / "donors.txt"
    donors.write_text("".join(f"person-{i}\n" for i in range(40)))
    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"}, split={"donor_list": str(donors)})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=Stop())
    donors.write_text("person-1\nperson-2\n")
    with pytest.raises(RunError, match="list of donors changed"):
        lab.run(plan)


def test_a_list_that_is_not_there_is_told(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "split"}, split={"donor_list": "no-such-file"})
    with pytest.raises(UsageError, match="cannot be read"):
        lab.run(plan)


def test_a_method_without_seeds_has_no_door(lab: Lab) -> None:
    from rpsg.methods.seed_steps import seeding
    from rpsg.methods.tools import Job

    job = Job(lab.plan(), None, None, None, None, lab.tools(), None)  # type: ignore[arg-type]  # nothing of it is used
    with pytest.raises(PrivacyError, match="no door"):
        seeding(job)
