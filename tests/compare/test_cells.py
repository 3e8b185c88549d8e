"""Which cells a comparison has: no combination is missing, none is there twice, none is dropped silently."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import small, written

from rpsg.compare.cells import cells_of, find_cell
from rpsg.compare.matrix import read_matrix
from rpsg.errors import UsageError
from rpsg.evaluation.data import CEILING
from rpsg.methods.named import find_method
from rpsg.privacy.odometer import account_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.compare.cells import Cell
    from rpsg.compare.matrix import Matrix


def by_method(cells: list[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.key.method, []).append(cell)
    return found


def test_a_method_with_a_budget_has_a_cell_for_each_combination(matrix: Callable[..., Matrix]) -> None:
    cells = by_method(cells_of(matrix(epsilon=[1, 2], seeds=[0, 1, 2], people=[100, 150], sizes=[10, 12])))
    assert len(cells["strict"]) == 2 * 3 * 2 * 2
    plans = [cell.plan for cell in cells["strict"] if cell.plan is not None]
    assert {plan.privacy.epsilon for plan in plans} == {1.0, 2.0}
    assert {plan.generation.seed for plan in plans} == {0, 1, 2}
    assert {plan.corpus.size for plan in plans} == {10, 12}


def test_what_a_method_does_not_depend_on_makes_no_cells_of_its_own(matrix: Callable[..., Matrix]) -> None:
    cells = by_method(
        cells_of(matrix(methods=["floor", "paper", "strict"], epsilon=[1, 2], people=[100, 150]))
    )
    assert [(c.key.epsilon, c.key.people) for c in cells["floor"]] == [(None, None)]
    assert [(c.key.epsilon, c.key.people) for c in cells["paper"]] == [(None, 100), (None, 150)]
    assert len(cells["strict"]) == 4


def test_a_floor_and_a_ceiling_are_always_there(matrix: Callable[..., Matrix]) -> None:
    cells = by_method(cells_of(matrix(methods=["strict"], seeds=[0, 1])))
    assert [cell.reads for cell in cells["floor"]] == ["nothing"] * 2
    assert [cell.plan for cell in cells[CEILING]] == [None, None]
    assert all(cell.is_ceiling for cell in cells[CEILING])


def test_temperatures_reach_the_plan_and_real_texts_have_none(matrix: Callable[..., Matrix]) -> None:
    cells = by_method(cells_of(matrix(temperatures=[0.4, 1.0])))
    assert [c.plan.generation.temperature for c in cells["strict"] if c.plan] == [0.4, 1.0]
    assert len(cells[CEILING]) == 1


def test_without_noise_a_method_that_always_adds_some_is_not_supported_and_says_why(
    matrix: Callable[..., Matrix],
) -> None:
    cells = by_method(cells_of(matrix(epsilon=[2, math.inf])))["strict"]
    assert [(c.key.epsilon, c.not_run) for c in cells] == [(2.0, ""), (math.inf, "not supported")]
    assert "always adds noise" in cells[1].reason


def test_a_method_that_can_do_without_noise_is_run_with_the_settings_for_it(
    matrix: Callable[..., Matrix],
) -> None:
    trained = {"name": "dpsgd", "infinite": {"dpsgd": {"noise_multiplier": 0.0}}}
    bare = {"name": "bare", "settings": {"method": {"name": "dpsgd"}}}
    cells = by_method(cells_of(matrix(methods=[trained, bare], epsilon=[2, math.inf])))
    without = next(c for c in cells["dpsgd"] if c.key.epsilon == math.inf)
    assert without.not_run == ""
    assert without.plan is not None
    assert without.plan.dpsgd.noise_multiplier == 0.0
    assert [c.not_run for c in cells["bare"]] == ["", "not supported"]


@pytest.mark.parametrize(
    "infinite",
    [{}, {"dpsgd": {"steps": 5}}, {"dpsgd": {"noise_multiplier": 0.01}}, {"privacy": {"epsilon": 8}}],
)
def test_settings_for_infinity_that_do_not_remove_the_noise_make_no_run_at_infinity(
    matrix: Callable[..., Matrix], infinite: dict[str, Any]
) -> None:
    """The word of the file is not enough: the method says whether a plan is without noise."""
    methods = [{"name": name, "infinite": infinite} for name in ("dpsgd", "strict", "augpe")]
    cells = cells_of(matrix(methods=methods, epsilon=[math.inf]))
    found = {cell.key.method: cell for cell in cells if cell.plan and cell.key.epsilon is not None}
    assert {cell.not_run for cell in found.values()} == {"not supported"}
    assert "dpsgd adds noise with these settings" in found["dpsgd"].reason
    assert "strict always adds noise" in found["strict"].reason


def test_settings_without_noise_make_no_run_at_an_epsilon(matrix: Callable[..., Matrix]) -> None:
    bare = {"name": "dpsgd", "settings": {"dpsgd": {"noise_multiplier": 0.0}}}
    cells = by_method(cells_of(matrix(methods=[bare], epsilon=[2, math.inf])))["dpsgd"]
    assert [(c.key.epsilon, c.not_run) for c in cells] == [(2.0, "not supported"), (math.inf, "")]
    assert "it needs epsilon = inf" in cells[0].reason


def test_settings_for_infinity_are_those_of_the_same_method_and_leave_the_cell_as_it_is(
    matrix: Callable[..., Matrix],
) -> None:
    other = {"name": "strict", "infinite": {"method": {"name": "paper"}}}
    with pytest.raises(UsageError, match="`infinite` name another method, paper"):
        cells_of(matrix(methods=[other], epsilon=[math.inf]))
    more = {"dpsgd": {"noise_multiplier": 0.0}, "corpus": {"size": 500}, "generation": {"seed": 7}}
    cells = by_method(cells_of(matrix(methods=[{"name": "dpsgd", "infinite": more}], epsilon=[math.inf])))
    plan = cells["dpsgd"][0].plan
    assert plan is not None
    assert (plan.corpus.size, plan.generation.seed) == (12, 0)


def test_only_a_method_that_reads_records_can_be_without_noise() -> None:
    with pytest.raises(ValueError, match="can do without noise"):
        replace(find_method("strict"), noiseless=lambda _: True)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"people": [400]}, "people = 400"),
        ({"epsilon": [1, 3]}, "epsilon = 3"),
        ({"seeds": [9]}, "seeds = 9"),
        ({"sizes": [13]}, "sizes = 13"),
        ({"temperatures": [0.5]}, "temperatures = 0.5"),
        ({"methods": ["floor"], "epsilon": [1]}, "methods = floor"),
    ],
)
def test_a_rule_that_leaves_no_cell_out_is_refused_with_what_there_is(
    matrix: Callable[..., Matrix], rule: dict[str, Any], said: str
) -> None:
    found = matrix(methods=["floor", "strict"], epsilon=[1, 2], leave_out=[{"reason": "slow", **rule}])
    with pytest.raises(UsageError, match="no cell is left out") as caught:
        cells_of(found)
    assert "leave_out ('slow')" in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_a_rule_without_effect_names_the_values_that_would_have_one(matrix: Callable[..., Matrix]) -> None:
    rule = {"reason": "slow", "methods": ["strict"], "people": [400]}
    with pytest.raises(UsageError) as caught:
        cells_of(matrix(people=[100, 150], leave_out=[rule]))
    assert (
        caught.value.hint
        == "Together with the other lists of this rule, these values leave cells out: 100, 150."
    )


def test_cells_that_are_left_out_match_every_list_and_say_why(matrix: Callable[..., Matrix]) -> None:
    rule = {"reason": "It would take a day.", "methods": ["strict"], "people": [150], "epsilon": [1]}
    cells = by_method(cells_of(matrix(epsilon=[1, 2], people=[100, 150], leave_out=[rule])))["strict"]
    out = [(c.key.people, c.key.epsilon, c.reason) for c in cells if c.not_run == "left out"]
    assert out == [(150, 1.0, "It would take a day.")]
    assert len(cells) == 4


def test_a_data_set_without_a_file_is_left_out_and_says_how_to_give_one(lab: Lab) -> None:
    settings = small(lab)
    del settings["data"][0]["path"]
    cells = cells_of(read_matrix(written(lab.folder / "c.toml", settings)))
    assert {cell.not_run for cell in cells} == {"left out"}
    assert any("--data invented=FILE" in cell.reason for cell in cells)


def test_folders_of_two_plans_are_never_the_same(matrix: Callable[..., Matrix]) -> None:
    first = {cell.id for cell in cells_of(matrix(seeds=[0, 1], epsilon=[1, 2]))}
    assert len(first) == 2 * 2 + 2 + 2
    settings = {"method": {"name": "strict", "oversample": 2.0}}
    other = matrix(seeds=[0, 1], epsilon=[1, 2], methods=[{"name": "strict", "settings": settings}])
    assert not {c.id for c in cells_of(other) if c.key.method == "strict"} & first


def test_public_texts_have_an_account_for_each_cell_and_private_ones_only_their_own(lab: Lab) -> None:
    settings = small(lab, epsilon=[1, 2])

    def accounts() -> set[str]:
        cells = cells_of(read_matrix(written(lab.folder / "c.toml", settings)))
        return {c.plan.data.account for c in cells if c.plan and c.key.method == "strict"}

    assert len(accounts()) == 2
    settings["data"][0]["public"] = False
    assert accounts() == {settings["data"][0]["path"]}
    settings["data"][0]["settings"] = {"data": {"account": "patients"}}
    assert accounts() == {"patients"}


def test_private_texts_have_the_account_that_a_run_on_the_same_file_charges(lab: Lab) -> None:
    """By whichever way the file is named: otherwise a comparison and a run would each have a whole budget."""
    settings = small(lab)
    settings["data"][0]["public"] = False
    file = Path(settings["data"][0]["path"])
    (link := lab.folder / "link.jsonl").symlink_to(file)
    (lab.folder / "inner").mkdir()
    for path in (file, link, lab.folder / "inner" / ".." / file.name):
        settings["data"][0]["path"] = str(path)
        cells = cells_of(read_matrix(written(lab.folder / "c.toml", settings)))
        accounts = {c.plan.data.account for c in cells if c.plan and c.key.method == "strict"}
        assert accounts == {account_name("", file)}


@pytest.mark.parametrize("where", [{"path": ["a.jsonl", "b.jsonl"]}, {"path": "", "asset": "reviews"}])
def test_private_texts_of_several_files_or_of_an_asset_need_an_account_by_name(
    lab: Lab, where: dict[str, Any]
) -> None:
    """The people of the second file would be asked at the cost of the first."""
    settings = small(lab)
    settings["data"][0] |= {"public": False, **where}
    with pytest.raises(UsageError, match="invented names no account") as refused:
        cells_of(read_matrix(written(lab.folder / "c.toml", settings)))
    assert "account" in refused.value.hint
    settings["data"][0]["settings"]["data"]["account"] = "patients"
    assert cells_of(read_matrix(written(lab.folder / "c.toml", settings)))


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (["nonsense"], "There is no method 'nonsense'"),
        ([{"name": "mine", "settings": {"method": {"name": "nonsense"}}}], "There is no method 'nonsense'"),
        ([CEILING], "is the name of the row of real"),
    ],
)
def test_an_unknown_method_is_refused_with_the_names_there_are(
    matrix: Callable[..., Matrix], methods: list[Any], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        cells_of(matrix(methods=methods))
    assert said in caught.value.message
    assert caught.value.hint


def test_settings_that_do_not_hold_together_name_the_cell(matrix: Callable[..., Matrix]) -> None:
    wrong = {"name": "strict", "settings": {"method": {"rounds": 0}}}
    with pytest.raises(UsageError, match=r"invented, strict.*method\.rounds"):
        cells_of(matrix(methods=[wrong]))


def test_a_cell_is_found_by_its_id_alone(matrix: Callable[..., Matrix]) -> None:
    cells = cells_of(matrix())
    assert find_cell(cells, cells[1].id) is cells[1]
    with pytest.raises(UsageError, match="no cell with this id"):
        find_cell(cells, "strict")
