"""The method dpsgd from the outside: what it learns from, what it says, what leaves, and that it goes on.

The model is a stand-in that keeps what it is given, so no weights are trained here.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.methods.kept import MARKER
from tests.methods.trained import WEIGHTS, Trained, run_of
from tests.models.local.tiny import causal_folder

from rpsg import api
from rpsg.errors import UsageError
from rpsg.methods.dpsgd import account
from rpsg.methods.named import method_of
from rpsg.privacy.claims import NO_GUARANTEE
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.signing import seal
from rpsg.testing.lab import Witness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.release.run import Run

pytest.importorskip("dp_accounting", reason="needs the extra dpsgd")


def plan_of(lab: Lab, rows: Any, **sections: Any) -> Plan:
    """A plan with noise by hand, so that nothing has to be searched for."""
    usual: dict[str, Any] = {
        "method": {"name": "dpsgd"},
        "models": {"writer": WEIGHTS},
        "dpsgd": {"noise_multiplier": 5.0, "steps": 2, "batch": 10},
    }
    return lab.plan(
        lab.file(rows),
        **{name: {**usual.get(name, {}), **sections.get(name, {})} for name in {**usual, **sections}},
    )


@pytest.fixture(scope="module")
def seen() -> tuple[Trained, Witness]:
    return Trained(), Witness()


@pytest.fixture(scope="module")
def done(lab_of: Callable[[Path], Lab], tmp_path_factory: Any, seen: tuple[Trained, Witness]) -> Run:
    lab = lab_of(tmp_path_factory.mktemp("dpsgd"))
    rows = [{**row, "text": f"{row['text']} {MARKER}"} for row in lab.rows(60, people=30)]
    plan = plan_of(lab, rows, privacy={"max_records_per_user": 2})
    return run_of(lab, plan, seen[0], progress=seen[1])


def test_the_ledger_says_that_it_is_research_and_that_nothing_is_claimed(done: Run) -> None:
    ledger = done.ledger
    assert (ledger["status"], ledger["reads"], ledger["mechanisms"]) == ("research_only", "records", [])
    assert ledger["claim"].keys() == {"type", "text"}
    assert ledger["claim"]["type"] == "no_formal_guarantee"
    assert ledger["claim"]["text"].startswith(NO_GUARANTEE)
    assert "DP-SGD" in ledger["claim"]["text"]
    assert done.epsilon is None
    assert [flow["to"] for flow in ledger["non_dp_flows"]] == ["training", "cards"]
    assert {line["carries"] for line in ledger["egress"]} == {"raw_private"}


def test_nowhere_in_the_release_is_there_an_epsilon_or_a_figure_of_the_training(done: Run) -> None:
    files = [path for path in done.release.rglob("*") if path.is_file()]
    assert len(files) > 8
    for file in files:
        content = file.read_bytes().lower()
        assert b"epsilon" not in content, file
        assert b"sampling_rate" not in content, file
    assert not list(done.release.rglob("training.json"))
    assert all(record["claim"] == NO_GUARANTEE for record in done.records)


def test_private_words_are_in_no_file_outside_the_private_folder(
    done: Run, seen: tuple[Trained, Witness]
) -> None:
    assert all(MARKER in example.text for example in seen[0].examples)
    for path in done.path.rglob("*"):
        if path.is_file() and "private" not in path.relative_to(done.path).parts:
            assert MARKER.lower().encode() not in path.read_bytes().lower(), path


def test_anybody_can_check_the_release_and_a_better_status_is_found(done: Run, tmp_path: Path) -> None:
    found = api.verify(done.release)
    assert found.ok
    assert not found.claims
    copy = shutil.copytree(done.release, tmp_path / "release")
    ledger = json.loads((copy / "ledger.json").read_text())
    body = {**{k: v for k, v in ledger.items() if k != "chain"}, "status": "valid"}
    (copy / "ledger.json").write_text(json.dumps(seal(body), indent=1, ensure_ascii=False) + "\n")
    failed = {check.name for check in api.verify(copy).checks if not check.ok}
    assert "ledger.json" in failed


def test_the_operator_gets_the_figures_with_the_words_that_they_are_no_claim(done: Run) -> None:
    told = json.loads((done.path / "private" / "training.json").read_text())
    assert (told["people"], told["steps"], told["noise_multiplier"]) == (30, 2, 5.0)
    assert told["sampling_rate"] == pytest.approx(10 / 30)
    assert told["most_texts_of_a_person"] == 2
    assert 0 < told["epsilon"] < 4
    assert "not a claim" in told["caution"]


def test_the_screen_shows_no_figure_that_depends_on_the_data(
    seen: tuple[Trained, Witness], done: Run
) -> None:
    assert done.texts
    notes = [str(line[1]) for line in seen[1].told if line[0] == "note"]
    about = [note for note in notes if "For research, not a claim" in note]
    assert len(about) == 2
    assert not [note for note in notes if "0.333" in note]
    assert {line[2] for line in seen[1].told if line[0] == "start" and "training" in str(line[1])} == {100}


def test_each_person_gives_at_most_the_texts_of_the_plan(seen: tuple[Trained, Witness], done: Run) -> None:
    assert done.texts
    assert set(Counter(example.person for example in seen[0].examples).values()) == {2}
    assert len({example.person for example in seen[0].examples}) == 30


def test_without_a_user_column_each_row_is_its_own_person(lab: Lab) -> None:
    trained, plan = Trained(), plan_of(lab, lab.rows(12, people=3))
    run_of(lab, plan.model_copy(update={"data": plan.data.model_copy(update={"user": None})}), trained)
    assert len({example.person for example in trained.examples}) == 12


def test_texts_are_learnt_and_written_behind_values_of_the_schema(lab: Lab) -> None:
    trained = Trained()
    plan = plan_of(lab, lab.rows(30), data={"label": "label", "labels": ["food", "drink"]})
    run = run_of(lab, plan, trained)
    attributes = [a for a in lab.tiny().with_label(("food", "drink")).attributes if a.counted]
    for codes in [*(e.codes for e in trained.examples), *(r.messages[0].content for r in trained.asked)]:
        told = dict(part.split(": ") for part in codes.removesuffix("\n\n").split(" | "))
        assert list(told) == [a.name for a in attributes]
        assert all(told[a.name] in a.values for a in attributes)
    assert {row["label"] for row in run.records} <= {"food", "drink"}
    assert len(run.texts) == plan.corpus.size


def test_codes_are_drawn_evenly_where_nothing_is_counted(lab: Lab) -> None:
    run = run_of(lab, plan_of(lab, lab.rows(30), dpsgd={"cards": 0.0}), Trained())
    assert [flow["to"] for flow in run.ledger["non_dp_flows"]] == ["training"]
    assert api.verify(run.release).ok


def test_a_declared_number_of_people_sets_how_likely_each_is_in_a_step(lab: Lab) -> None:
    trained = Trained()
    run_of(lab, plan_of(lab, lab.rows(30), privacy={"n_public": 50}), trained)
    assert trained.trainings == [(10 / 50, 5.0)]


def test_a_smaller_epsilon_gets_more_noise(lab: Lab) -> None:
    settings = {"noise_multiplier": None, "steps": 100, "batch": 64}
    plans = [plan_of(lab, [], privacy={"epsilon": e}) for e in (0.5, 1.0)]
    plans = [plan.model_copy(update={"dpsgd": type(plan.dpsgd)(**settings)}) for plan in plans]
    small, large = (account(plan, 1_000) for plan in plans)
    assert small["noise_multiplier"] > 1.5 * large["noise_multiplier"]
    assert 0.49 < small["epsilon"] <= 0.5
    assert 0.98 < large["epsilon"] <= 1.0


def test_training_without_noise_says_so(lab: Lab) -> None:
    run = run_of(lab, plan_of(lab, lab.rows(20), dpsgd={"noise_multiplier": 0.0}), Trained())
    assert "No noise was added" in run.ledger["claim"]["text"]
    assert json.loads((run.path / "private" / "training.json").read_text())["epsilon"] is None
    assert api.verify(run.release).ok


@pytest.mark.parametrize(("tuning", "trainings", "restorings"), [("lora", 1, 1), ("full", 2, 0)])
def test_a_stopped_run_goes_on_and_all_texts_are_of_one_model(
    lab: Lab, tuning: str, trainings: int, restorings: int
) -> None:
    plan, trained = plan_of(lab, lab.rows(20), dpsgd={"tuning": tuning}), Trained(fails=True)
    with pytest.raises(KeyboardInterrupt):
        run_of(lab, plan, trained)
    asked = len(trained.asked)
    run = run_of(lab, plan, trained)
    assert (len(trained.trainings), trained.restorings) == (trainings, restorings)
    assert trained.asked[asked : 2 * asked] == trained.asked[:asked]
    assert run.texts


def test_the_account_notes_a_reading_without_a_bound(lab: Lab) -> None:
    plan = plan_of(lab, lab.rows(20), data={"account": "reviews"})
    run_of(lab, plan, Trained())
    from rpsg.pipeline.private_data import account_of

    assert account_of(plan, Odometer()).statement().unbounded == (("dpsgd", 1),)


REFUSED = {
    "a writer without weights": ({"models": {"writer": "fake"}}, "no weights"),
    "a writer on another machine": ({"models": {"writer": "openai:gpt"}}, "no weights"),
    "labels that nobody declared": ({"data": {"label": "label"}}, "must be declared"),
    "replaced people": ({"privacy": {"adjacency": "replace_one", "n_public": 9}}, "adding or removing"),
    "a budget in the words": ({"corpus": {"about": "reviews at epsilon 1"}}, "may not name an epsilon"),
}


@pytest.mark.parametrize(("sections", "words"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_do_is_refused(lab: Lab, sections: dict[str, Any], words: str) -> None:
    plan = plan_of(lab, [], **sections)
    with pytest.raises(UsageError, match=words):
        method_of(plan).check(plan)


def test_a_tiny_model_is_trained_from_file_to_release(lab: Lab) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    pytest.importorskip("opacus", reason="needs the extra dpsgd")
    folder = causal_folder(lab.folder / "weights", chat=False)
    models = {"writer": str(folder), "threads": 1}
    # Random weights write nothing that passes for a text: they learn one word by heart.
    rows = [{"text": "good tea and more of it, as always.", "user": f"p{i}"} for i in range(30)]
    settings = {"noise_multiplier": 0.0, "tuning": "full", "steps": 40, "learning_rate": 0.01, "tokens": 128}
    run = lab.run(plan_of(lab, rows, models=models, corpus={"size": 2}, dpsgd=settings))
    assert run.ledger["egress"][-1]["model"].startswith("dp-trained:weights@")
    assert str(lab.folder) not in (run.release / "evidence" / "plan.toml").read_text()
    assert any("tea" in text for text in run.texts)
    assert api.verify(run.release).ok
