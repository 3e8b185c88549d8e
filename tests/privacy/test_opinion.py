"""`rpsg verify --second-opinion`: the figures of a ledger, by an accountant that shares no code with ours."""

from __future__ import annotations

import copy
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.errors import MissingExtraError
from rpsg.privacy.second_opinion import disagreements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

LABELLED: dict[str, Any] = {
    "data": {"label": "label"},
    "privacy": {"epsilon": 6.0, "shares": {"keyphrases": 0.2, "cards": 0.2}},
}


@pytest.fixture(scope="module")
def run(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Any:
    lab = lab_of(tmp_path_factory.mktemp("opinion"))
    return api.run(lab.plan(lab.file(lab.rows(500)), **LABELLED), lab.folder / "run")


def test_an_honest_ledger_is_confirmed_with_thresholds_and_groups(run: Any) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra 'verify'")
    assert any(m["kind"] == "selection_threshold" for m in run.ledger["mechanisms"])
    found = api.verify(run.path, second_opinion=True)
    assert found.ok
    assert found.checks[-1].name == "every epsilon again, by another accountant"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["mechanisms"][0].update(sigma=0.9 * c["mechanisms"][0]["sigma"]), "epsilon:"),
        (
            lambda c: c["claim"].update(epsilon_replace_one=0.99 * c["claim"]["epsilon_replace_one"]),
            "replace_one",
        ),
        (lambda c: c["claim"]["epsilon_group"].update({"3": 1.0}), r"epsilon_group\.3"),
        (lambda c: c["claim"].update(epsilon=0.5), "lower than the epsilon that the ledger computes"),
        (
            lambda c: threshold(c).update(threshold=threshold(c)["threshold"] - 2),
            "a string that only one unit has passes",
        ),
    ],
)
def test_a_figure_that_is_wrong_is_found_without_our_code(
    run: Any, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra 'verify'")
    ledger = copy.deepcopy(run.ledger)
    claim = ledger["claim"]
    claim["epsilon_group"] = {"3": claim["epsilon_group"]["3"]}  # each group takes a second
    change(ledger)
    assert any(re.search(said, reason) for reason in disagreements(ledger))


def threshold(ledger: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(m for m in ledger["mechanisms"] if m["kind"] == "selection_threshold")
    return found


def test_where_the_other_accountant_is_not_installed_it_is_named(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(MissingExtraError, match=r"rpsg\[verify\]"):
        api.verify(run.path, second_opinion=True)
