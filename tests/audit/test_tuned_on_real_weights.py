"""The attack ``tuned`` with the weights it is meant for: real reviews, with a leak and without."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

from rpsg.audit import audit
from rpsg.audit.aids import Aids
from rpsg.audit.run import find_attacks
from rpsg.models.download import locate
from rpsg.models.transformers.last_layers import LastLayers
from rpsg.testing.laws import AttackLaws

if TYPE_CHECKING:
    from rpsg.audit.finding import Attack, Finding
    from rpsg.audit.subject import Subject

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(900)]
PEOPLE, WORDS = 30, 20


@pytest.fixture(scope="module")
def trainer() -> LastLayers:
    """One for all tests: it keeps what the lower layers made of a text."""
    return LastLayers("smollm2-135m")


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    file = locate("amazon-reviews") / "test.jsonl"
    rows = [json.loads(line)["text"].split() for line in file.read_text("utf-8").splitlines()]
    return list(dict.fromkeys(" ".join(row[:WORDS]) for row in rows if len(row) >= WORDS))


def test_the_members_own_texts_are_caught_and_those_of_others_are_not(
    trainer: LastLayers, reviews: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    members, others, corpus = (reviews[k * PEOPLE : (k + 1) * PEOPLE] for k in range(3))
    made = audit(corpus, members, others, aids=Aids(surrogate=trainer), attacks=["tuned"])
    (own,), found = made.controls["fitted on members"], made.finding("tuned")
    assert own.outcome == "caught"
    assert own.auc is not None
    assert own.auc > 0.99
    assert found.epsilon_lower == 0.0
    assert capfd.readouterr().err == "", "reading the weights shows no progress bar of another package"


class TestTheLawOfTheTunedModel(AttackLaws):
    """The law's texts are cut to a few words, so that it takes minutes."""

    @pytest.fixture
    def attack(self, trainer: LastLayers) -> Attack:
        tuned: Attack = find_attacks(["tuned"])["tuned"]

        def cut(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(" ".join(text.split()[:12]) for text in texts)

        def aided(case: Subject) -> Finding:
            return tuned(
                replace(
                    case,
                    synthetic=cut(case.synthetic),
                    texts=cut(case.texts),
                    reference=cut(case.reference),
                    aids=Aids(surrogate=trainer),
                )
            )

        return aided
