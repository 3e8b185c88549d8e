"""How near a synthetic text is to each real one: a picture of what the corpus reaches, for its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rpsg.report.corpus import evenly
from rpsg.report.html import figure, percent, table
from rpsg.report.svg import curve

if TYPE_CHECKING:
    import numpy.typing as npt

    from rpsg.display import Html

    Floats = npt.NDArray[np.float32]

#: At most this many rows of each side are compared, evenly spaced.
MOST_ROWS = 1500
STEPS = 60
READ_AT = 10


def nearest(real: Floats, synthetic: Floats) -> tuple[Floats, Floats]:
    """For each of the real texts the cosine of the nearest synthetic text, and of the nearest other real one.

    Both are the nearest among the same number of texts, because among more texts there is a closer one. That
    number is the number of synthetic texts or that of other real texts, whichever is smaller.
    """
    real, synthetic = _unit(real), _unit(synthetic)
    size = min(len(synthetic), len(real) - 1)
    to_synthetic = real @ synthetic[evenly(len(synthetic), size)].T
    others = evenly(len(real), size + 1)
    to_real = real @ real[others].T
    to_real[others, np.arange(len(others))] = -1.0
    return to_synthetic.max(axis=1), _nearest_other(to_real, others)


def _nearest_other(near: Floats, others: list[int]) -> Floats:
    """The largest cosine of each row.

    A row that is itself among the others is not compared with itself. All other rows would have one text more
    to choose from, so the last text is left out for them.
    """
    is_other = np.zeros(len(near), dtype=bool)
    is_other[others] = True
    near[~is_other, -1] = -1.0
    return np.asarray(near.max(axis=1), np.float32)


def _unit(rows: Floats) -> Floats:
    """At most MOST_ROWS finite rows, scaled to length 1; if they are in a file, only these rows are read."""
    chosen = np.asarray(rows[evenly(len(rows), MOST_ROWS)], np.float32)
    chosen = chosen[np.isfinite(chosen).all(axis=1)]
    return np.asarray(chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12), np.float32)


def nearness(real: Floats, synthetic: Floats) -> Html:
    """How many real texts have a close synthetic text, and how many a close other real text."""
    first, second = nearest(real, synthetic)
    low = np.floor(10 * min(first.min(), second.min())) / 10
    at = np.linspace(low, 1.0, STEPS + 1)

    def shares(near: Floats) -> list[float]:
        return [float((near >= value - 1e-6).mean()) for value in at]

    mine, theirs = shares(first), shares(second)
    ticks = [(i / 5, f"{low + i * (1 - low) / 5:.2f}") for i in range(6)]
    picture = curve(
        "nearness",
        [
            ("guess line", [(i / STEPS, y) for i, y in enumerate(theirs)]),
            ("first line", [(i / STEPS, y) for i, y in enumerate(mine)]),
        ],
        title="How near the corpus comes to each real text",
        desc="The solid curve is the share of real texts that have a synthetic text at least as similar as "
        "the axis says. The dashed curve is the share that have another real text as similar. Where the "
        "solid curve is far below the dashed one, many real texts have no counterpart in the corpus.",
        axes=("cosine of the nearest text", "real texts"),
        ticks=(ticks, [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")]),
    )
    middle = (float(np.median(first)), float(np.median(second)))
    words = (
        f"Solid: synthetic texts. Dashed: an equal number of other real texts. Half of the "
        f"{len(first):,} real "
        f"texts have a synthetic text with a cosine of {middle[0]:.2f} or more, and another real text with "
        f"{middle[1]:.2f} or more."
    )
    rows = [
        (f"{at[i]:.2f}", percent(mine[i]), percent(theirs[i])) for i in range(0, STEPS + 1, STEPS // READ_AT)
    ]
    columns = ("cosine at least", "have such a synthetic text", "have such a real text")
    title = "Share of real texts that have a similar text"
    return figure(picture, words, table(title, columns, rows, columns))
