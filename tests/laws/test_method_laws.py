"""The methods that ship keep the laws of methods, and a method that breaks one is found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from tests.methods.trained import WEIGHTS, Trained, run_of

from rpsg.errors import RpsgError
from rpsg.methods import floor, strict
from rpsg.methods.base import Method
from rpsg.methods.budget import strict_budget
from rpsg.methods.named import find_method
from rpsg.records import Candidate, Card, Pool
from rpsg.registry import built_in
from rpsg.testing.lab import Lab, plugged
from rpsg.testing.laws import MethodLaws

if TYPE_CHECKING:
    from rpsg.methods.base import Job
    from rpsg.release.run import Run


class TestStrict(MethodLaws):
    @pytest.fixture
    def method(self) -> Method:
        return find_method("strict")


class TestStrictWithVotes(MethodLaws):
    sections: ClassVar = {"method": {"select": "votes"}, "corpus": {"size": 8}}

    @pytest.fixture
    def method(self) -> Method:
        return find_method("strict")


class TestFloor(MethodLaws):
    @pytest.fixture
    def method(self) -> Method:
        return find_method("floor")


class TestSplit(MethodLaws):
    @pytest.fixture
    def method(self) -> Method:
        return find_method("split")


class TestAugpe(MethodLaws):
    sections: ClassVar = {
        "augpe": {"iterations": 2, "variations": 3, "lookahead": 1, "selection": "sample"},
        "data": {"label": "label", "labels": ["food", "drink"]},
    }

    @pytest.fixture
    def method(self) -> Method:
        return find_method("augpe")


class TestRupta(MethodLaws):
    sections: ClassVar = {
        "rupta": {"edits": 2, "guarded": 3, "match": 0.1, "leaking": "drop"},
        "data": {"label": "label", "labels": ["food", "drink"]},
    }

    @pytest.fixture
    def method(self) -> Method:
        return find_method("rupta")


class TestPrivatePrediction(MethodLaws):
    sections: ClassVar = {
        "prediction": {"batch": 15, "tokens": 12, "choices": 30},
        "privacy": {"max_records_per_user": 1},
    }

    @pytest.fixture
    def method(self) -> Method:
        return find_method("private-prediction")


class TestPaper(MethodLaws):
    @pytest.fixture
    def method(self) -> Method:
        return find_method("paper")


class TestDpsgd(MethodLaws):
    """With a stand-in for the model that is trained."""

    sections: ClassVar = {
        "models": {"writer": WEIGHTS},
        "dpsgd": {"noise_multiplier": 5.0, "steps": 2, "batch": 10},
    }

    @pytest.fixture
    def method(self) -> Method:
        pytest.importorskip("dp_accounting", reason="needs the extra dpsgd")
        return find_method("dpsgd")

    def finished(self, lab: Lab, method: Method) -> Run:
        return run_of(lab, self.plan(lab, method, lab.file(lab.rows(300))), Trained())


def test_every_method_that_ships_is_held_to_the_laws() -> None:
    held = re.findall(r'return find_method\("([\w-]+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert set(held) == set(built_in("methods"))


def whispers(job: Job) -> Pool:
    """Says on the screen how many people there are, and writes no more than strict mode does."""
    people = []
    job.people.rows.map(lambda rows: people.append(len(rows)))
    job.progress.note(f"{people[0]} rows")
    return strict.synthesize(job)


def quotes(job: Job) -> Pool:
    """Takes a private text as it is."""
    found: list[str] = []
    job.people.rows.map(lambda rows: found.append(rows[0].text))
    return strict.synthesize(job).extend([Candidate(10_000, found[0], Card({}))])


def asks_less(job: Job) -> Pool:
    """Announces all questions of strict mode and asks none."""
    return floor.synthesize(job)


def opens_the_file(job: Job) -> Pool:
    line = Path(job.plan.data.path).read_text(encoding="utf-8").splitlines()[0]
    return Pool((Candidate(0, json.loads(line)["text"], Card({})),))


def method_of(function: object) -> Method:
    name = getattr(function, "__name__").replace("_", "-")  # noqa: B009  # typed as a plain object
    return Method(name, "breaks a law", "noisy_answers", function, strict_budget)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [whispers, quotes], ids=["whispers", "quotes"])
def test_what_gets_past_the_kernel_is_found(lab: Lab, function: object) -> None:
    method, laws = method_of(function), MethodLaws()
    found = pytest.raises(AssertionError, match=r"one fewer|all others")
    with plugged("methods", {method.name: method}), found:
        laws.test_the_same_noisy_answers_give_the_same_texts_whatever_the_rows_are(lab, method)


@pytest.mark.parametrize("function", [asks_less, opens_the_file], ids=["asks less", "opens the file"])
def test_a_method_that_does_not_do_what_it_declares_has_no_release(lab: Lab, function: object) -> None:
    method, laws = method_of(function), MethodLaws()
    with plugged("methods", {method.name: method}), pytest.raises((AssertionError, RpsgError, OSError)):
        laws.test_its_release_says_what_it_read_and_claims_what_follows_from_that(lab, method)
    assert not (lab.folder / "run" / "release").exists()


def test_a_method_that_says_it_reads_nothing_and_asks_is_found(lab: Lab) -> None:
    method = Method("sly", "asks all the same", "nothing", strict.synthesize)
    with plugged("methods", {method.name: method}), pytest.raises(RpsgError, match="no privacy budget"):
        MethodLaws().test_a_method_that_reads_nothing_needs_no_data_and_is_not_told_where_any_are(lab, method)
