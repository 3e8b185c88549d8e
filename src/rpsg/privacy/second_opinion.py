"""``rpsg verify --second-opinion``: recomputes every epsilon with an independent library.

The mechanisms are composed by dp-accounting's privacy-loss distributions (extra "verify"); drawn tokens count
as the Gaussian noise that costs at least as much. Their epsilon is an upper bound, computed on a grid and
slightly above the closed form; a figure that differs by more than ``TOLERANCE`` is not confirmed. What the
thresholds add to delta is computed with scipy, a dependency of dp-accounting.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rpsg.errors import needed
from rpsg.privacy.sensitivity import SIGNED
from rpsg.privacy.sources import noisy_answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The largest relative difference: above the error of the grid, and far below the effect of another noise
#: multiplier.
TOLERANCE = 1e-3


def disagreements(ledger: Mapping[str, Any]) -> Iterator[str]:
    """The points in which the claim of a ledger and the other accountant disagree; the ledger must match the
    schema.

    Raises:
        MissingExtraError: dp-accounting is not installed.
    """
    claim, adjacency = ledger["claim"], ledger["privacy_unit"]["adjacency"]
    lines = noisy_answers(ledger)
    spent = claim["delta_fail"] + ledger["rng"]["tv_bound_total"]
    own = _multipliers(lines)
    told = [("epsilon", own, claim["epsilon_by_accountant"]["gdp-closed-form"])]
    replaced = own if adjacency == "replace_one" else _multipliers(lines, replaced=True)
    told.append(("epsilon_replace_one", replaced, claim["epsilon_replace_one"]))
    told += [
        (f"epsilon_group.{g}", _multipliers(lines, int(g)), e) for g, e in claim["epsilon_group"].items()
    ]
    for name, multipliers, claimed in told:
        theirs = epsilon_by_pld(multipliers, claim["delta"] - spent)
        if not math.isclose(theirs, claimed, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{name}: {claimed:.6g} in the ledger, {theirs:.6g} by privacy-loss distributions"
    if claim["epsilon"] < claim["epsilon_by_accountant"]["gdp-closed-form"]:
        yield "the claim is lower than its own account"
    yield from _thresholds(ledger)


def epsilon_by_pld(noise_multipliers: dict[float, int], delta: float) -> float:
    """Epsilon of Gaussian mechanisms by privacy-loss distributions.

    ``noise_multipliers`` maps sigma / sensitivity to the number of mechanisms that have it. The result is an
    upper bound on a grid, slightly above the closed form.

    Raises:
        MissingExtraError: dp-accounting is not installed.
    """
    with needed("verify", "dp-accounting"):
        import dp_accounting
        from dp_accounting import pld
    accountant = pld.PLDAccountant()
    for multiplier, count in noise_multipliers.items():
        accountant.compose(dp_accounting.GaussianDpEvent(multiplier), count)
    return float(accountant.get_epsilon(delta))


def _multipliers(lines: list[Any], group: int = 1, *, replaced: bool = False) -> dict[float, int]:
    """Noise multipliers for a group of that size, or for one unit replaced by another.

    Counts are never negative, so replacing doubles the squared sensitivity; vectors may point in opposite
    directions, which makes it four times as large.
    """
    found: dict[float, int] = {}
    for line in lines:
        signed = line["sens"]["rule"] in SIGNED
        wider = (4.0 if signed else 2.0) if replaced else float(group * group)
        multiplier = line["sigma"] / math.sqrt(wider * line["sensitivity2"])
        found[multiplier] = found.get(multiplier, 0) + 1
    return found


def _thresholds(ledger: Mapping[str, Any]) -> Iterator[str]:
    from scipy.stats import norm

    lines = [m for m in ledger["mechanisms"] if m["kind"] == "selection_threshold"]
    for line in lines:
        # One unit's string has count 1; it passes when 1 + rounded noise reaches the threshold.
        passes = float(norm.sf((line["threshold"] - 1.5) / line["sigma"]))
        fails = -math.expm1(line["items_per_unit"] * math.log1p(-passes))
        if fails > line["delta_fail"] * (1.0 + TOLERANCE):
            claimed = line["delta_fail"]
            yield f"{line['stage']}: a string of one unit passes with {fails:.3g}, not {claimed:.3g}"
    total = math.fsum(line["delta_fail"] for line in lines)
    if total > ledger["claim"]["delta_fail"] * (1.0 + TOLERANCE):
        yield f"the thresholds add {total:.3g} to delta, not {ledger['claim']['delta_fail']:.3g}"
