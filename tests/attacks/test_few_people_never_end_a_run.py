"""With few people a run refused after its first noisy count: ε was gone, and nothing had come of it.

Every refusal now follows from public numbers before the first charge. Whatever the noisy answers are, zero
and negative ones among them, the story ends with a release, on the same way for neighbouring data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import api, registry
from rpsg.errors import InfeasibleError
from rpsg.models.fake import FakeClassifier, FakeWriter
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent
from rpsg.release.reader import Release

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.plan import Plan
    from rpsg.privacy.histogram import Query
    from rpsg.release.run import Run


class Notes(Silent):
    """Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Query], int]], None]:
    """From now on each histogram has the same number in all of its cells, as told by stage."""

    def install(value: Callable[[Query], int]) -> None:
        def histogram(query: Query, rows: Any, noise: Any) -> Any:
            from rpsg.privacy.mechanisms import clean_answer

            clean_answer(query, rows)
            noise.draw(query.sigma, query.dim)
            return np.full(query.dim, value(query), np.int64)

        monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", histogram)

    return install


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "labels": {"data": {"label": "label", "labels": ("food", "drink")}},
    "labels to be found": {"data": {"label": "label"}},
    "keyphrases": {"privacy": {"shares": {"keyphrases": 0.2}}},
    "votes": {"method": {"select": "votes"}},
    "rounds of votes": {"method": {"select": "votes", "rounds": 3, "votes_per_record": 2}},
    "passages": {"data": {"passage_words": 4}},
    "one text": {"corpus": {"size": 1}},
    "split": {"method": {"name": "split"}, "split": {"donors": 0.8}},
}


@pytest.mark.parametrize("answer", [-(10**9), -1, 0, 1, 25, 10**9])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_whatever_the_noisy_answers_are_there_is_a_release(
    lab: Lab, tell: Callable[[Any], None], settings: dict[str, Any], answer: int
) -> None:
    tell(lambda _: answer)
    plan = lab.plan(lab.file(lab.rows(12)), **settings)
    assert len(lab.run(plan).texts) == plan.corpus.size or plan.method.name == "split"
    assert (lab.folder / "run" / "release").is_dir()


@pytest.mark.parametrize("people", [1, 2, 5, 30])
def test_a_handful_of_people_get_a_release_and_are_told_what_it_is_worth(lab: Lab, people: int) -> None:
    notes, plan = Notes(), lab.plan(lab.file(lab.rows(people)), privacy={"epsilon": 1.0})
    assert len(lab.run(plan, progress=notes).texts) == 20
    smallest = api.preview(plan).smallest_people
    assert f"With fewer than {smallest:,} people" in notes.notes[0], "before anything is spent"
    assert any("So few people were counted" in note for note in notes.notes)


def test_with_many_people_nobody_is_warned_of_few(lab: Lab) -> None:
    notes = Notes()
    lab.run(lab.plan(lab.file(lab.rows(600)), privacy={"epsilon": 8.0}), progress=notes)
    assert not any("So few" in note for note in notes.notes)


def test_the_plan_says_how_many_people_it_takes(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(30)))
    shown = api.preview(plan)
    assert any(f"With fewer than {shown.smallest_people:,} people" in line for line in shown.warnings)
    assert not any("With fewer than" in w for w in api.preview(lab.plan(privacy={"n_public": 5000})).warnings)


def spent(plan: Plan) -> float:
    totals = Odometer().statement(account_name(plan.data.account, plan.data.path)).totals
    return sum(total.mu2 for total in totals)


@pytest.mark.parametrize("method", ["strict", "split"])
def test_a_declared_number_that_is_too_small_is_refused_before_the_writer_is_asked(
    lab: Lab, method: str
) -> None:
    plan = lab.plan(lab.file(lab.rows(30)), method={"name": method}, privacy={"n_public": 3})
    writer = FakeWriter()
    with pytest.raises(InfeasibleError) as caught:
        lab.run(plan, writer=writer)
    assert "--epsilon" in caught.value.hint
    assert writer.requests == []
    assert not (lab.folder / "run").exists()
    assert spent(plan) == 0


def test_labels_that_are_too_rare_leave_texts_without_labels(lab: Lab) -> None:
    rows = [{**row, "label": f"rare-{i}"} for i, row in enumerate(lab.rows(300))]
    notes = Notes()
    run = lab.run(lab.plan(lab.file(rows), data={"label": "label"}), progress=notes)
    assert len(run.texts) == 20
    assert {record.get("label") for record in run.records} == {None}
    assert any("Fewer than two label values" in note for note in notes.notes)


def test_a_single_label_that_everybody_has_leaves_texts_without_labels(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report took it for a label all the same, and the run failed after its whole budget was spent."""
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    rows = [{**row, "label": "the same"} for row in lab.rows(400)]
    plan = lab.plan(lab.file(rows), data={"label": "label"}, privacy={"epsilon": 6.0})
    run = api.run(plan, lab.folder / "run")
    assert {record.get("label") for record in run.records} == {None}
    assert api.verify(run.path).ok
    assert Release(run.path).labels == ()


def test_neighbours_with_the_same_noisy_answers_go_the_same_way(
    lab: Lab, retell: Callable[[Run], None]
) -> None:
    """One person alone, and nobody at all but for an empty file's sake another one."""
    first, second, notes, more = FakeWriter(), FakeWriter(), Notes(), Notes()
    run = lab.run(lab.plan(lab.file(lab.rows(2))), "one", writer=first, progress=notes)
    retell(run)
    again = lab.run(lab.plan(lab.file(lab.rows(1), "fewer.jsonl")), "two", writer=second, progress=more)
    assert first.requests == second.requests
    assert run.records == again.records
    assert notes.notes == more.notes


def test_a_release_of_few_people_can_be_verified(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    run = api.run(lab.plan(lab.file(lab.rows(3)), data={"label": "label"}), lab.folder / "run")
    assert api.verify(run.path).ok
