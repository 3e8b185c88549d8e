"""95 % confidence intervals over the sampling of texts.

Means over texts use the bootstrap, and shares Wilson's interval, which has a width even for 0 of 50. Other
figures use the delete-a-group jackknife. Resampling biases distances, because a resample holds duplicates; so
only the width comes from resampling, and the interval is centred on the value (except for shares).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rpsg.measures import Interval

Floats = npt.NDArray[np.float64]
RESAMPLES = 400
GROUPS = 10
#: Metrics that take quadratic time read at most this many texts of a corpus.
MOST_ROWS = 10_000
NORMAL = 1.959964
STUDENT = 2.262157  # 97.5 % of Student's t with nine degrees of freedom: ten groups


def weights(n: int, seed: int, purpose: str, most_cells: int = 4_000_000) -> Iterator[Floats]:
    """Bootstrap weights of ``n`` texts, in blocks of shape (resamples, n) of ``most_cells`` cells or less."""
    draw = stream(seed, "bootstrap", purpose)
    block = max(1, min(RESAMPLES, most_cells // max(n, 1)))
    for start in range(0, RESAMPLES, block):
        rows = min(block, RESAMPLES - start)
        yield draw.multinomial(n, np.full(n, 1 / n), size=rows).astype(np.float64)


def resampled_means(values: Floats, seed: int, purpose: str) -> Floats:
    """Means of the resampled columns of ``values`` (texts, columns); shape (resamples, columns)."""
    n = len(values)
    return np.concatenate([drawn @ values / n for drawn in weights(n, seed, purpose)])


def around(value: float, spread: float, low: float = -np.inf, high: float = np.inf) -> Interval:
    """``value`` plus and minus ``spread``, clipped to the range of the metric."""
    return float(max(value - spread, low)), float(min(value + spread, high))


def of_mean(
    values: Floats, seed: int, purpose: str, low: float = -np.inf, high: float = np.inf
) -> tuple[float, Interval]:
    """The mean of per-text values and its interval."""
    value = float(np.mean(values))
    means = resampled_means(np.asarray(values, np.float64)[:, None], seed, purpose)
    return value, around(value, NORMAL * float(means.std()), low, high)


def of_share(values: Floats) -> tuple[float, Interval]:
    """The mean of per-text values that are 0 or 1, and its Wilson interval."""
    value = float(np.mean(values))
    return value, around_share(value, 0.0, len(values))


def around_share(value: float, error: float, texts: int, normal: float = NORMAL) -> Interval:
    """The interval of a value in [0, 1] with a standard error: Wilson 1927, which never has width zero.

    ``value`` is treated as a share of n texts. n is the number for which a share has this error, but at most
    ``texts``.
    """
    own = value * (1 - value)
    n = max(1.0, min(float(texts), own / error**2)) if error > 0 and own > 0 else float(texts)
    shrunk = 1 + normal**2 / n
    centre = (value + normal**2 / (2 * n)) / shrunk
    half = normal * float(np.sqrt(max(own, 0.0) / n + (normal / (2 * n)) ** 2)) / shrunk
    return max(min(centre - half, value), 0.0), min(max(centre + half, value), 1.0)


def of_ratio(above: Floats, below: Floats, seed: int, purpose: str) -> tuple[float, float]:
    """sum(above) / sum(below) over texts, and its standard error."""
    sums = resampled_means(np.stack([above, below], axis=1), seed, purpose)
    spread = (sums[:, 0] / np.maximum(sums[:, 1], 1e-12)).std()
    return float(above.sum() / below.sum()), float(spread)


def some_rows(rows: npt.NDArray[Any], seed: int, purpose: str) -> npt.NDArray[Any]:
    """The rows, or ``MOST_ROWS`` of them drawn at random, in their order: for metrics that take quadratic
    time. Their values and intervals are then those of a corpus with that many texts.
    """
    if len(rows) <= MOST_ROWS:
        return rows
    return rows[np.sort(stream(seed, purpose).permutation(len(rows))[:MOST_ROWS])]


def told_of_rows(*sides: int) -> str:
    """How many texts of each side ``some_rows`` keeps, for the model of a Measure; empty if it keeps all."""
    few = " x ".join(f"{min(side, MOST_ROWS):,}" for side in sides)
    return f", {few} texts" if max(sides) > MOST_ROWS else ""


def groups(n: int, seed: int, purpose: str) -> npt.NDArray[np.int64]:
    """A random group, 0 to GROUPS - 1, for each of ``n`` texts; group sizes differ by at most one."""
    return stream(seed, "jackknife", purpose).permutation(np.arange(n) % GROUPS)


def jackknife_error(without: Iterable[float]) -> float:
    """The standard error of a figure from its values without each group of texts.

    sqrt((g - 1) / g * sum of squared deviations): Kunsch 1989's delete-a-group jackknife.
    """
    values = np.fromiter(without, np.float64)
    g = len(values)
    return float(np.sqrt((g - 1) / g * np.square(values - values.mean()).sum()))


def from_jackknife(value: float, *errors: float, low: float = -np.inf, high: float = np.inf) -> Interval:
    """The interval of a value, given the standard errors from its independent samples."""
    return around(value, STUDENT * float(np.sqrt(np.square(errors).sum())), low, high)


def around_distance(
    value: float,
    without: tuple[Sequence[float], Sequence[float]],
    low: float = 0.0,
    high: float = np.inf,
    *,
    is_root: bool = False,
) -> Interval:
    """The interval of a distance between two samples, computed from its values without each group of either
    sample.

    If both come from one population, the distance is only sampling error: a quadratic form, whose variance
    the jackknife doubles (Efron & Stein 1981). The jackknife's bias estimate gives the share of the distance
    that is sampling error, and the variance of that part is halved. ``is_root``: the square of the distance
    is the quadratic form.
    """
    left = [np.asarray(values, np.float64) for values in without]
    error = float(np.sqrt(sum(jackknife_error(values) ** 2 for values in left)))
    power = 2 if is_root else 1
    whole = value**power
    bias = sum((len(values) - 1) * (float((values**power).mean()) - whole) for values in left)
    chance = float(np.clip(bias / whole, 0.0, 1.0)) if whole > 0 else 1.0
    return around(value, STUDENT * error * float(np.sqrt(1 - chance / 2)), low, high)


def around_root(value: float, without: Iterable[Sequence[float]]) -> Interval:
    """The interval of a divergence close to zero. ``without`` has its values for one sample and the other,
    each time with another group of the sample left out.

    The standard error of a divergence grows with its square root, but that of the root is constant, so the
    root is jackknifed.
    """
    roots = [np.sqrt(np.maximum(values, 0.0)) for values in without]
    root = float(np.sqrt(max(value, 0.0)))
    low, high = from_jackknife(root, *(jackknife_error(left) for left in roots), low=0.0)
    return min(low**2, value), max(high**2, value)
