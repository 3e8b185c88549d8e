"""What split mode refuses, and when: before anything is paid where that can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.methods.kept import SaysNothing

from rpsg import api
from rpsg.errors import InfeasibleError, ModelError, UsageError
from rpsg.methods.budget import smallest_size, split_budget, split_voters
from rpsg.methods.named import find_method
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent
from rpsg.records import Document
from rpsg.stages.partition import by_draw

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.plan import Plan


class Notes(Silent):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


SPLIT: dict[str, Any] = {"method": {"name": "split"}}


def listing(lab: Lab, names: list[str]) -> str:
    path = lab.folder / "donors.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return str(path)


def spent(plan: Plan) -> float:
    """What the data of a plan have paid, as mu squared."""
    totals = Odometer().statement(account_name(plan.data.account, plan.data.path)).totals
    return sum(total.mu2 for total in totals)


@pytest.mark.parametrize("rows", [30, 60])
def test_with_few_voters_the_run_still_ends_and_says_what_it_is_worth(lab: Lab, rows: int) -> None:
    plan = lab.plan(lab.file(lab.rows(rows)), **SPLIT, privacy={"epsilon": 1.0})
    notes = Notes()
    assert len(lab.run(plan, progress=notes).texts) > 0
    assert any("So few voters were counted" in note for note in notes.notes)
    before = f"fewer than {api.preview(plan).smallest_people:,} voters"
    assert any(before in note for note in notes.notes)


def test_with_everybody_on_the_list_there_is_nobody_to_vote_and_still_a_release(lab: Lab) -> None:
    everybody = listing(lab, [f"person-{i}" for i in range(200)])
    plan = lab.plan(lab.file(lab.rows(200)), **SPLIT, split={"donor_list": everybody})
    assert len(lab.run(plan).texts) > 0


@pytest.mark.parametrize(
    ("names", "text"), [(["nobody of these"], ""), (["person-1"], " ")], ids=["not in the data", "no words"]
)
def test_without_a_donor_nothing_is_paid(lab: Lab, names: list[str], text: str) -> None:
    rows = [row if row["user"] != "person-1" else {**row, "text": text} for row in lab.rows(200)]
    plan = lab.plan(lab.file(rows), **SPLIT, split={"donor_list": listing(lab, names)})
    with pytest.raises(InfeasibleError, match="No donor has a text with words") as caught:
        lab.run(plan)
    assert "donor_list" in caught.value.hint
    assert spent(plan) == 0


def test_names_that_are_not_in_the_data_are_ignored(lab: Lab) -> None:
    names = [f"person-{i}" for i in range(40)] + ["somebody else"]
    plan = lab.plan(lab.file(lab.rows(400)), **SPLIT, split={"donor_list": listing(lab, names)})
    assert len(lab.run(plan).texts) > 0
    assert spent(plan) > 0


def test_where_no_text_is_above_the_floor_of_votes_the_best_of_them_stay(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpsg.privacy.mechanisms import noisy_histogram

    def nothing(query: Any, ballots: Any, noise: Any) -> Any:
        told = noisy_histogram(query, ballots, noise)
        return np.minimum(told, 0) if query.stage == "votes" else told

    monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", nothing)
    for method in ("split", "strict"):
        plan = lab.plan(lab.file(lab.rows(400)), method={"name": method})
        assert len(lab.run(plan, method).texts) > 0


def test_a_guard_that_drops_everything_is_named(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)), **SPLIT, paper={"guard_characters": 1})
    with pytest.raises(InfeasibleError, match="passed the guard") as caught:
        lab.run(plan)
    assert "guard_characters" in caught.value.hint


def test_a_writer_whose_rewrites_are_empty_is_named(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)), **SPLIT)
    with pytest.raises(ModelError, match=r"no usable text \(8 of 8: empty"):
        lab.run(plan, writer=SaysNothing("this summary implies"))
    assert spent(plan) == 0


def test_labels_that_nobody_declared_are_refused_before_a_folder_is_made(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)), **SPLIT, data={"label": "label"})
    for refused in (api.preview, lab.run):
        with pytest.raises(UsageError, match="must be declared"):
            refused(plan)
    assert not (lab.folder / "run").exists()


def test_the_plan_of_a_list_that_is_not_there_is_refused(lab: Lab) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        api.preview(lab.plan(**SPLIT, split={"donor_list": "no-such-file"}))


def test_a_declared_number_of_people_counts_donors_too(lab: Lab) -> None:
    """1000 people, each a donor with chance 0.2: 800 voters on average, 740 but once in a million."""
    plan = lab.plan(**SPLIT, privacy={"n_public": 1000})
    assert split_voters(plan) == 739
    people = [Document(i, "text", None, f"person-{i}") for i in range(1000)]
    voters = [1000 - sum(map(by_draw(bytes([key]) * 32, 0.2), people)) for key in range(40)]
    assert 739 < min(voters) < 800 < max(voters)
    listed = lab.plan(
        **SPLIT, privacy={"n_public": 1000}, split={"donor_list": listing(lab, ["a", "b", "b", "c"])}
    )
    assert split_voters(listed) == 997
    assert find_method("strict").people(lab.plan(privacy={"n_public": 1000})) == 1000
    assert split_voters(lab.plan(**SPLIT)) is None


def test_the_plan_says_what_a_declared_number_means_and_reckons_with_voters(lab: Lab) -> None:
    plan = lab.plan(**SPLIT, privacy={"n_public": 300}, corpus={"size": 100}, split={"donors": 0.5})
    shown = api.preview(plan)
    voters = split_voters(plan)
    assert voters is not None
    assert shown.people == voters < 120
    assert shown.candidates == 300
    assert any(f"at least {voters} of 300 people vote" in line for line in shown.explanations)


def test_voters_that_are_too_few_by_declaration_are_refused_by_plan_and_run(lab: Lab, tiny: Pack) -> None:
    named = {**SPLIT, "privacy": {"n_public": 10_000, "epsilon": 1.0}}
    enough = smallest_size(split_budget(lab.plan(**named), tiny))
    plan = lab.plan(lab.file(lab.rows(60)), **SPLIT, privacy={"n_public": enough, "epsilon": 1.0})
    for refused in (api.preview, lab.run):
        with pytest.raises(InfeasibleError, match="so few voters") as caught:
            refused(plan)
        assert f"at least {enough} voters" in caught.value.hint
    assert spent(plan) == 0


def roles(plan: Plan) -> set[str]:
    return {flow.stage for flow in api.preview(plan).flows}


def test_the_plan_names_the_models_that_the_method_has(lab: Lab) -> None:
    assert "surrogate" in roles(lab.plan(method={"name": "paper"}))
    assert "surrogate" not in roles(lab.plan(**SPLIT))
    assert "summariser" not in roles(lab.plan(**SPLIT))
    assert "summariser" in roles(lab.plan(**SPLIT, paper={"abstracter": "summariser"}))


def test_no_label_is_said_to_be_found_with_noise_where_none_is(lab: Lab) -> None:
    data = {"label": "label", "labels": ("food", "drink")}
    found = "The values of the label are found with noise"
    assert not any(found in line for line in api.preview(lab.plan(**SPLIT, data=data)).warnings)
    strict = api.preview(lab.plan(data={"label": "label"}))
    assert any(found in line for line in strict.warnings)
