"""The benchmark of noisy answers puts the canaries of several runs together."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.audit.run import find_attacks
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from tests.conftest import Lab

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    audit_answers: Any = importlib.import_module("audit_answers")
    resolved = audit_answers.resolve

    def small(plan: dict[str, Any]) -> Any:
        plan["corpus"] = {"domain": str(lab.pack), "size": 40}
        return resolved({**plan, "models": {"writer": "fake", "embedder": "fake"}})

    monkeypatch.setattr(audit_answers, "resolve", small)
    monkeypatch.setattr(audit_answers, "reviews", lambda seed: texts(1200, seed))
    monkeypatch.setattr(audit_answers, "CANARIES", 100)
    monkeypatch.setattr(audit_answers, "REDRAWN", 10)
    return audit_answers


def test_canaries_of_all_runs_are_judged_together_and_each_run_alone(answers: Any) -> None:
    row = answers.runs(texts(60, 99), answers.NOISES["a tenth of it"], 2, 0.1)
    assert row["verdicts"] == row["of the attack"] == ["refuted", "refuted"]
    assert row["together"]["verdict"] == "refuted"
    assert row["together"]["guesses"] in {20, 40, 100}
    assert row["together"]["epsilon"] > row["epsilon claimed"]
    assert row["drafts"] == 60
    assert row["of noise-left"] == ["refuted", "refuted"]
    assert row["noise, of what is claimed"] == pytest.approx([0.1, 0.1], rel=0.3)
    assert row["simulated"]["noise-left"] == 10
    assert 0.0 < row["simulated"]["what a canary adds, of the most"] <= 1.0


def test_the_three_kinds_of_noise_have_the_stated_size_a_tenth_and_a_third_of_it(answers: Any) -> None:
    sizes = {name: noise.draw(1000.0, 4000).std() / 1000 for name, noise in answers.NOISES.items()}
    assert sizes == pytest.approx(answers.PARTS, rel=0.06)
    assert "noisy-answers" in find_attacks()
