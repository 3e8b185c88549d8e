"""The attack on noisy answers: which canaries were among the people whom a run asked?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg import api
from rpsg.audit import answers as answers_module
from rpsg.audit import audit_run, canary_run
from rpsg.audit.answers import CanaryAnswers
from rpsg.audit.claim import Claim
from rpsg.audit.noisy_answers import noisy_answers, scores
from rpsg.audit.subject import NotRunError
from rpsg.errors import ModelError
from rpsg.privacy.noise import RoundedGaussian
from rpsg.stages.canaries import make_canaries
from rpsg.testing.noise import FixedNoise
from rpsg.testing.planted import subject, texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.audit.finding import Finding
    from rpsg.audit.report import AuditReport
    from rpsg.audit.subject import Subject
    from rpsg.protocols import NoiseSource

EPSILON, DELTA, CANARIES = 2.0, 1e-6, 200
ALONE = ("noisy-answers",)


class LessNoise:
    """A part of the noise that is asked for, under the name of the source of every claim."""

    name = RoundedGaussian.name

    def __init__(self, part: float) -> None:
        self._part = part

    def draw(self, sigma: float, size: int) -> Any:
        return RoundedGaussian().draw(sigma * self._part, size)


def plan_of(lab: Lab, **sections: Any) -> Any:
    public = lab.file([{"text": text} for text in texts(500, 3)], "public.jsonl")
    rows = [{**row, "text": text} for row, text in zip(lab.rows(150), texts(150, 1), strict=True)]
    data = {"audit_canaries": CANARIES, "canary_texts": str(public), "account": "asked", "audit_holdout": 0.5}
    return lab.plan(
        lab.file(rows),
        corpus={"size": 60},
        data={**data, **sections.pop("data", {})},
        privacy={"epsilon": EPSILON, "lifetime_epsilon": 30.0, **sections.pop("privacy", {})},
        **sections,
    )


def attacked(lab: Lab, noise: NoiseSource, **sections: Any) -> tuple[AuditReport, Subject]:
    """An audit run with only this attack, and what it saw of the run."""
    seen: list[Subject] = []

    def seeing(subject: Subject) -> Finding:
        seen.append(subject)
        return noisy_answers(subject)

    report = canary_run(
        plan_of(lab, **sections), lab.folder / "audit", attacks={"noisy-answers": seeing}, noise=noise
    )
    return report, seen[0]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Subject:
    """A whole run of strict mode, whose drafts and embeddings decide what each canary adds."""
    return attacked(lab_of(tmp_path_factory.mktemp("asked")), RoundedGaussian())[1]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"method": {"select": "votes"}},
        {"method": {"name": "augpe"}, "augpe": {"iterations": 1, "variations": 2}},
        {"method": {"name": "split"}, "paper": {"abstracter": "writer"}},
        {"data": {"label": "label", "labels": ["food", "drink"]}},
        {"privacy": {"shares": {"keyphrases": 0.2}}},
    ],
    ids=["sketch", "votes", "augpe", "split", "labels", "phrases"],
)
def test_answers_without_noise_show_exactly_what_the_planted_canaries_add(
    lab: Lab, sections: dict[str, Any]
) -> None:
    """So everything that others add was subtracted, in each answer, to the last step."""
    _, seen = attacked(lab, FixedNoise(), **sections)
    assert seen.answers is not None
    assert seen.canaries is not None
    exact = seen.answers.added @ np.array(seen.canaries.is_in)
    assert np.allclose(seen.answers.shown, exact, atol=1e-6 * np.abs(exact).max())
    assert exact.max() > 0.0
    squares = sum(each.added for each in seen.answers.noise)
    assert np.allclose(squares, seen.answers.added.diagonal())
    # All that is left is half a step for the rounding of each entry.
    assert all(each.square < 0.3 * each.entries for each in seen.answers.noise)


def test_a_whole_run_with_a_tenth_of_its_noise_is_refuted(lab: Lab) -> None:
    report, _ = attacked(lab, LessNoise(0.1))
    found = report.finding("noisy-answers")
    assert report.verdict == found.verdict == "refuted"
    assert (found.epsilon_lower or 0.0) > EPSILON
    assert "noisy answers reveal which canaries" in found.reason


@pytest.mark.parametrize(("part", "verdict"), [(1.1, "not run"), (10**-0.5, "refuted")])
def test_the_noise_of_a_whole_run_is_measured_and_that_of_ten_draws_is_refuted(
    lab: Lab, part: float, verdict: str
) -> None:
    report = canary_run(
        plan_of(lab, data={"audit_canaries": 40}),
        lab.folder / "audit",
        attacks=("noise-left",),
        noise=LessNoise(part),
    )
    found = report.finding("noise-left")
    assert found.details["noise, of what is claimed"] == pytest.approx(part, rel=0.2)
    if verdict == "refuted":
        assert report.verdict == found.verdict == "refuted"
        assert report.words()[0] == (
            "The claim is refuted: the noisy answers of the run reveal more about who took part than the "
            "claim allows."
        )
    else:
        assert (found.epsilon_lower or 0.0) <= EPSILON
        assert next(c for c in report.controls["fitted on members"]).outcome == "caught"


def test_a_whole_run_with_the_stated_noise_is_not_refuted_and_a_violation_would_have_been(lab: Lab) -> None:
    report, _ = attacked(lab, RoundedGaussian())
    found = report.finding("noisy-answers")
    assert found.verdict != "refuted"
    assert (found.epsilon_lower or 0.0) <= EPSILON < (found.epsilon_most or 0.0)
    control = next(c for c in report.controls["fitted on members"] if c.name == "noisy-answers")
    assert control.outcome == "caught"
    # It says nothing about a leak through the texts, so it must not make an audit of them count.
    assert next(c for c in report.controls["leaky"] if c.name == "noisy-answers").outcome == "not tried"
    assert report.verdict == "not run"


def redrawn(seen: Subject, part: float, seed: int) -> Subject:
    """The same run with other coins and other noise."""
    assert seen.answers is not None
    assert seen.canaries is not None
    draw, added = np.random.default_rng(seed), seen.answers.added
    coins = draw.random(len(added)) < 0.5
    values, axes = np.linalg.eigh(added)
    noise = axes @ (np.sqrt(np.maximum(values, 0.0)) * draw.normal(0.0, part, len(values)))
    canaries = replace(seen.canaries, is_in=tuple(coins.tolist()))
    return replace(seen, answers=CanaryAnswers(added, added @ coins + noise), canaries=canaries, seed=seed)


def test_of_a_hundred_runs_with_the_stated_noise_five_at_most_are_refuted(asked: Subject) -> None:
    found = [noisy_answers(redrawn(asked, 1.0, seed)) for seed in range(100)]
    lower = np.array([each.epsilon_lower or 0.0 for each in found])
    assert (lower > EPSILON).sum() <= 5
    assert np.median(lower) < EPSILON / 4
    assert sum(bool(each.epsilon_if_swapped) for each in found) <= 5


def test_of_a_hundred_runs_whose_answers_say_nothing_few_have_a_bound(asked: Subject) -> None:
    """Its canaries are new in each test. If one run in twenty has a bound, more than 13 of 100 have one about
    once in two thousand tests.
    """
    found = [noisy_answers(redrawn(asked, 100.0, seed)) for seed in range(100)]
    assert sum(bool(each.epsilon_lower) for each in found) <= 13


def test_of_a_hundred_runs_with_a_tenth_of_the_noise_nearly_all_are_refuted(asked: Subject) -> None:
    found = [noisy_answers(redrawn(asked, 0.1, seed)) for seed in range(100)]
    assert sum(each.verdict == "refuted" for each in found) >= 95


def test_neither_the_order_of_canaries_nor_equal_scores_name_anybody(asked: Subject) -> None:
    assert asked.answers is not None
    nothing = CanaryAnswers(np.ones((CANARIES, CANARIES)), np.full(CANARIES, 3.0))
    found = noisy_answers(replace(asked, answers=nothing))
    assert found.epsilon_lower == 0.0
    order = np.random.default_rng(0).permutation(CANARIES)
    mixed = CanaryAnswers(asked.answers.added[np.ix_(order, order)], asked.answers.shown[order])
    assert np.allclose(scores(mixed), scores(asked.answers)[order])


def test_it_is_not_run_without_answers_or_without_a_delta(asked: Subject) -> None:
    with pytest.raises(NotRunError, match="noisy answers of a run with canaries"):
        noisy_answers(replace(asked, answers=None))
    with pytest.raises(NotRunError, match="no delta"):
        noisy_answers(replace(asked, claim=Claim.of(EPSILON, None, None)))
    plain = subject(canaries=make_canaries(50, texts(60, 9)), claim=Claim.of(EPSILON, DELTA, None))
    with pytest.raises(NotRunError, match="noisy answers of a run with canaries"):
        noisy_answers(plain)


def test_a_released_run_is_attacked_from_its_evidence(lab: Lab) -> None:
    run = api.run(plan_of(lab), lab.folder / "run").path
    before = {file.name: file.read_bytes() for file in (run / "release").rglob("*") if file.is_file()}
    found = audit_run(run, attacks=ALONE).finding("noisy-answers")
    assert found.auc is not None
    assert found.verdict == "not run"
    assert "The audit as a whole has no verdict." in found.reason
    assert {f.name: f.read_bytes() for f in (run / "release").rglob("*") if f.is_file()} == before


def test_a_run_that_cannot_be_repeated_is_audited_without_it_and_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = api.run(plan_of(lab), lab.folder / "run").path

    def gone(*_: object) -> None:
        raise ModelError("The embedder is not here.")

    monkeypatch.setattr(answers_module, "repeat", gone)
    report = audit_run(run, attacks=("noisy-answers", "copies", "extraction"))
    assert "The noisy answers were not attacked: The embedder is not here." in report.notes
    assert report.finding("noisy-answers").verdict == "not run"
    assert report.finding("copies").guesses is not None
