"""The tables of the page of a comparison: methods side by side, so that each line compares one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.compare.export import (
    audit_in_words,
    memory_in_words,
    metric_heads,
    note_of,
    seeds_in_words,
    shown,
    texts_in_words,
)
from rpsg.compare.token_tables import equal_tokens
from rpsg.display import Html, tag
from rpsg.report.html import block, paragraph, part, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, EpsilonTable
    from rpsg.compare.token_tables import TokenChoice, TokenTable
    from rpsg.compare.winners import Standing
    from rpsg.display import Child

#: The states of a cell as they are shown.
STATES = {
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "new": "not begun",
    "left out": "left out",
    "not supported": "not supported",
}
HOW_READ = (
    "A star marks the best mean of the methods that have the epsilon of the table, unless the metric is "
    "uninformative. Methods that have no guarantee, or read no private data, get no star. Floor: the same "
    "writer without private data. Ceiling: real texts in place of a corpus."
)


def tables_part(comparison: Comparison, found: Sequence[Standing]) -> Html | None:
    blocks = []
    for standing in found:
        best = {win.metric: win.method for win in standing.wins}
        blocks.append(block(standing.table.title, _epsilon_table(comparison, standing.table, best)))
    if not blocks:
        return None
    return part("tables", "At equal epsilon and size", HOW_READ, *blocks, paragraph(note_of(comparison)))


def _epsilon_table(comparison: Comparison, its: EpsilonTable, best: Mapping[str, str]) -> Html:
    """Methods side by side, so that each line compares one figure."""
    rows = its.rows
    columns = ("figure", *(_unique(i, row.method, rows) for i, row in enumerate(rows)))
    lines: list[tuple[Child, ...]] = [
        ("claim", *(_claim(row) for row in rows)),
        ("seeds", *(seeds_in_words(row) for row in rows)),
        ("texts", *(texts_in_words(row) + (" †" if row.is_short else "") for row in rows)),
    ]
    heads = metric_heads(comparison, its.setting)
    for name, metric in zip(heads, comparison.headline, strict=True):
        values = (_starred(shown(row.metric(metric)), best.get(metric) == row.method) for row in rows)
        lines.append((name, *values))
    lines += _costs(rows)
    return table("Mean over seeds", columns, [line for line in lines if any(line[1:])], columns[1:])


def _costs(rows: Sequence[CompareRow]) -> list[tuple[Child, ...]]:
    audits = [audit_in_words(row) for row in rows]
    return [
        ("tokens", *(shown(row.tokens) for row in rows)),
        ("tokens for 1,000 texts", *(shown(row.per_thousand("tokens")) for row in rows)),
        ("seconds", *(shown(row.seconds) for row in rows)),
        ("seconds for 1,000 texts", *(shown(row.per_thousand("seconds")) for row in rows)),
        ("peak of memory", *(memory_in_words(row) for row in rows)),
        ("audit: ε at least", *(lower for lower, _ in audits)),
        ("audit: clearest attack, AUC", *(area for _, area in audits)),
    ]


def _unique(i: int, name: str, rows: Sequence[CompareRow]) -> str:
    """The name of a column; one that occurs twice is numbered."""
    return name if [row.method for row in rows].count(name) == 1 else f"{name} ({i + 1})"


def _claim(row: CompareRow) -> Child:
    if row.cells:
        return row.claim
    return "; ".join(f"{STATES.get(state, state)}: {reason}" for state, (_, reason) in row.states.items())


def _starred(text: str, is_best: bool) -> Child:
    return tag("span", text, class_="best") if is_best else text


def tokens_part(comparison: Comparison) -> Html | None:
    tables = equal_tokens(comparison)
    if not tables:
        return None
    reader = (
        "For each number of tokens, a table shows the corpus of each method that uses most of them. Nothing "
        "is interpolated. If the numbers of texts differ, figures that depend on them are not comparable."
    )
    blocks = [block(its.title, _token_table(comparison, its)) for its in tables]
    return part("tokens", "At equal tokens", reader, *blocks)


def _token_table(comparison: Comparison, its: TokenTable) -> Html:
    columns = ("figure", *(choice.family for choice in its.choices))
    over = [choice.row for choice in its.choices]
    lines: list[tuple[Child, ...]] = [
        ("entry", *(_entry(choice) for choice in its.choices)),
        ("texts", *(_of(row, texts_in_words) for row in over)),
        ("tokens", *(_of(row, lambda row: shown(row.tokens)) for row in over)),
        ("seconds", *(_of(row, lambda row: shown(row.seconds)) for row in over)),
    ]
    heads = metric_heads(comparison, its.setting)
    for name, metric in zip(heads, comparison.headline, strict=True):
        values = [None if row is None else row.metric(metric) for row in over]
        lines.append((name, *(shown(value) for value in values)))
    return table("Mean over seeds", columns, [line for line in lines if any(line[1:])], columns[1:])


def _of(row: CompareRow | None, words: Callable[[CompareRow], str]) -> str:
    return "" if row is None else words(row)


def _entry(choice: TokenChoice) -> Child:
    if choice.row is not None:
        return choice.row.method
    return "does not fit" if choice.cheapest is None else f"does not fit: needs {choice.cheapest:,.0f}"
