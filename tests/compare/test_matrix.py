"""The file of a comparison: what it says, and what is wrong with one that is not accepted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import small, written

from rpsg.compare.matrix import Matrix, changed, read_matrix
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab


def test_a_name_alone_stands_for_the_method_and_the_writer_of_that_name(
    matrix: Callable[..., Matrix],
) -> None:
    found = matrix(methods=["floor", "strict"], writers=["fake"])
    assert [entry.settings for entry in found.methods] == [
        {"method": {"name": "floor"}},
        {"method": {"name": "strict"}},
    ]
    assert found.writers[0].settings == {"models": {"writer": "fake"}}


def test_an_entry_of_another_name_says_which_method_it_is(matrix: Callable[..., Matrix]) -> None:
    votes = {"name": "with votes", "settings": {"method": {"name": "strict", "select": "votes"}}}
    assert matrix(methods=[votes]).methods[0].settings["method"] == {"name": "strict", "select": "votes"}


def test_without_writers_there_is_the_one_of_the_plan(lab: Lab) -> None:
    settings = small(lab)
    del settings["writers"]
    settings["settings"]["models"]["writer"] = "fake"
    assert [w.name for w in read_matrix(written(lab.folder / "c.toml", settings)).writers] == ["fake"]


def test_a_plan_file_is_found_beside_the_file_of_the_comparison(lab: Lab) -> None:
    (lab.folder / "base.toml").write_text("[corpus]\nabout = 'from a plan'\n", encoding="utf-8")
    found = read_matrix(written(lab.folder / "c.toml", {**small(lab), "plan": "base.toml"}))
    assert found.settings["corpus"]["about"] == "from a plan"
    assert found.plan == ""


def test_paths_are_relative_to_the_file_and_can_be_given_by_name(lab: Lab, tmp_path: Path) -> None:
    settings = small(lab)
    settings["data"][0]["path"] = "rows.jsonl"
    file = written(lab.folder / "c.toml", settings)
    assert read_matrix(file).data[0].paths == (str(lab.folder / "rows.jsonl"),)
    other = tmp_path / "other.jsonl"
    assert read_matrix(file, {"invented": str(other)}).data[0].paths == (str(other),)


def test_a_file_for_a_data_set_that_is_not_there_is_refused(matrix_file: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no data set 'poems'") as caught:
        read_matrix(matrix_file(), {"poems": "poems.txt"})
    assert "invented" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epsilons": [1]}, "epsilons: Extra inputs are not permitted"),
        ({"epsilon": [0]}, "epsilon.1: must be greater than 0"),
        ({"epsilon": [1, 1]}, "epsilon: a value is listed twice"),
        ({"methods": ["strict", "strict"]}, "methods: two entries have the same name"),
        ({"leave_out": [{"reason": "slow", "methods": ["nobody"]}]}, "there is no 'nobody'"),
        ({"declare_people": True, "audit": {"holdout": 0.5}}, "leave declare_people out"),
        ({"limits": {"requests": 0}}, "limits.requests"),
        ({"leave_out": [{"reason": "slow", "methods": ["nobody"]}]}, "there are: strict"),
        ({"headline": ["fid", "nonsense"]}, "headline: 'nonsense' is not measured; there are: fid, word_dis"),
        ({"headline": ["nonsense"], "evaluation": {}}, "headline: 'nonsense' is not measured; there are: "),
        ({"headline": ["mauve"]}, "headline: 'mauve' is not measured"),
    ],
)
def test_what_is_wrong_is_named(matrix: Callable[..., Matrix], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match="is not valid") as caught:
        matrix(**changes)
    assert said in caught.value.message
    assert "--dry-run" in caught.value.hint


def test_without_metrics_all_are_measured_so_any_can_be_shown(matrix: Callable[..., Matrix]) -> None:
    assert matrix(headline=["mauve"], evaluation={}).headline == ("mauve",)


def test_a_file_that_is_missing_or_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no comparison"):
        read_matrix(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("title = ", encoding="utf-8")
    with pytest.raises(UsageError, match="is not valid TOML"):
        read_matrix(broken)


def test_infinity_is_still_infinity_after_it_was_written_down(matrix: Callable[..., Matrix]) -> None:
    found = matrix(epsilon=[2, math.inf])
    again = Matrix.model_validate_json(found.model_dump_json())
    assert again.epsilon == (2.0, math.inf)
    assert again == found


def test_limits_and_the_share_for_the_audit_can_be_changed(matrix: Callable[..., Matrix]) -> None:
    found = changed(matrix(limits={"tokens": 5}), 0.5, {"requests": 9})
    assert (found.limits.tokens, found.limits.requests, found.audit.holdout) == (5, 9, 0.5)
    with pytest.raises(UsageError, match=r"audit\.holdout"):
        changed(matrix(), 1.5, {})


def test_only_a_comparison_of_public_texts_may_be_published(lab: Lab) -> None:
    settings = small(lab)
    assert not read_matrix(written(lab.folder / "c.toml", settings)).is_internal
    del settings["data"][0]["public"]
    assert read_matrix(written(lab.folder / "c.toml", settings)).is_internal
