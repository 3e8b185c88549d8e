"""The attack ``tuned`` with the weights it is meant for: real reviews, with a leak and without.

test_laws_of_attacks.py asks the law of attacks of it, with a trigram model in the place of the weights.
"""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")

from rpsg.audit import audit
from rpsg.audit.aids import Aids
from rpsg.models.download import locate
from rpsg.models.transformers.last_layers import LastLayers

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(900)]
PEOPLE, WORDS = 30, 12


@pytest.fixture(scope="module")
def trainer() -> LastLayers:
    """One for both tests: it keeps what the lower layers made of a text."""
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


def test_the_same_seed_trains_the_same_model(trainer: LastLayers, reviews: list[str]) -> None:
    first, again, other = (trainer.train(reviews[:8], seed).score(reviews[8:10]) for seed in (5, 5, 6))
    assert first == again
    assert first != other, "the seed decides the order of the texts"
