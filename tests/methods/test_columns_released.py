"""Columns beside the text: written into prompts, kept by the choice, and released with each text."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.tickets import COLUMNS, VALUES, run, tickets

from rpsg import api
from rpsg.errors import UsageError
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.planting import planted_among
from rpsg.records import Document, PrivateCorpus
from rpsg.registry import built_in
from rpsg.release.coverage import columns_together
from rpsg.release.reader import Release
from rpsg.stages.canaries import make_canaries
from rpsg.stages.cards import in_words
from rpsg.stages.prompts import candidate_request
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.protocols import Reply, Request
    from rpsg.release.run import Run

__all__ = ["run"]


# -- what is written and released -------------------------------------------------------------------------


def test_the_header_of_a_draft_has_a_line_for_each_column(lab: Lab) -> None:
    asked: list[Request] = []

    class Watching(FakeWriter):
        def write(self, requests: Sequence[Request], *more: Any) -> list[Reply]:
            asked.extend(requests)
            return super().write(requests, *more)

    plan = lab.plan(lab.file(tickets(lab)), data={"columns": COLUMNS}, corpus={"size": 10})
    lab.run(plan, writer=Watching())
    assert len(asked) >= 10
    for request in asked:
        lines = request.messages[-1].content.splitlines()
        assert lines[-1] == "Review:"
        given = dict(line.split(": ", 1) for line in lines[-4:-1])
        assert {
            name.lower(): name_of in VALUES[name.lower()] for name, name_of in given.items()
        } == dict.fromkeys(VALUES, True)


def test_a_pack_may_say_where_the_columns_stand(lab: Lab, tiny: Pack) -> None:
    from rpsg.records import Card

    pack = tiny.model_copy(
        update={"prompts": {**tiny.prompts, "candidate.txt": "[[{columns}\n]]Topic: {topic}"}}
    )
    pack = pack.with_columns([("order_month", ("May", "June"))])
    values = {"topic": "green tea", "column order_month": "May"}
    asked = candidate_request(pack, lab.plan(), Card(values), 0).messages[-1].content
    assert asked == "Order month: May\nTopic: green tea"
    bare = candidate_request(pack, lab.plan(), Card({"topic": "green tea"}), 0).messages[-1].content
    assert bare == "Topic: green tea"


def test_rows_of_the_release_have_the_columns_under_their_own_names(run: Run) -> None:
    for record in run.records:
        assert all(record[name] in values for name, values in VALUES.items())
        assert not [name for name in record["attributes"] if name.startswith("column")]
    frame = run.to_pandas()
    assert set(VALUES) <= set(frame.columns)
    with (run.release / "corpus.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{n: row[n] for n in VALUES} for row in rows] == [{n: r[n] for n in VALUES} for r in run.records]
    assert list(rows[0]) == list(frame.columns)
    metadata = json.loads((run.release / "croissant.json").read_text())
    fields = {field["name"] for field in metadata["recordSet"][0]["field"]}
    assert set(VALUES) <= fields
    assert "attributes/column priority" not in fields
    card = (run.release / "README.md").read_text()
    assert all(f"- `{name}`: " in card for name in VALUES)


def test_a_column_and_an_attribute_of_one_name_are_two(lab: Lab) -> None:
    rows = [{**row, "topic": "a" if i % 2 else "b"} for i, row in enumerate(tickets(lab))]
    plan = lab.plan(lab.file(rows), data={"columns": {"topic": ["a", "b"]}})
    frame = lab.run(plan).to_pandas()
    assert set(frame["topic"]) == {"a", "b"}
    assert set(frame["attribute_topic"]) <= set(lab.tiny().attribute("topic").values)


def shares(rows: Sequence[Mapping[str, Any]], *names: str) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row[name] for name in names) for row in rows)


def test_the_release_keeps_the_noisy_joint_shares_of_the_columns(lab: Lab) -> None:
    """At a budget without much noise those of the private rows, which no drawing of single columns has."""
    rows = tickets(lab, 600)
    plan = lab.plan(
        lab.file(rows),
        data={"columns": COLUMNS},
        corpus={"size": 100},
        privacy={"epsilon": 12.0},
    )
    told = lab.run(plan).records
    for names in (("priority",), ("product",), ("priority", "product")):
        private, released = shares(rows, *names), shares(told, *names)
        off = sum(abs(private[key] / 600 - released[key] / 100) for key in private | released) / 2
        assert off < 0.08, (names, private, released)
    assert shares(told, "priority", "product")["high", "app"] <= 3, "no private app is urgent"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("corpus.jsonl", '"product":"app"', '"product":"router"'),
        ("corpus.csv", '"router"', '"app"'),
        ("evidence/plan.toml", "router|app", "app|router"),
        ("evidence/plan.toml", '"product=router|app", ', ""),
        ("evidence/plan.toml", "2025-Q4", "2026-Q1"),
        ("evidence/candidates.jsonl", '"column product":"app"', '"column product":"router"'),
    ],
)
def test_verify_derives_the_columns_again_and_sees_what_was_changed(
    run: Run, file: str, before: str, after: str
) -> None:
    assert api.verify(run).ok
    changed = run.release / file
    content = changed.read_bytes().decode()
    assert before in content
    changed.write_bytes(content.replace(before, after, 1).encode())
    assert not api.verify(run.release).ok


def test_the_report_counts_the_columns(run: Run) -> None:
    covered = {c.attribute: c for c in Release(run.release).coverage}
    product = covered["column product"]
    assert [value.name for value in product.values] == ["router", "app"]
    assert product.texts == len(run.texts)
    assert all(value.noisy is not None for value in product.values)


def test_a_preview_names_the_columns_and_what_is_counted(lab: Lab) -> None:
    page = api.preview(lab.plan(lab.file(tickets(lab, 30)), data={"columns": COLUMNS}))
    assert ("column product", "column", 2, ("router", "app")) in page.attributes
    assert any("column product" in line for line in page.explanations)
    assert (
        in_words(lab.plan("", data={"columns": COLUMNS}).data.added_to(lab.tiny())).count("column opened")
        == 1
    )


# -- who takes them ---------------------------------------------------------------------------------------


def test_the_floor_draws_columns_evenly(lab: Lab) -> None:
    plan = lab.plan("", data={"columns": COLUMNS, "user": None}, method={"name": "floor"})
    run = api.run(plan, lab.folder / "run")
    assert all(record["product"] in VALUES["product"] for record in run.records)
    assert 5 <= shares(run.records, "product")["app",] <= 15
    assert api.verify(run).ok


@pytest.mark.parametrize("name", sorted(set(built_in("methods")) - {"strict", "floor"}))
def test_every_other_method_refuses_them_before_anything_is_read(lab: Lab, name: str) -> None:
    plan = lab.plan("nowhere.jsonl", data={"columns": COLUMNS}, method={"name": name})
    with pytest.raises(UsageError, match="does not count columns"):
        api.preview(plan)
    with pytest.raises(UsageError, match="does not count columns"):
        find_method(name).check_plan(plan)


def test_votes_and_columns_together_are_refused_before_anything_is_read(lab: Lab) -> None:
    """Votes depend on the texts alone: the columns of the winners would not have the counted shares."""
    plan = lab.plan("nowhere.jsonl", data={"columns": COLUMNS}, method={"select": "votes"})
    with pytest.raises(UsageError, match="Votes depend on the texts alone"):
        api.run(plan, lab.folder / "run")
    assert not (lab.folder / "run" / "private").exists()
    find_method("strict").check_plan(lab.plan("", method={"select": "votes"}))


def test_a_column_without_values_is_shown_how_to_declare_it(lab: Lab) -> None:
    with pytest.raises(UsageError, match=r"Ward=low\|normal\|high, or Ward=2025-01\.\.2025-12 for dates"):
        lab.plan("", data={"columns": ["Ward"]})


def test_undeclared_values_are_left_out_or_counted_as_other(lab: Lab) -> None:
    rows = tickets(lab)
    for row in rows[::2]:
        row["product"] = "a product that nobody declared"
    file = lab.file(rows)
    left_out = lab.run(lab.plan(file, data={"columns": COLUMNS}), "a")
    assert set(left_out.to_pandas()["product"]) <= set(VALUES["product"])
    plan = lab.plan(file, data={"columns": COLUMNS, "unlisted": "other"})
    other = api.run(plan, lab.folder / "b")
    assert shares(other.records, "product")["other",] >= 5
    assert api.verify(other).ok


def test_the_report_shows_columns_together_beside_their_noisy_counts(run: Run) -> None:
    release = Release(run.release)
    pairs = columns_together(release.plan, release.pack, release.ledger, release.answers, release.texts)
    named = {pair.columns: pair for pair in pairs}
    pair = named["product", "priority"]
    assert {row[:2] for row in pair.rows} == {(a, b) for a in VALUES["product"] for b in VALUES["priority"]}
    assert sum(row[3] for row in pair.rows) == len(run.texts)
    assert {row[:2]: row[3] for row in pair.rows if row[3]} == shares(run.records, "product", "priority")
    exact = shares(tickets_of(run), "product", "priority")
    off = [row[2].count - exact[row[:2]] for row in pair.rows]
    assert max(map(abs, off)) < 5 * pair.rows[0][2].sigma
    page = (run.release / "report.html").read_text(encoding="utf-8")
    assert "Columns together" in page
    assert "A column of the release" in page


def tickets_of(run: Run) -> list[dict[str, Any]]:
    """The private rows that the run has read."""
    file = run.path.parent / "data.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_canaries_have_declared_values_that_depend_on_no_private_row(lab: Lab) -> None:
    plan = lab.plan("", data={"columns": COLUMNS})
    canaries = make_canaries(40, [f"word{i} " * 14 for i in range(60)])
    alone = planted_among(PrivateCorpus(()), canaries, plan, b"k" * 32).documents
    row = Document(0, "a text", None, "p", (("priority", "low"),))
    among = planted_among(PrivateCorpus((row,)), canaries, plan, b"k" * 32).documents[1:]
    assert [one.columns for one in alone] == [one.columns for one in among]
    assert all(value in VALUES[name] for one in alone for name, value in one.columns)
    assert len({one.columns for one in alone}) > 5


def test_the_operator_can_open_a_run_with_columns(run: Run) -> None:
    """The noise on the counts of columns is tested against the rows of the private file."""
    found = api.verify(run, with_vault=True)
    assert found.ok, [check for check in found.checks if not check.ok]


@pytest.mark.parametrize("columns", [False, True], ids=["undeclared", "declared"])
def test_a_method_of_another_package_gets_columns_only_if_it_says_that_it_takes_them(
    lab: Lab, *, columns: bool
) -> None:
    """What a method does not declare is refused, so that no release claims columns that nothing counted."""
    mine = replace(find_method("strict"), name="mine", columns=columns)
    plan = lab.plan(lab.file(tickets(lab)), data={"columns": COLUMNS}, method={"name": "mine"})
    with plugged("methods", {"mine": mine}):
        if not columns:
            with pytest.raises(UsageError, match="does not count columns"):
                api.run(plan, lab.folder / "run")
            assert not (lab.folder / "run" / "private").exists()
            return
        run = api.run(plan, lab.folder / "run")
        assert set(VALUES) <= set(run.records[0])
        assert api.verify(run, plugins=("mine",)).ok


@pytest.mark.parametrize("name", ["turns", "text", "attributes"])
def test_a_column_cannot_have_the_name_of_a_field_that_a_release_fills_itself(lab: Lab, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        lab.plan("", data={"columns": [f"{name}=few|many"]})
