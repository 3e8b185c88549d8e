"""Whether the verdicts of a published audit follow from its figures, whatever its stored results say."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.publishing import counted_audit, kept, pair, plan_of

from rpsg import api
from rpsg.disk.json_text import strict_json
from rpsg.errors import UsageError
from rpsg.pipeline.verification.sign import publish
from rpsg.privacy.attack_bounds import one_run_epsilon
from rpsg.privacy.attack_limits import named_limit
from rpsg.privacy.audit_figures import audit_holds
from rpsg.privacy.checks import form
from rpsg.privacy.published_audit import NOT_COVERED, NOTHING_SEEN, THIS, published, summary_of
from rpsg.privacy.signing import seal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Path:
    """A run whose audit is kept but not published; the key lies next to it."""
    lab = lab_of(tmp_path_factory.mktemp("verdicts"))
    run = api.run(plan_of(lab), lab.folder / "run").path
    pair(lab)
    kept(run, counted_audit(run))
    return run


def stored(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "private" / "audit.json").read_bytes()))


def of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["findings"] if each["name"] == name)


def _only_one_is_left(found: dict[str, Any]) -> None:
    for each in found["findings"]:
        if each["name"] != "extraction":
            each["verdict"] = "not run"


def _nobody_found_the_planted_leak(found: dict[str, Any]) -> None:
    for each in found["controls"]["leaky"]:
        each.update(outcome="missed", epsilon_lower=0.0)


def _one_without_power_counts(found: dict[str, Any]) -> None:
    own = next(each for each in found["controls"]["fitted on members"] if each["name"] == "exposure")
    own.update(outcome="missed", auc=0.7)


def _other_claim(found: dict[str, Any]) -> None:
    found["claim"]["epsilon"] = 2.5


def _smaller_limit(found: dict[str, Any]) -> None:
    of(found, "exposure")["limit"] /= 2


def _words_for_numbers(found: dict[str, Any]) -> None:
    of(found, "exposure")["right"] = "none"


def _said_to_be_void(found: dict[str, Any]) -> None:
    found["reason"] = "No attack would have detected a corpus in which one text in twenty is a copy."


def _told_apart(found: dict[str, Any]) -> None:
    found["baseline"]["signs"] = ["capital letters"]


def _swapped(found: dict[str, Any]) -> None:
    of(found, "exposure")["epsilon_if_swapped"] = 1.0


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_only_one_is_left, "its verdict does not follow"),
        (_nobody_found_the_planted_leak, "the verdict of the audit does not follow"),
        (_one_without_power_counts, "its verdict does not follow"),
        (_other_claim, "not that of this ledger"),
        (_smaller_limit, "would have detected does not follow"),
        (_words_for_numbers, "not those of an audit"),
        (_said_to_be_void, "has no verdict"),
        (_told_apart, "has no verdict"),
        (_swapped, "has no verdict"),
    ],
)
def test_stored_results_that_were_edited_are_not_published(
    run: Path, tmp_path: Path, edit: Edit, told: str
) -> None:
    found = stored(run)
    edit(found)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "audit.json").write_text(json.dumps(found))
    with pytest.raises(UsageError, match=told):
        publish(run, run.parent / "key", audit=tmp_path)
    assert "published_audit" not in strict_json((run / "release" / "ledger.json").read_bytes())


def ledger_with(run: Path, change: Edit) -> dict[str, Any]:
    """The ledger of the run as it would be with its audit published, after a change of the audit's entry."""
    block = copy.deepcopy(published(stored(run), of=THIS))
    change(block)
    body = dict(strict_json((run / "release" / "ledger.json").read_bytes()))
    body |= {"published_audit": block, "audit": summary_of(block)}
    body["not_covered"] = [*body["not_covered"], NOT_COVERED]
    return {name: value for name, value in body.items() if name != "chain"}


def reasons(run: Path, change: Edit) -> list[str]:
    body = ledger_with(run, change)
    return [*form(seal(body)), *audit_holds(body)]


