"""Columns beside the text: counted in the question of the cards, written into prompts, kept by the choice."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import api
from rpsg.domains import find_pack
from rpsg.domains.pack import MOST_COMBINATIONS
from rpsg.errors import UsageError
from rpsg.methods.budget import strict_budget
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.planting import planted_among
from rpsg.privacy.histogram import Query, clean_histogram
from rpsg.privacy.private import Private, open_private
from rpsg.records import Document, PrivateCorpus
from rpsg.registry import built_in
from rpsg.release.coverage import columns_together
from rpsg.release.reader import Release
from rpsg.stages.annotate import annotate, describe
from rpsg.stages.canaries import make_canaries
from rpsg.stages.cards import CardModel, card_row_cells, cells, in_words, shapes
from rpsg.stages.contributions import unit_numbers
from rpsg.stages.levels import thinned
from rpsg.stages.prompts import candidate_request
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.conftest import Lab

    from rpsg.domains import Pack
    from rpsg.protocols import Reply, Request
    from rpsg.results import Run

COLUMNS = {"priority": ["low", "normal", "high"], "product": ["router", "app"], "opened": "2025-Q1..2025-Q4"}
VALUES = {
    "priority": ("low", "normal", "high"),
    "product": ("router", "app"),
    "opened": ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"),
}


def tickets(lab: Lab, count: int = 400) -> list[dict[str, Any]]:
    """A router is urgent and an app is not; most tickets are of the first quarter."""
    rng, rows = random.Random(7), lab.rows(count)
    for row in rows:
        row["product"] = rng.choice(["router", "app"])
        row["priority"] = rng.choice(
            ["high", "high", "normal"] if row["product"] == "router" else ["low", "normal"]
        )
        month = rng.choice([1, 2, 3, 1, 2, 3, 5, 8])
        row["opened"] = f"2025-{month:02}-{rng.randint(1, 28):02}T09:30:00"
    return rows


@pytest.fixture
def run(lab: Lab) -> Run:
    plan = lab.plan(lab.file(tickets(lab)), data={"columns": COLUMNS}, corpus={"size": 40})
    return api.run(plan, lab.folder / "run")


# -- what is counted --------------------------------------------------------------------------------------


def test_each_column_is_counted_with_those_before_it_then_label_and_sentiment(tiny: Pack) -> None:
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    own = pack.marginals[len(tiny.marginals) + 1 :]
    assert own == (
        ("column priority", "label", "sentiment"),
        ("column product", "column priority", "label", "sentiment"),
        ("column opened", "column product", "column priority", "label"),
    )


def test_a_column_is_tied_to_what_texts_are_about_by_groups_of_topics() -> None:
    """With few people it is counted alone; the topics are counted by themselves in any case."""
    pack = find_pack("support").with_columns([("product", ("router", "app"))])
    groups = len(pack.attribute("topic").groups)
    assert pack.marginals[-1] == ("column product", "topic", "sentiment")
    assert shapes(pack)[-1] == (2, groups, 3)
    assert shapes(thinned(pack, 100_000, 5.0)) == shapes(pack)
    assert shapes(thinned(pack, 10 * 2 * groups * 3, 5.0))[-1] == (2, groups, 3)
    assert shapes(thinned(pack, 10 * 2 * groups * 3 - 1, 5.0))[-1] == (2, groups)
    assert shapes(thinned(pack, 5 * groups, 5.0))[-1] == (2, groups)
    assert shapes(thinned(pack, 5 * groups - 1, 5.0))[-1] == (2,)
    assert in_words(pack).endswith("; column product x topic groups x sentiment")


def test_cards_have_the_column_that_goes_with_the_group_of_their_topic() -> None:
    pack = find_pack("support").with_columns([("product", ("router", "app"))])
    topic = pack.attribute("topic")
    first = next(iter(topic.groups))
    counts = [np.full(shape, 100.0) for shape in shapes(pack)]
    counts[-1][0, 0], counts[-1][1, 0] = 300.0, 0.0  # of the first group's texts all are about a router
    model = CardModel(pack, tuple(table / table.sum() for table in counts))
    cards = model.draw(4_000, np.random.default_rng(0))
    of_first = [card.values for card in cards if topic.headings[card.values["topic"]] == first]
    assert len(of_first) > 100
    assert {values["column product"] for values in of_first} == {"router"}
    assert {card.values["column product"] for card in cards} == {"router", "app"}


@pytest.mark.parametrize("widths", [(60, 60, 60), (2,) * 8, (9, 8, 2, 30), (3, 4, 12, 7)])
def test_no_column_is_counted_with_more_than_a_public_number_of_combinations(
    tiny: Pack, widths: Sequence[int]
) -> None:
    names = [f"c{i}" for i in range(len(widths))]
    columns = [(name, tuple(map(str, range(width)))) for name, width in zip(names, widths, strict=True)]
    pack = tiny.with_label(("food", "drink")).with_columns(columns)
    own = shapes(pack)[len(tiny.marginals) + 1 :]
    assert len(own) == len(widths), "one marginal each, so that the noise is known before anybody is counted"
    assert all(prod(shape) <= max(shape[0], MOST_COMBINATIONS) for shape in own)
    assert [shape[0] for shape in own] == list(widths)


@pytest.mark.parametrize("n", [0, 20, 60, 120, 400, 100_000])
def test_few_people_take_detail_and_never_a_column_or_a_marginal(tiny: Pack, n: int) -> None:
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    counted = thinned(pack, n, 6.0)
    assert len(counted.marginals) == len(pack.marginals)
    assert {name for group in counted.marginals for name in group} == {
        a.name for a in pack.attributes if a.counted
    }
    for group, whole in zip(counted.marginals[3:], pack.marginals[3:], strict=True):
        assert group == whole[: len(group)]
        assert len(group) == 1 or n >= 12.0 * prod(len(pack.attribute(name).values) for name in group)
    assert (cells(counted) == cells(pack)) == (n > 10_000)


def test_a_pack_s_file_has_no_column(lab: Lab) -> None:
    from rpsg.domains import read_pack

    file = lab.pack / "pack.toml"
    kept = file.read_text()
    try:
        file.write_text(f'{kept}\n[[attributes]]\nname = "column x"\nkind = "column"\nvalues = ["a", "b"]\n')
        with pytest.raises(UsageError, match="only a run adds"):
            read_pack(lab.pack)
    finally:
        file.write_text(kept)


# -- what it costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "label"])
@pytest.mark.parametrize("rows_each", [1, 3])
def test_noise_and_sensitivity_grow_with_the_number_of_columns(
    lab: Lab, label: str | None, rows_each: int
) -> None:
    """The squared sensitivity of the cards is c * c for each marginal, and there is one for each column."""
    privacy = {"max_records_per_user": rows_each}
    sigmas = []
    for count in range(4):
        data = {"label": label, "columns": dict(list(COLUMNS.items())[:count])}
        plan = lab.plan("", data=data, privacy=privacy)
        cards = strict_budget(plan, lab.tiny()).release("cards")
        assert cards.k == len(lab.tiny().marginals) + (label is not None) + count
        assert cards.sensitivity2("add_remove") == cards.k * rows_each**2
        sigmas.append(cards.sigma / cards.k**0.5)
    assert np.ptp(sigmas) < 1e-5 * sigmas[0], (
        "the noise is in proportion to the length of one person's answer"
    )


def test_the_ledger_says_what_was_counted_and_what_it_cost(run: Run) -> None:
    (cards,) = [line for line in run.ledger["mechanisms"] if line["stage"] == "cards"]
    assert cards["sens"] == {"rule": "S2_one_cell", "k": 5, "w": 1, "c": 1}
    assert cards["sensitivity2"] == 5
    assert "column priority x sentiment; column product x column priority x sentiment" in cards["query"]
    assert {"name": "columns", "role": "declared columns beside the text, and their values"}.items() <= next(
        line for line in run.ledger["public_inputs"] if line["name"] == "columns"
    ).items()


def document(i: int, **columns: str) -> Document:
    return Document(i, f"green tea {i}", "food", f"p{i}", tuple(columns.items()))


@pytest.mark.parametrize("seed", range(8))
def test_one_person_more_or_less_adds_one_to_one_cell_of_each_marginal(
    lab: Lab, tiny: Pack, seed: int
) -> None:
    """Hand-made neighbours: with the person, without, and with other values."""
    rng = random.Random(seed)
    pack = tiny.with_label(("food", "drink")).with_columns(list(VALUES.items()))
    tools = lab.tools()
    landmarks = describe(pack, tools.embedder)

    def counted(rows: tuple[Document, ...]) -> Any:
        class Fixed:
            rows_, units = Private(rows), Private(unit_numbers(rows))
            embeddings = Private(tools.embedder.embed([row.text for row in rows]))

        people: Any = Fixed()
        people.rows = Fixed.rows_
        traits = annotate(people, pack, landmarks, tools.sentiment)
        query = Query("cards", "", cells(pack), "S2_one_cell", 5.0, k=len(pack.marginals))
        return open_private(
            card_row_cells(traits, Fixed.units, pack).map(lambda cs: clean_histogram(query, cs))
        )

    def somebody(i: int) -> Document:
        return document(i, **{name: rng.choice(values) for name, values in VALUES.items()})

    others = tuple(somebody(i) for i in range(12))
    without, with_one = counted(others), counted((*others, somebody(99)))
    assert np.abs(with_one - without).max() == 1
    assert int(((with_one - without) ** 2).sum()) == len(pack.marginals)
    changed = counted((*others, somebody(99)))
    assert int(((changed - with_one) ** 2).sum()) <= 4 * len(pack.marginals)


# -- what is written and released -------------------------------------------------------------------------


def test_the_header_of_a_draft_has_a_line_for_each_column(lab: Lab) -> None:
    asked: list[Request] = []

    class Watching(FakeWriter):
        def write(self, requests: Sequence[Request], *more: Any) -> list[Reply]:
            asked.extend(requests)
            return super().write(requests, *more)

    plan = lab.plan(lab.file(tickets(lab)), data={"columns": COLUMNS}, corpus={"size": 10})
    lab.run(plan, writer=Watching())
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
