"""What DP-SGD costs: golden noise multipliers, and the cases with a closed form."""

from __future__ import annotations

import math

import pytest

from rpsg.errors import InfeasibleError
from rpsg.privacy import training_account
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.training_account import PRECISION, Training, epsilon_of_training, noise_for

pytest.importorskip("dp_accounting", reason="needs the extra dpsgd")

#: People, expected batch, epochs, epsilon and the noise multiplier at delta = 1 / (n ln n), computed with
#: dp-accounting 0.6.0; they lie within 0.8 % of those of Opacus, whose PRV accountant rounds up.
GOLDEN = [
    (5_000, 256, 5, 1.0, 2.0645),
    (5_000, 256, 5, 4.0, 0.9166),
    (5_000, 256, 5, 8.0, 0.6812),
    (10_000, 256, 10, 1.0, 2.0855),
    (10_000, 256, 10, 4.0, 0.9024),
    (10_000, 256, 10, 8.0, 0.6839),
    (75_316, 1_024, 10, 1.0, 1.7638),
    (75_316, 1_024, 10, 4.0, 0.8269),
    (75_316, 1_024, 10, 8.0, 0.6451),
]


def training(people: int, batch: int, epochs: int) -> tuple[Training, float]:
    steps = round(epochs * people / batch)
    return Training(batch / people, steps), 1 / (people * math.log(people))


@pytest.mark.parametrize(("people", "batch", "epochs", "epsilon", "noise"), GOLDEN)
def test_a_golden_noise_multiplier_costs_its_epsilon(
    people: int, batch: int, epochs: int, epsilon: float, noise: float
) -> None:
    told, delta = training(people, batch, epochs)
    assert epsilon_of_training(told, noise, delta) == pytest.approx(epsilon, rel=5e-3)


def test_bisection_finds_a_golden_noise_multiplier_and_never_too_little() -> None:
    told, delta = training(5_000, 256, 5)
    found = noise_for(1.0, delta, told)
    assert found == pytest.approx(2.0645, rel=2 * PRECISION)
    assert epsilon_of_training(told, found, delta) <= 1.0
    assert epsilon_of_training(told, found * (1 - 2 * PRECISION), delta) > 1.0


def test_when_everybody_is_in_every_step_the_cost_is_that_of_gaussian_mechanisms() -> None:
    told = Training(rate=1.0, steps=16)
    assert epsilon_of_training(told, 8.0, 1e-5) == pytest.approx(epsilon_of(0.5, 1e-5), rel=1e-3)


def test_what_was_counted_besides_is_paid_too() -> None:
    """Twelve steps and a count with mu^2 = 1/4 in all: mu is 1."""
    told = Training(rate=1.0, steps=12, counted=0.5)
    assert epsilon_of_training(told, 4.0, 1e-5) == pytest.approx(epsilon_of(1.0, 1e-5), rel=1e-3)


def test_training_without_noise_has_no_finite_epsilon() -> None:
    assert epsilon_of_training(Training(0.1, 10), 0.0, 1e-5) == math.inf


def test_an_epsilon_that_needs_hardly_any_noise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a higher limit than the real one: the distributions of so little noise take many seconds."""
    monkeypatch.setattr(training_account, "LEAST_NOISE", 0.4)
    with pytest.raises(InfeasibleError, match="hardly any noise"):
        noise_for(1000.0, 1e-5, Training(1.0, 1))
