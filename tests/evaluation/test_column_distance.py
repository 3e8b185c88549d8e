"""The joint shares of columns beside the text, by hand and from files."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.evaluation.inputs import Inputs, Texts, UnavailableError
from rpsg.evaluation.metrics.columns import column_distance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.conftest import Lab

    from rpsg.measures import Measure

COLUMNS = {"priority": ["low", "high"], "product": ["router", "app"]}


def distance(ours: Sequence[Mapping[str, str]] | None, theirs: Sequence[Mapping[str, str]] | None) -> Measure:
    models: Any = None  # columns need none
    sides = [Texts(["a text"] * len(rows or ()), models, beside=rows) for rows in (ours, theirs)]
    return column_distance(Inputs(sides[0], sides[1], models))


def rows(*pairs: str) -> list[dict[str, str]]:
    return [{"a": pair[0], "b": pair[1]} for pair in pairs]


def test_the_same_single_shares_can_stand_beside_the_wrong_values() -> None:
    """Both columns are half and half on both sides, and no combination of one side is on the other."""
    assert distance(rows("xx", "yy"), rows("xy", "yx")).value == 1.0
    assert distance(rows("xx", "yy", "xy", "yx"), rows("xy", "yx")).value == 0.5
    assert distance(rows("xx", "yy"), rows("yy", "xx")).value == 0.0


def test_it_is_the_mean_over_pairs_and_internal() -> None:
    ours = [{"a": "x", "b": "x", "c": "x"}, {"a": "y", "b": "y", "c": "x"}]
    theirs = [{"a": "x", "b": "y", "c": "x"}, {"a": "y", "b": "x", "c": "x"}]
    found = distance(ours, theirs)
    assert found.details["total variation"] == {"a x b": 1.0, "a x c": 0.0, "b x c": 0.0}
    assert found.value == pytest.approx(1 / 3)
    assert found.internal


def test_a_single_column_is_compared_by_itself() -> None:
    assert distance([{"a": "x"}, {"a": "y"}], [{"a": "x"}]).value == 0.5


@pytest.mark.parametrize(("ours", "theirs"), [(None, rows("xx")), (rows("xx"), None), (rows("xx"), [{}])])
def test_without_columns_on_both_sides_it_has_no_value(ours: Any, theirs: Any) -> None:
    with pytest.raises(UnavailableError):
        distance(ours, theirs)


def tickets(lab: Lab, count: int, seed: int) -> list[dict[str, Any]]:
    rng, found = random.Random(seed), lab.rows(count, seed=seed)
    for row in found:
        row["product"] = rng.choice(["router", "app"])
        row["priority"] = "high" if row["product"] == "router" else "low"
    return found


def test_a_run_is_nearer_to_real_columns_than_its_floor(lab: Lab) -> None:
    plan = lab.plan(lab.file(tickets(lab, 400, 1)), data={"columns": COLUMNS}, privacy={"epsilon": 8.0})
    api.run(plan, lab.folder / "run")
    odd = {**tickets(lab, 1, 3)[0], "product": "undeclared"}
    real = lab.file([*tickets(lab, 300, 2), odd], "real.jsonl")
    report = api.evaluate(lab.folder / "run", real, metrics=["column_distance"], embedder="fake", quiet=True)
    (line,) = report.lines
    values = [None if side is None else side.value for side in (line.corpus, line.floor, line.ceiling)]
    corpus, floor, ceiling = (value for value in values if value is not None)
    assert max(corpus, ceiling) < floor - 0.1
    assert line.corpus.internal


def test_the_columns_of_a_table_below_a_title_are_found(lab: Lab) -> None:
    plan = lab.plan(lab.file(tickets(lab, 400, 1)), data={"columns": COLUMNS}, privacy={"epsilon": 8.0})
    api.run(plan, lab.folder / "run")
    real = lab.folder / "real.csv"
    lines = ["Export of the help desk", "text,user,product,priority"]
    lines += [f"{r['text']},{r['user']},{r['product']},{r['priority']}" for r in tickets(lab, 60, 2)]
    real.write_text("\n".join(lines))
    report = api.evaluate(lab.folder / "run", real, metrics=["column_distance"], embedder="fake", quiet=True)
    assert report.line("column_distance").corpus.value is not None


def test_a_real_file_without_the_columns_is_read_without_them(lab: Lab) -> None:
    plan = lab.plan(lab.file(tickets(lab, 300, 1)), data={"columns": COLUMNS})
    api.run(plan, lab.folder / "run")
    real = lab.file(lab.rows(100, seed=5), "real.jsonl")
    report = api.evaluate(
        lab.folder / "run", real, metrics=["column_distance", "length_mean"], embedder="fake"
    )
    lines = {line.name: line for line in report.lines}
    assert lines["column_distance"].corpus.value is None
    assert lines["length_mean"].corpus.value is not None
    assert any("lacks a column beside the text" in note for note in report.notes)


def test_the_public_metrics_of_attributes_include_columns(lab: Lab) -> None:
    plan = lab.plan(lab.file(tickets(lab, 300, 1)), data={"columns": COLUMNS})
    api.run(plan, lab.folder / "run")
    report = api.evaluate(
        lab.folder / "run", metrics=["attribute_coverage"], embedder="fake", write_floor=False
    )
    assert {"column priority", "column product"} <= set(report.lines[0].corpus.details["attributes"])
