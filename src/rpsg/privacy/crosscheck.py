"""A second opinion on every epsilon, from dp-accounting (extra "verify"), which shares no code with us."""

from __future__ import annotations

from rpsg.errors import MissingExtraError


def epsilon_by_pld(noise_multipliers: dict[float, int], delta: float) -> float:
    """Epsilon of Gaussian mechanisms by privacy-loss distributions.

    ``noise_multipliers`` maps sigma / sensitivity to how often it was used. The answer is an upper bound on
    a grid, slightly above the closed form.

    Raises:
        MissingExtraError: dp-accounting is not installed.
    """
    try:
        import dp_accounting  # noqa: PLC0415  # an optional package
        from dp_accounting import pld  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        raise MissingExtraError("verify", "dp-accounting") from error
    accountant = pld.PLDAccountant()
    for multiplier, count in noise_multipliers.items():
        accountant.compose(dp_accounting.GaussianDpEvent(multiplier), count)
    return float(accountant.get_epsilon(delta))
