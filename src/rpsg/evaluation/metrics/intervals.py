"""95 % intervals: what other draws of as many texts would have given.

Means over texts: the bootstrap, all resamples in one matrix product. Shares of texts: Wilson's interval, so
that none of 50 is not taken for none at all. What is not a mean but can be taken apart into groups of texts:
the delete-a-group jackknife. Resampling shifts distances (a text drawn twice is a bad copy of a population),
so intervals are centred on the value, but for shares, and only their width is resampled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpsg.stages.rng import stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rpsg.results import Interval

Floats = npt.NDArray[np.float64]
RESAMPLES = 400
GROUPS = 10
NORMAL = 1.959964
STUDENT = 2.262157  # 97.5 % of Student's t with nine degrees of freedom: ten groups


def weights(n: int, seed: int, purpose: str, most_cells: int = 4_000_000) -> Iterator[Floats]:
    """How often each of ``n`` texts is drawn, for all resamples, in blocks of shape (resamples, n) with at
    most ``most_cells`` numbers.
    """
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
    """``value`` plus and minus ``spread``, kept within what the metric can be."""
    return float(max(value - spread, low)), float(min(value + spread, high))


def of_mean(
    values: Floats, seed: int, purpose: str, low: float = -np.inf, high: float = np.inf
) -> tuple[float, Interval]:
    """The mean of per-text values and its interval."""
    value = float(np.mean(values))
    means = resampled_means(np.asarray(values, np.float64)[:, None], seed, purpose)
    return value, around(value, NORMAL * float(means.std()), low, high)


def of_share(values: Floats) -> tuple[float, Interval]:
    """The mean of values that are 0 or 1, one for each text, and Wilson's interval of it."""
    value = float(np.mean(values))
    return value, around_share(value, 0.0, len(values))


def around_share(value: float, error: float, texts: int, normal: float = NORMAL) -> Interval:
    """The interval of something between 0 and 1 with a standard error: Wilson 1927, never without width.

    ``value`` is taken for a share of as many texts as give it that error, but of no more than there are.
    """
    own = value * (1 - value)
    n = max(1.0, min(float(texts), own / error**2)) if error > 0 and own > 0 else float(texts)
    shrunk = 1 + normal**2 / n
    centre = (value + normal**2 / (2 * n)) / shrunk
    half = normal * float(np.sqrt(max(own, 0.0) / n + (normal / (2 * n)) ** 2)) / shrunk
    return max(min(centre - half, value), 0.0), min(max(centre + half, value), 1.0)


def of_ratio(above: Floats, below: Floats, seed: int, purpose: str) -> tuple[float, float]:
    """sum(above) / sum(below) over texts, and the standard error of it."""
    sums = resampled_means(np.stack([above, below], axis=1), seed, purpose)
    spread = (sums[:, 0] / np.maximum(sums[:, 1], 1e-12)).std()
    return float(above.sum() / below.sum()), float(spread)


def groups(n: int, seed: int, purpose: str) -> npt.NDArray[np.int64]:
    """A group, 0 to GROUPS - 1, for each of ``n`` texts, by chance and of like size."""
    return stream(seed, "jackknife", purpose).permutation(np.arange(n) % GROUPS)


def jackknife_error(without: Iterable[float]) -> float:
    """The standard error of a figure from its values without one group of texts each.

    sqrt((g - 1) / g * sum of squared deviations): Kunsch 1989's delete-a-group jackknife.
    """
    values = np.fromiter(without, np.float64)
    g = len(values)
    return float(np.sqrt((g - 1) / g * np.square(values - values.mean()).sum()))


def from_jackknife(value: float, *errors: float, low: float = -np.inf, high: float = np.inf) -> Interval:
    """The interval of a value with the standard errors of its independent sides."""
    return around(value, STUDENT * float(np.sqrt(np.square(errors).sum())), low, high)


def around_distance(
    value: float,
    without: tuple[Sequence[float], Sequence[float]],
    low: float = 0.0,
    high: float = np.inf,
    *,
    is_root: bool = False,
) -> Interval:
    """The interval of a distance of two samples from its values without each group of one side or the other.

    Where both come from one population the distance is all chance: a quadratic form in the samples' errors,
    whose pairs of texts the jackknife counts twice (Efron & Stein 1981). How much of the distance is chance
    the jackknife tells too, by its estimate of the bias; of that part half the variance is taken.
    ``is_root``: the square of the distance is that form.
    """
    left = [np.asarray(values, np.float64) for values in without]
    error = float(np.sqrt(sum(jackknife_error(values) ** 2 for values in left)))
    power = 2 if is_root else 1
    whole = value**power
    bias = sum((len(values) - 1) * (float((values**power).mean()) - whole) for values in left)
    chance = float(np.clip(bias / whole, 0.0, 1.0)) if whole > 0 else 1.0
    return around(value, STUDENT * error * float(np.sqrt(1 - chance / 2)), low, high)


def around_root(value: float, without: Iterable[Sequence[float]]) -> Interval:
    """The interval of a divergence near zero, from its values without each group of one side or the other.

    It spreads the more the larger it is, by its root; the root spreads evenly, so the jackknife is of that.
    """
    roots = [np.sqrt(np.maximum(values, 0.0)) for values in without]
    root = float(np.sqrt(max(value, 0.0)))
    low, high = from_jackknife(root, *(jackknife_error(left) for left in roots), low=0.0)
    return min(low**2, value), max(high**2, value)
