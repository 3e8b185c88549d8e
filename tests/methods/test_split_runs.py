"""Split mode from the outside: voters only through noisy counts, donors as the claim says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import stages

from rpsg import api
from rpsg.errors import PrivacyError, RunError, UsageError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.claims import DONORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.release.run import Run

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
    assert run.ledger["reads"] == "donors"
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
    for name, kept in stages(run).items():
        assert MARKER not in json.dumps(kept), name


def test_the_same_noisy_counts_of_other_voters_give_the_same_prompts_and_the_same_corpus(
    lab: Lab, retell: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Voters' texts reach nothing but the mechanisms."""
    monkeypatch.setattr("rpsg.storage.run_folder.RunFolder.key", property(lambda _: b"k" * 32))
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
    assert 70 < stages(run)["seeds"]["facts"]["taken"] < 170


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
    with pytest.raises(UsageError, match="which person a row belongs to"):
        lab.run(nobody)


def test_another_list_does_not_go_on_with_the_run(lab: Lab) -> None:
    class Stop(FakeWriter):
        def write(self, requests: Any, on_reply: Any = None) -> Any:
            if len(self.requests) >= 16:  # the trial, of invented examples
                raise KeyboardInterrupt
            return super().write(requests, on_reply)

    donors = lab.folder / "donors.txt"
    donors.write_text("".join(f"person-{i}\n" for i in range(40)))
    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"}, split={"donor_list": str(donors)})
    with pytest.raises(KeyboardInterrupt):
        lab.run(plan, writer=Stop())
    donors.write_text("person-1\nperson-2\n")
    with pytest.raises(RunError, match="list of donors has changed"):
        lab.run(plan)


def test_a_list_that_is_not_there_is_told(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(40)), method={"name": "split"}, split={"donor_list": "no-such-file"})
    with pytest.raises(UsageError, match="cannot be read"):
        lab.run(plan)


def test_a_method_without_seeds_has_no_door(lab: Lab) -> None:
    from rpsg.methods.base import Job
    from rpsg.methods.seed_steps import seeding

    job = Job(lab.plan(), None, None, None, None, lab.tools(), None)  # type: ignore[arg-type]  # nothing of it is used
    with pytest.raises(PrivacyError, match="no access"):
        seeding(job)


def lines_of(run: Run) -> dict[str, list[str]]:
    """The operator's table: the cells of each stage by its name."""
    table = (run.path / "private" / "stages.md").read_text().splitlines()[2:]
    return {row[0]: row[1:] for row in ([c.strip() for c in line.strip("|").split("|")] for line in table)}


def test_every_stage_up_to_the_last_has_its_line(lab: Lab) -> None:
    run = split(lab, lab.rows(500), method={"name": "split", "rounds": 2}, privacy={"epsilon": 8.0})
    lines = lines_of(run)
    assert list(lines) == [
        *("seeds", "abstraction", "choice"),
        *(() if "second choice" not in lines else ("second abstraction", "second choice")),
        *("first rewrite", "public filters", "votes"),
        *("rewrite 1", "public filters 1", "votes 1", "scrub", "sentiment agreement"),
    ]
    assert lines["votes"][0] == lines["public filters"][1]
    assert "not chosen by the votes" in lines["votes"][2] or "below the vote floor" in lines["votes"][2]
    assert lines["votes 1"][1] == lines["scrub"][1] == lines["sentiment agreement"][0] == "20"
    assert int(lines["sentiment agreement"][1]) <= 20


class Broken(FakeWriter):
    """Stops the process after so many batches."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def write(self, requests: Any, on_reply: Any = None) -> Any:
        self.after -= 1
        if self.after < 0:
            raise KeyboardInterrupt
        return super().write(requests, on_reply)


def test_a_run_that_stopped_after_its_votes_goes_on_with_them(lab: Lab) -> None:
    """The noise of a vote is drawn once: the line of the vote, and its evidence, stay as they were."""
    method = {"name": "split", "rounds": 2}
    plan = lab.plan(lab.file(lab.rows(500)), method=method, privacy={"epsilon": 8.0})
    votes: list[Any] = []
    for batches in range(12):
        votes = list((lab.folder / "run" / "private" / "stages").glob("*-votes.json.sealed"))
        if votes:
            break
        with pytest.raises(KeyboardInterrupt):
            lab.run(plan, writer=Broken(batches))
    kept = {file: file.read_bytes() for file in (*votes, *(lab.folder / "run/evidence").glob("release-*"))}
    assert len(kept) == 3, "one stage, the size and the first vote"
    run = lab.run(plan)
    assert all(file.read_bytes() == content for file, content in kept.items())
    assert len(run.texts) == 20
    assert list(lines_of(run))[-1] == "sentiment agreement"
    assert api.verify(run.path).ok


def test_the_last_stage_is_made_again_when_only_it_is_missing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpsg.methods import split as story

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"})
    with monkeypatch.context() as patch:
        patch.setattr(story, "agreement_step", stop)
        with pytest.raises(KeyboardInterrupt):
            lab.run(plan)
    writer = FakeWriter()
    run = lab.run(plan, writer=writer)
    assert writer.requests == []
    assert list(lines_of(run))[-3:] == ["votes", "scrub", "sentiment agreement"]


def test_what_a_split_run_would_refuse_is_refused_by_its_plan(lab: Lab) -> None:
    plan = lab.plan(method={"name": "split"}, paper={"selection": "votes"})
    with pytest.raises(UsageError, match="not chosen by votes"):
        api.preview(plan)