def line(block: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in block["attacks"] if each["name"] == name)


def _refuting(block: dict[str, Any]) -> dict[str, Any]:
    """What the attack ``copies`` would have if it had named sixty people, all of them members."""
    people, level = block["people"], block["level"] / block["tested"]
    members, units = people["members"], people["members"] + people["held_out"]
    bound = one_run_epsilon(units, 60, 60, delta=1e-6, level=level, by_chance=members / units)
    assert bound > block["claim"]["epsilon"]
    limit = named_limit(units, members, 0, block["claim"]["epsilon"], delta=1e-6, level=level)
    return {"guesses": 60, "right": 60, "epsilon_lower": bound, "limit": limit}


def test_an_attack_that_refutes_is_refuted_whatever_it_says(run: Path) -> None:
    def said(verdict: str, whole: str) -> list[str]:
        def change(block: dict[str, Any]) -> None:
            line(block, "copies").update(_refuting(block), verdict=verdict)
            block["verdict"] = whole

        return reasons(run, change)

    assert said("refuted", "refuted") == []
    assert said("refuted", "no violation seen") == [
        "the verdict of the audit does not follow from the attacks"
    ]
    assert len(said("not run", "no violation seen")) == 2
    assert len(said("no violation seen", "no violation seen")) == 2


def test_an_attack_that_names_the_wrong_side_makes_the_audit_void(run: Path) -> None:
    def change(block: dict[str, Any]) -> None:
        line(block, "copies").update(guesses=30, right=0, limit=None)

    assert any("more of the people held out than chance" in reason for reason in reasons(run, change))


def _not_tried(block: dict[str, Any]) -> None:
    del line(block, "extraction")["in_planted_leak"]


def _weak_leak(block: dict[str, Any]) -> None:
    line(block, "extraction")["in_planted_leak"]["epsilon_lower"] = 2.0


def _small_area(block: dict[str, Any]) -> None:
    line(block, "exposure")["in_own_texts"]["auc"] = 0.79


def _without_own_texts(block: dict[str, Any]) -> None:
    del line(block, "exposure")["in_own_texts"]


def _no_limit(block: dict[str, Any]) -> None:
    line(block, "exposure")["limit"] = None


def _limit_of_another(block: dict[str, Any]) -> None:
    line(block, "noisy-answers")["limit"] = 0.05


def _without_seed(block: dict[str, Any]) -> None:
    del block["seed"]


@pytest.mark.parametrize(
    "change",
    [
        *(_not_tried, _weak_leak, _small_area, _without_own_texts, _no_limit, _limit_of_another),
        _without_seed,
    ],
)
def test_what_decides_the_verdicts_is_computed_again(run: Path, change: Edit) -> None:
    assert reasons(run, lambda _: None) == []
    assert reasons(run, change) != []


def test_the_figures_of_an_attack_without_power_are_published(run: Path) -> None:
    found = stored(run)
    _one_without_power_counts(found)
    of(found, "exposure")["verdict"] = "not run"
    block = published(found, of=THIS)
    told = line(block, "exposure")
    assert told["verdict"] == "not run"
    assert {"guesses", "right", "epsilon_lower", "in_own_texts"} <= told.keys()
    assert reasons(run, lambda entry: entry.update(block)) == []


def test_an_earlier_form_is_refused_with_one_sentence(run: Path) -> None:
    def change(block: dict[str, Any]) -> None:
        block["form"] = "rpsg-published-audit/2"

    (told,) = form(seal(ledger_with(run, change)))
    assert told.startswith("the published audit is in a form that this version of RPSG does not check")


def test_an_attack_with_figures_that_nobody_can_compute_is_not_left_out_by_calling_it_not_run(
    run: Path,
) -> None:
    found = stored(run)
    of(found, "copies").update(verdict="not run", basis={})
    with pytest.raises(UsageError, match="check the bounds of copies"):
        published(found, of=THIS)
    assert stored(run)["reason"] == NOTHING_SEEN
