"""Strict mode from the outside: labels, sizes, rounds, and what it refuses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.domains import read_pack
from rpsg.errors import InfeasibleError, UsageError
from rpsg.methods.base import Job
from rpsg.methods.budget import strict_budget
from rpsg.methods.dp_steps import find_labels
from rpsg.methods.voting import number_to_choose
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.people import nobody
from rpsg.privacy.mechanisms import noisy_selection
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.contributions import People

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.privacy.evidence import Selected
    from rpsg.privacy.histogram import Query
    from rpsg.privacy.mechanisms import UnitItems


class Asking:
    """A kernel that only selects, with real noise and no journal."""

    def release(self, query: Query, ballots: object) -> Any:
        raise AssertionError(query.stage)

    def sample(self, query: Query, choices: object, references: object) -> Any:
        raise AssertionError(query.stage)

    def select(self, query: Query, delta_fail: float, items: Callable[[], Private[UnitItems]]) -> Selected:
        from rpsg.privacy.sensitivity import selection_threshold

        threshold = selection_threshold(query.sigma, query.k, delta_fail)
        return noisy_selection(query, threshold, items(), RoundedGaussian())


def labels_found(lab: Lab, labels: Sequence[str | None], **sections: dict[str, Any]) -> tuple[str, ...]:
    plan = lab.plan("", **{"data": {"label": "label"}, **sections})
    pack, tools = read_pack(lab.pack), lab.tools()
    documents = tuple(Document(i, "text", label, f"p{i}") for i, label in enumerate(labels))
    people = People(
        lambda: Private(PrivateCorpus(documents)),
        max_records=plan.records_per_unit,
        key=b"k" * 32,
        embedder=tools.embedder,
        progress=Silent(),
    )
    return find_labels(Job(plan, pack, strict_budget(plan, pack), people, Asking(), tools, Silent()))


def test_labels_that_many_carry_are_found(lab: Lab) -> None:
    assert labels_found(lab, ["food"] * 200 + ["drink"] * 200) == ("drink", "food")


def test_a_label_of_one_person_never_comes_out(lab: Lab) -> None:
    """Delta_fail is 1e-7: in two hundred runs with fifty rare labels each, none may be seen."""
    labels = ["food"] * 200 + ["drink"] * 200 + [f"rare-{i}" for i in range(50)]
    for _ in range(200):
        assert labels_found(lab, labels) == ("drink", "food")


def test_missing_and_blank_labels_are_no_values_however_many(lab: Lab) -> None:
    labels = ["food"] * 200 + ["drink"] * 200 + [None] * 300 + [" "] * 300
    assert labels_found(lab, labels) == ("drink", "food")


def test_with_fewer_than_two_labels_found_there_are_none(lab: Lab) -> None:
    assert labels_found(lab, ["food"] * 400) == ()


def test_declared_labels_are_taken_as_they_are(lab: Lab) -> None:
    assert labels_found(lab, [], data={"label": "label", "labels": ["x", "y"]}) == ("x", "y")


def test_without_a_label_column_there_are_none(lab: Lab) -> None:
    assert labels_found(lab, ["food"], data={"label": None}) == ()


def skewed(lab: Lab) -> list[dict[str, Any]]:
    """Three drinks to one food."""
    return [{**row, "label": "food" if i % 4 == 0 else "drink"} for i, row in enumerate(lab.rows(400))]


def label_shares(run: Any) -> Counter[str]:
    return Counter(record["label"] for record in run.records)


@pytest.mark.parametrize("labels", [("food", "drink"), ()], ids=["declared", "found"])
def test_the_release_keeps_the_shares_of_the_labels(lab: Lab, labels: tuple[str, ...]) -> None:
    data = {"label": "label", "labels": labels}
    run = lab.run(lab.plan(lab.file(skewed(lab)), data=data, privacy={"epsilon": 8.0}))
    assert len(run.texts) == 20
    assert 11 <= label_shares(run)["drink"] <= 19


def test_rows_with_a_label_that_was_not_declared_are_left_out(lab: Lab) -> None:
    data = {"label": "label", "labels": ("food", "sweets")}
    run = lab.run(lab.plan(lab.file(lab.rows(600)), data=data, privacy={"epsilon": 8.0}))
    assert set(label_shares(run)) <= {"food", "sweets"}


def test_rows_with_a_label_that_was_not_declared_are_counted_as_other_where_the_plan_says_so(
    lab: Lab,
) -> None:
    """Three of four rows carry another label: so do most of the texts."""
    data = {"label": "label", "labels": ("food", "sweets"), "unlisted": "other"}
    run = lab.run(lab.plan(lab.file(skewed(lab)), data=data, privacy={"epsilon": 8.0}))
    assert 11 <= label_shares(run)["other"] <= 19


@pytest.mark.parametrize("select", ["sketch", "votes"])
def test_the_topics_that_people_write_about_are_found(lab: Lab, select: str) -> None:
    """Everybody writes about olive oil: with noise for epsilon 8 the release does so too."""
    rows = [{**row, "text": "olive oil " + " ".join(row["text"].split()[2:6])} for row in lab.rows(400)]
    run = lab.run(lab.plan(lab.file(rows), privacy={"epsilon": 8.0}, method={"select": select}))
    topics = Counter(record["attributes"]["topic"] for record in run.records)
    assert topics["olive oil"] >= 15


@pytest.mark.parametrize("rounds", [1, 3])
def test_each_round_votes_once_and_the_size_is_reached(lab: Lab, rounds: int) -> None:
    method = {"select": "votes", "rounds": rounds}
    run = lab.run(lab.plan(lab.file(lab.rows(500)), method=method, privacy={"epsilon": 6.0}))
    stages = [m["stage"] for m in run.ledger["mechanisms"]]
    assert sum(stage.startswith("votes") for stage in stages) == rounds
    assert len(run.texts) == 20
    assert run.ledger["claim"]["epsilon"] == 6.0


def test_private_data_are_asked_for_one_sketch(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(500))))
    assert [m["stage"] for m in run.ledger["mechanisms"]] == ["size", "cards", "sketch"]
    assert len(run.texts) == 20


#: Votes choose no more than half of the texts; a sketch all of them, where no more can be used.
@pytest.mark.parametrize(("select", "failing"), [("sketch", range(9, 39)), ("votes", range(0))])
def test_where_there_are_not_enough_to_choose_from_variants_fill_up(
    lab: Lab, select: str, failing: range
) -> None:
    writer = FakeWriter(fails=lambda _: len(writer.requests) in failing)
    method = {"oversample": 1.0, "select": select}
    plan = lab.plan(lab.file(lab.rows(300)), corpus={"size": 70}, method=method)
    run = lab.run(plan, writer=writer)
    assert len(run.texts) == 70
    examples = {example.text for example in read_pack(lab.pack).examples}
    asked_like_the_last = [r for r in writer.requests if r.messages[-1] in r.messages[:-1]]
    assert any(r.messages[-2].content not in examples for r in asked_like_the_last)


def test_ids_of_the_release_are_those_of_the_run_and_different(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    ids = [record["id"] for record in run.records]
    assert len(set(ids)) == len(ids)
    assert set(run.records[0]["attributes"]) == {"topic", "sentiment", "length", "opening"}


def plan_of(lab: Lab, size: int, rounds: int) -> Plan:
    return lab.plan("", corpus={"size": size}, method={"rounds": rounds})


@pytest.mark.parametrize(
    ("standing", "rounds", "number", "chosen"),
    [(60, 1, 0, 20), (30, 1, 0, 15), (60, 2, 0, 30), (60, 2, 1, 20), (1, 1, 0, 1)],
)
def test_votes_choose_what_is_wanted_and_never_more_than_half(
    lab: Lab, standing: int, rounds: int, number: int, chosen: int
) -> None:
    tools = lab.tools()
    people = nobody(tools, Silent(), "The number to choose follows from the plan and the answers.")
    job = Job(plan_of(lab, 20, rounds), read_pack(lab.pack), None, people, Asking(), tools, Silent())
    assert number_to_choose(job, standing, number) == chosen


def test_no_data_named_is_a_sentence(lab: Lab) -> None:
    with pytest.raises(UsageError, match="No data was named"):
        lab.run(lab.plan())


def test_an_unknown_method_is_told_with_those_there_are(lab: Lab) -> None:
    with pytest.raises(UsageError, match="no method 'magic'") as caught:
        lab.run(lab.plan(method={"name": "magic"}))
    assert "strict, floor" in caught.value.hint


def test_a_schema_that_is_too_large_for_the_people_who_were_counted_still_ends_in_a_release(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(60)), privacy={"epsilon": 0.5})
    assert len(lab.run(plan).texts) == 20


def test_with_declared_people_an_infeasible_plan_spends_nothing(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(60)), privacy={"epsilon": 0.5, "n_public": 60})
    with pytest.raises(InfeasibleError):
        api.preview(plan)
    with pytest.raises(InfeasibleError):
        lab.run(plan)
    assert list((lab.folder / "run" / "evidence").glob("release-*")) == []


def test_a_preview_and_the_run_agree_on_noise_and_number_of_texts(lab: Lab) -> None:
    writer = FakeWriter()
    plan = lab.plan(lab.file(lab.rows(300)), privacy={"n_public": 300})
    shown, run = api.preview(plan), lab.run(plan, writer=writer)
    assert {s.stage: s.noise for s in shown.stages} == {
        m["stage"]: m["sigma"] for m in run.ledger["mechanisms"]
    }
    assert (shown.candidates, shown.llm_calls) == (60, 68)
    assert len(writer.requests) >= 60
    assert shown.claim.startswith("Adding or removing one person with all rows")
    assert shown.cells == 24


def test_a_preview_of_labels_to_be_found_has_the_run_s_noise(lab: Lab) -> None:
    plan = lab.plan(lab.file(skewed(lab)), data={"label": "label"}, privacy={"epsilon": 8.0})
    shown, run = api.preview(plan), lab.run(plan)
    told = {m["stage"]: m["sigma"] for m in run.ledger["mechanisms"] if m["kind"] == "rounded_gaussian"}
    assert {s.stage: s.noise for s in shown.stages} == told


@pytest.mark.parametrize(
    ("method", "warned"), [("strict", True), ("split", True), ("floor", False), ("paper", False)]
)
def test_a_plan_that_one_row_can_end_is_warned_of(lab: Lab, method: str, *, warned: bool) -> None:
    from rpsg.methods.named import cautions_of

    refusing = lab.plan(data={"unusable": "refuse"}, method={"name": method})
    assert any("a single row decides" in line for line in cautions_of(refusing)) is warned
    assert not any("a single row decides" in line for line in cautions_of(lab.plan(method={"name": method})))
