"""Two libraries that share no code with ours agree: dp-accounting on epsilon, OpenDP on the noise."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rpsg.errors import MissingExtraError
from rpsg.privacy.accounting import StagePlan, calibrate
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.second_opinion import epsilon_by_pld
from rpsg.privacy.sources import OPENDP, lattice_bits, lattice_tv, supports_claims


@pytest.mark.parametrize(("z", "rounds"), [(3.730632, 1), (11.797293, 10), (1.509, 1)])
def test_privacy_loss_distributions_give_the_same_epsilon(z: float, rounds: int) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra 'verify'")
    ours = epsilon_of(math.sqrt(rounds) / z, 1e-5)
    assert epsilon_by_pld({z: rounds}, 1e-5) == pytest.approx(ours, rel=1e-4)


def test_a_whole_budget_is_confirmed_by_privacy_loss_distributions() -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra 'verify'")
    budget = calibrate(
        1.0, 1e-5, [StagePlan("a", 0.4, "S3_k_items_per_unit", k=8), StagePlan("b", 0.6, "S4_k_votes")]
    )
    multipliers = {r.sigma / math.sqrt(r.sensitivity2("add_remove")): 1 for r in budget.releases}
    assert epsilon_by_pld(multipliers, 1e-5) == pytest.approx(budget.epsilon_spent, abs=1e-4)


@pytest.mark.parametrize("sigma", [0.6, 2.0, 11.8])
def test_opendp_draws_the_same_law(sigma: float) -> None:
    pytest.importorskip("opendp", reason="needs the extra 'opendp'")
    theirs, ours = OpenDPNoise().draw(sigma, 4000), RoundedGaussian().draw(sigma, 40_000)
    assert theirs.dtype == np.int64
    edge = max(1, int(2 * sigma))
    table = [np.bincount(np.clip(d, -edge, edge) + edge, minlength=2 * edge + 1) for d in (theirs, ours)]
    assert stats.chi2_contingency(np.array(table)).pvalue > 1e-6


@pytest.mark.parametrize("sigma", [0.05, 1.0, 11.8, 1e5])
def test_the_lattice_fits_64_bits_and_its_error_is_small(sigma: float) -> None:
    assert 20 * sigma * 2.0 ** lattice_bits(sigma) < 2.0**63
    assert lattice_tv(sigma, 1) < 1e-10
    assert supports_claims(OPENDP)


def test_the_error_of_a_lattice_is_an_upper_bound() -> None:
    """On a coarse lattice the distance to the rounded Gaussian can be summed, and stays below the formula."""
    for sigma, bits in [(0.7, 3), (1.0, 4), (2.5, 2)]:
        fine = np.arange(-60 * 2**bits, 60 * 2**bits + 1)
        weights = np.exp(-0.5 * (fine / (sigma * 2**bits)) ** 2)
        cells = (fine + (1 << (bits - 1))) >> bits
        mass = np.bincount(cells + 61, weights=weights / weights.sum(), minlength=123)
        places = np.arange(-61, 62)
        exact = stats.norm.cdf((places + 0.5) / sigma) - stats.norm.cdf((places - 0.5) / sigma)
        assert 0.5 * np.abs(mass - exact).sum() <= 0.5 * 2.0**-bits / sigma


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("opendp", lambda: OpenDPNoise().draw(1.0, 1)),
        ("dp_accounting", lambda: epsilon_by_pld({1.0: 1}, 1e-5)),
    ],
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, module: str, use: Any) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.prelude", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        use()
