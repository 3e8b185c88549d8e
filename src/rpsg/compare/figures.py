"""The curves of a comparison: metrics against epsilon, tokens, seconds, size and temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.compare.matrix import epsilon_in_words
from rpsg.compare.tables import rows_of
from rpsg.display import Html, isolate, joined, tag
from rpsg.report.html import figure, table
from rpsg.report.scores import metric_name, number
from rpsg.report.svg import Series, chart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, CompareSetting

#: How many colours the style has. Further series use the same colours again; letters tell them apart.
COLOURS = 8
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: The paper's sweep of size and temperature is about these two.
SWEPT = ("next_word_accuracy", "fid")
Ticks = list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A name with its letter and the class of its colour, the same in all charts of a page."""

    name: str
    letter: str
    kind: str

    def key(self) -> Html:
        return tag("span", f"{self.letter}\u00a0", isolate(self.name), class_=f"key {self.kind}-key")


def legend_of(names: Sequence[str]) -> dict[str, Drawn]:
    """A letter and a colour for each name."""
    found = {}
    for i, name in enumerate(dict.fromkeys(names)):
        letter = LETTERS[i % len(LETTERS)] + (str(i // len(LETTERS)) if i >= len(LETTERS) else "")
        found[name] = Drawn(name, letter, f"s{i % COLOURS + 1}")
    return found


@dataclass(frozen=True, slots=True)
class Scale:
    """Converts a value to its share of an axis, and has the positions of the ticks."""

    low: float
    high: float
    is_log: bool
    ticks: Ticks

    def position(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, 1e-12))
        return (at - low) / (high - low)


def scale_of(values: Sequence[float]) -> Scale:
    """A linear scale around the values, with round ticks."""
    low, high = min(values), max(values)
    if math.isclose(low, high):
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = _round_step((high - low) / 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    ticks = [(i - first) / (last - first) for i in range(first, last + 1)]
    names = [f"{i * step:.10g}" for i in range(first, last + 1)]
    return Scale(first * step, last * step, False, list(zip(ticks, names, strict=True)))  # noqa: FBT003  # a field


def log_scale_of(values: Sequence[float]) -> Scale:
    """A scale of powers around positive values, from one round number to another."""
    steps = [base * 10**power for power in range(-3, 13) for base in (1, 2, 5)]
    low = max((step for step in steps if step <= min(values)), default=steps[0])
    high = min((step for step in steps if step >= max(values) and step > low), default=steps[-1])
    inside = [step for step in steps if low <= step <= high]
    shown = inside if len(inside) <= 5 else [step for step in inside if f"{step:g}"[0] == "1"] or inside[::3]
    scale = Scale(low, high, True, [])  # noqa: FBT003  # a field
    return Scale(low, high, True, [(scale.position(step), _short(step)) for step in shown])  # noqa: FBT003  # a field


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(base * power for base in (1, 2, 5, 10) if base * power >= step * 0.999)


def _short(value: float) -> str:
    """1500 as 1.5k, 2000000 as 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def against_epsilon(
    comparison: Comparison, setting: CompareSetting, metric: str, legend: Mapping[str, Drawn], name: str
) -> Html | None:
    """A metric against epsilon: a line for each method, dashed and level for methods that use no epsilon."""
    rows = [row for row in rows_of(comparison, setting) if row.metric(metric) is not None]
    epsilons = sorted({row.epsilon for row in rows if row.epsilon is not None})
    if not epsilons:
        return None
    up = scale_of([value_of(row, metric) for row in rows])
    across = {epsilon: (i + 0.5) / len(epsilons) for i, epsilon in enumerate(epsilons)}
    series = []
    for method in dict.fromkeys(row.method for row in rows):
        own = sorted((row for row in rows if row.method == method), key=lambda row: row.epsilon or 0.0)
        drawn = legend[method]
        points = tuple(
            (across[row.epsilon] if row.epsilon is not None else 0.0, up.position(value_of(row, metric)))
            for row in own
        )
        series.append(Series(drawn.kind, drawn.letter, points, is_level=own[0].epsilon is None))
    data = [
        (isolate(row.method), epsilon_in_words(row.epsilon), _mean(row, metric), str(len(row.cells)))
        for row in rows
    ]
    title = f"{metric_name(metric)} against ε"
    picture = chart(
        name,
        series,
        title=title,
        desc=f"{title}: {setting.in_words()}. The table below has the same numbers.",
        across="ε",
        ticks=([(across[e], epsilon_in_words(e)) for e in epsilons], up.ticks),
    )
    columns = ("method", "ε", metric_name(metric), "seeds")
    return figure(picture, _caption(comparison, metric, "ε"), table(title, columns, data, columns[1:]))


def against_cost(
    comparison: Comparison,
    setting: CompareSetting,
    metric: str,
    cost: str,
    legend: Mapping[str, Drawn],
    name: str,
) -> Html | None:
    """A metric against tokens or seconds for 1,000 texts, on a scale of powers: one point for each row."""
    found = [
        (row, spent.mean)
        for row in rows_of(comparison, setting)
        if row.metric(metric) is not None and (spent := row.per_thousand(cost)) is not None and spent.mean > 0
    ]
    if len(found) < 2:
        return None
    across = log_scale_of([spent for _, spent in found])
    up = scale_of([value_of(row, metric) for row, _ in found])
    series = []
    for method in dict.fromkeys(row.method for row, _ in found):
        own = [
            (across.position(s), up.position(value_of(row, metric)))
            for row, s in found
            if row.method == method
        ]
        drawn = legend[method]
        series.append(Series(drawn.kind, drawn.letter, tuple(sorted(own)), is_line=False))
    words = f"{cost} for 1,000 texts"
    title = f"{metric_name(metric)} against {words}"
    picture = chart(
        name,
        series,
        title=title,
        desc=f"{title}: {setting.in_words()}. The table below has the same numbers.",
        across=words,
        ticks=(across.ticks, up.ticks),
    )
    data = [
        (isolate(row.method), epsilon_in_words(row.epsilon), number(spent), _mean(row, metric))
        for row, spent in found
    ]
    columns = ("method", "ε", words, metric_name(metric))
    return figure(picture, _caption(comparison, metric, words), table(title, columns, data, columns[1:]))


def size_and_temperature(
    comparison: Comparison,
    settings: Sequence[CompareSetting],
    pick: Callable[[CompareRow], bool],
    metric: str,
    name: str,
    who: str,
) -> Html | None:
    """The paper's Figure 5: a metric against the number of texts, a line for each temperature."""
    found = [
        (setting, row)
        for setting in settings
        for row in rows_of(comparison, setting)
        if pick(row) and row.metric(metric) is not None
    ]
    sizes = sorted({setting.size for setting, _ in found})
    heats = sorted({setting.temperature for setting, _ in found}, key=lambda heat: heat or 0.0)
    if len(sizes) < 2 and len(heats) < 2:
        return None
    up = scale_of([value_of(row, metric) for _, row in found])
    across = log_scale_of([float(size) for size in sizes])
    legend = legend_of([_heat(heat) for heat in heats])
    series = []
    for heat in heats:
        own = sorted((s.size, value_of(row, metric)) for s, row in found if s.temperature == heat)
        points = tuple((across.position(size), up.position(value)) for size, value in own)
        drawn = legend[_heat(heat)]
        series.append(Series(drawn.kind, drawn.letter, points))
    title = f"{metric_name(metric)} of {who} against the number of texts"
    picture = chart(
        name,
        series,
        title=title,
        desc=f"{title}, one line for each temperature. The table below has the same numbers.",
        across="texts",
        ticks=(across.ticks, up.ticks),
    )
    keys = joined(*(joined(drawn.key(), " ") for drawn in legend.values()))
    data = [(f"{s.size:,}", _heat(s.temperature), _mean(row, metric)) for s, row in found]
    columns = ("texts", "temperature", metric_name(metric))
    words = joined(_caption(comparison, metric, "size"), " ", keys)
    return figure(picture, words, table(title, columns, data, columns))


def value_of(row: CompareRow, metric: str) -> float:
    """The mean of a metric in a row that has a value for it."""
    found = row.metric(metric)
    if found is None:
        raise ValueError(f"no seed of this row has a value of {metric}")
    return found.mean


def _mean(row: CompareRow, metric: str) -> str:
    found = row.metric(metric)
    return "" if found is None else found.in_words()


def _heat(heat: float | None) -> str:
    return "the pack's" if heat is None else f"{heat:g}"


def _caption(comparison: Comparison, metric: str, across: str) -> str:
    better = {True: "higher is better", False: "lower is better", None: "closer to real texts is better"}
    return f"{metric_name(metric)} ({better[comparison.better(metric)]}) against {across}."
