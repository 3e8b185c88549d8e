"""The law of the attacks that need more than texts: canaries, identifiers, a model that can be tuned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audit.test_aided_attacks import AIDED
from tests.audit.test_attacks import WITHOUT_AIDS

from rpsg.audit.aids import Aids
from rpsg.audit.answers import CanaryAnswers
from rpsg.audit.attacks import ATTACKS
from rpsg.audit.claim import Claim
from rpsg.audit.run import find_attacks
from rpsg.audit.surrogate import Surrogate, numbered
from rpsg.stages.canaries import Canaries, Canary, make_canaries
from rpsg.testing.laws import AttackLaws
from rpsg.testing.planted import texts as planted_texts
from rpsg.textstats.words import word_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.audit.finding import Attack, Finding
    from rpsg.audit.subject import Subject
    from rpsg.protocols import Endpoint

CANARIES, IDENTIFIERS, TUNED, NAMES = ("exposure", "extraction"), "identities", "tuned", "names"
ANSWERS = "noisy-answers"
KNOWN: tuple[Canary, ...] = make_canaries(200, planted_texts(300, 40)).canaries


@dataclass
class Singing:
    """The subject of the law with a canary beside each person: it is in, and has leaked, as their text is."""

    attack: Attack

    def __call__(self, case: Subject) -> Finding:
        own = dict(zip(case.texts, KNOWN, strict=True))
        leaked = tuple(own[text].text if text in own else text for text in case.synthetic)
        planted = Canaries(KNOWN, tuple(bool(inside) for inside in case.is_in))
        return self.attack(replace(case, synthetic=leaked, canaries=planted))


@dataclass
class Asked:
    """The subject of the law with a canary beside each person, in a cell of its own. A noisy count of the
    cells shows those of the people whose texts have leaked.
    """

    attack: Attack

    def __call__(self, case: Subject) -> Finding:
        leaked = np.array([text in set(case.synthetic) for text in case.texts], np.float64)
        noise = np.random.default_rng(5).normal(size=len(leaked))
        answers = CanaryAnswers(25.0 * np.eye(len(leaked)), 25.0 * leaked + 5.0 * noise)
        planted = Canaries(KNOWN, tuple(bool(inside) for inside in case.is_in))
        claim = Claim.of(0.5, 1e-6, None)
        return self.attack(replace(case, answers=answers, canaries=planted, claim=claim))


@dataclass
class Reachable:
    """The subject of the law, each of whose authors gives an address; some of the corpus' are invented."""

    attack: Attack

    def __call__(self, case: Subject) -> Finding:
        own = {text: f"write to person{i}@example.org" for i, text in enumerate(case.texts)}
        invented = {text: f"write to nobody{i}@example.org" for i, text in enumerate(case.synthetic)}
        return self.attack(
            replace(
                case,
                texts=tuple(f"{text} {own[text]}" for text in case.texts),
                synthetic=tuple(f"{text} {own.get(text, invented[text])}" for text in case.synthetic),
            )
        )


class Trigrams:
    """What is tuned is a trigram model; one that was tuned on nothing finds all words equally likely."""

    name = "trigrams"
    endpoint: Endpoint = "local_model"
    model: Surrogate | None = None

    def train(self, texts: Sequence[str], seed: int, told: Callable[[float], object]) -> Trigrams:
        made = Trigrams()
        made.model = Surrogate.of(texts) if texts else None
        return made

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        rows = [word_marks(text) for text in texts]
        if self.model is None:
            return [[-9.0] * len(row) for row in rows]
        found = iter(self.model.log_chances(numbered(rows, self.model.numbers)).tolist())
        return [[next(found) for _ in row] for row in rows]


class TestTheLawOfAttacksOnCanaries(AttackLaws):
    @pytest.fixture(params=CANARIES)
    def attack(self, request: pytest.FixtureRequest) -> Attack:
        return Singing(find_attacks([request.param])[request.param])


class TestTheLawOfTheAttackOnNoisyAnswers(AttackLaws):
    @pytest.fixture
    def attack(self) -> Attack:
        return Asked(find_attacks([ANSWERS])[ANSWERS])


class TestTheLawOfIdentifiers(AttackLaws):
    @pytest.fixture
    def attack(self) -> Attack:
        return Reachable(find_attacks([IDENTIFIERS])[IDENTIFIERS])


class TestTheLawOfATunedModel(AttackLaws):
    @pytest.fixture
    def attack(self) -> Attack:
        tuned: Attack = find_attacks([TUNED])[TUNED]

        def aided(case: Subject) -> Finding:
            return tuned(replace(case, aids=Aids(surrogate=Trigrams())))

        return aided


def test_no_attack_is_without_a_law() -> None:
    """A new attack has to be named here, or among those of the two lists, and then keeps the law.

    ``noise-left`` guesses nothing about anybody: its own laws are in ``test_noise_left.py``.
    """
    lawful = {*WITHOUT_AIDS, *AIDED, *CANARIES, ANSWERS, IDENTIFIERS, TUNED, NAMES}
    assert lawful | {"noise-left"} == ATTACKS.keys()
