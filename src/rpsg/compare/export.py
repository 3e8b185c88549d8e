"""A comparison as CSV, one row per cell, and its tables as LaTeX and Markdown."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from rpsg.compare.informative import LEGEND, MARK, has_uninformative, uninformative
from rpsg.compare.seeds import HOW
from rpsg.compare.tables import audited_over, equal_epsilon, setting_of
from rpsg.compare.token_tables import equal_tokens
from rpsg.report.scores import metric_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.compare.outcome import CellOutcome, Comparison
    from rpsg.compare.seeds import OverSeeds
    from rpsg.compare.tables import CompareRow, CompareSetting
    from rpsg.compare.token_tables import TokenChoice

#: A spreadsheet would take a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "ε": r"$\varepsilon$",
    "≤": r"$\leq$",
    "∞": r"$\infty$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "†": r"$\dagger$",
}
ARROWS = {True: " ↑", False: " ↓", None: ""}
SHORT = (
    "†: a seed released fewer than 95 % of the texts that were asked for, so figures that depend on "
    "their number are not comparable."
)
#: A table as text: its title, its columns and its rows.
PlainTable = tuple[str, list[str], list[list[str]]]


def note_of(comparison: Comparison) -> str:
    """What ± means in the tables, and what the marks † and (=) mean if they are there."""
    marks = ((SHORT, has_short(comparison)), (LEGEND, has_uninformative(comparison)))
    return " ".join([f"{HOW}.", *(words for words, is_there in marks if is_there)])


def has_short(comparison: Comparison) -> bool:
    """Whether a seed of any method released too few texts to be compared."""
    return any(cell.is_done and cell.is_short for cell in comparison.cells)


def to_csv(comparison: Comparison) -> str:
    """Every cell as a row, run or not: its key, state, cost and all metrics."""
    parts = ("data", "writer", "method", "epsilon", "people", "size", "temperature", "seed")
    costs = ("texts", "requests", "tokens", "seconds", "peak_memory", "claim", "epsilon_claimed")
    audit = (
        "audit_epsilon_lower",
        "audit_attack",
        "audit_auc",
        "audit_limit",
        "plan_digest",
        "uninformative",
    )
    body = io.StringIO()
    out = csv.writer(body, lineterminator="\n")
    out.writerow(["cell", *parts, "state", "reason", *costs, *audit, *comparison.metrics])
    for cell in comparison.cells:
        out.writerow([_safe(value) for value in _row(comparison, cell)])
    return body.getvalue()


def _row(comparison: Comparison, cell: CellOutcome) -> list[object]:
    key, made, figures = cell.key, cell.made, cell.figures or {}
    where = [
        key.data,
        key.writer,
        key.method,
        key.epsilon,
        key.people,
        key.size,
        key.temperature,
    ]
    cost, claim, audit = made.get("cost", {}), made.get("claim", {}), figures.get("audit", {})
    seen = audited_over([audit] if audit.get("attacks") else [])
    return [
        cell.id,
        *where,
        key.seed,
        cell.state,
        cell.reason,
        figures.get("texts"),
        cost.get("requests"),
        cell.tokens,
        cell.seconds,
        made.get("peak_memory"),
        claim.get("type"),
        claim.get("epsilon"),
        seen.epsilon_lower,
        seen.attack,
        None if seen.auc is None else seen.auc.mean,
        seen.limit,
        made.get("plan_digest"),
        "" if cell.is_ceiling else " ".join(sorted(uninformative(comparison, setting_of(key)))),
        *(cell.value(metric) for metric in comparison.metrics),
    ]


def _safe(value: object) -> object:
    """A value for a cell: text that no spreadsheet takes for a formula; numbers and None are unchanged."""
    if value is None:
        return ""
    if isinstance(value, str):
        line = " ".join(value.split())
        return f"'{line}" if line.startswith(_FORMULA) else line
    return value


def tables_as_text(comparison: Comparison) -> list[PlainTable]:
    """Both kinds of tables with the headline metrics, as plain text."""
    return [*_epsilon_tables(comparison), *_token_tables(comparison)]


def metric_heads(comparison: Comparison, setting: CompareSetting) -> list[str]:
    """The headline metrics with an arrow to the better side, and a mark if they are uninformative there."""
    silent = uninformative(comparison, setting)
    return [
        metric_name(name) + ARROWS[comparison.better(name)] + (f" {MARK}" if name in silent else "")
        for name in comparison.headline
    ]


def _epsilon_tables(comparison: Comparison) -> list[PlainTable]:
    costs = ("tokens", "seconds", "memory", "audit: ε at least", "audit: AUC")
    return [
        (
            f"At equal ε and size: {table.title}",
            ["method", "claim", "seeds", "texts", *metric_heads(comparison, table.setting), *costs],
            [_epsilon_row(comparison, row) for row in table.rows],
        )
        for table in equal_epsilon(comparison)
    ]


def _epsilon_row(comparison: Comparison, row: CompareRow) -> list[str]:
    if not row.cells:
        states = [f"{state}: {reason}".removesuffix(": ") for state, (_, reason) in row.states.items()]
        rest = [""] * (len(comparison.headline) + 7)
        return [row.method, "; ".join(states), *rest]
    return [
        row.method + (" †" if row.is_short else ""),
        row.claim,
        seeds_in_words(row),
        texts_in_words(row),
        *(shown(row.metric(name)) for name in comparison.headline),
        shown(row.tokens),
        shown(row.seconds),
        memory_in_words(row),
        *audit_in_words(row),
    ]


def _token_tables(comparison: Comparison) -> list[PlainTable]:
    return [
        (
            f"At equal tokens: {table.title}",
            ["method", "entry", "texts", "tokens", *metric_heads(comparison, table.setting), "seconds"],
            [_token_row(comparison, choice) for choice in table.choices],
        )
        for table in equal_tokens(comparison)
    ]


def _token_row(comparison: Comparison, choice: TokenChoice) -> list[str]:
    row = choice.row
    if row is None:
        least = "" if choice.cheapest is None else f"does not fit: its cheapest takes {choice.cheapest:,.0f}"
        return [choice.family, least, *[""] * (len(comparison.headline) + 3)]
    return [
        choice.family,
        row.method + (" †" if row.is_short else ""),
        texts_in_words(row),
        shown(row.tokens),
        *(shown(row.metric(name)) for name in comparison.headline),
        shown(row.seconds),
    ]


def shown(found: OverSeeds | None) -> str:
    """A mean with its interval; empty if there is none."""
    return "" if found is None else found.in_words()


def seeds_in_words(row: CompareRow) -> str:
    """How many seeds are done, and the state of the others."""
    others = "".join(f", {number} {state}" for state, (number, _) in row.states.items())
    return f"{len(row.cells)}{others}"


def texts_in_words(row: CompareRow) -> str:
    texts = row.texts
    if texts is None:
        return ""
    return f"{texts[0]:,}" if texts[0] == texts[1] else f"{texts[0]:,} to {texts[1]:,}"


def memory_in_words(row: CompareRow) -> str:
    return "" if row.memory is None else f"{row.memory / 2**30:.2f} GiB"


def audit_in_words(row: CompareRow) -> tuple[str, str]:
    """The lower bound of epsilon; and the area under the curve of the clearest attack, with the smallest leak
    that it could have detected.
    """
    found = row.audit()
    if not found.audits:
        return "", ""
    lower = "not run" if found.epsilon_lower is None else f"{found.epsilon_lower:.2f}"
    refuted = f" (refuted in {found.refuted})" if found.refuted else ""
    if found.auc is None:
        return lower + refuted, ""
    limit = "detects no leak" if found.limit is None else f"detects a leak of {100 * found.limit:.2g} %"
    return lower + refuted, f"{shown(found.auc)} ({found.attack}, {limit})"


def to_latex(comparison: Comparison) -> str:
    """All tables as LaTeX, for the package booktabs."""
    parts = [f"% {latex(comparison.title)}. Needs \\usepackage{{booktabs}}."]
    note = note_of(comparison)
    parts += [_latex_table(*table, note) for table in tables_as_text(comparison)]
    return "\n\n".join(parts) + "\n"


def _latex_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> str:
    lines = [
        r"\begin{table}",
        rf"\caption{{{latex(title)}. {latex(note)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        r"\toprule",
        _latex_line(columns),
        r"\midrule",
        *map(_latex_line, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(map(latex, cells)) + r" \\"


def latex(text: str) -> str:
    """Text for LaTeX: nothing in it is a command, and it is one line."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def to_markdown(comparison: Comparison, heading: str = "###") -> str:
    """All tables as Markdown, each under a heading."""
    return "\n\n".join(
        f"{heading} {_markdown(title)}\n\n{_markdown_table(columns, rows)}"
        for title, columns, rows in tables_as_text(comparison)
    )


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    used = [i for i, name in enumerate(columns) if i == 0 or any(row[i] for row in rows) or not name]
    lines = ["| " + " | ".join(_markdown(columns[i]) for i in used) + " |", "|---" * len(used) + "|"]
    lines += ["| " + " | ".join(_markdown(row[i]) for i in used) + " |" for row in rows]
    return "\n".join(lines)


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#])")


def _markdown(text: str) -> str:
    """Text for a cell of Markdown: no mark-up and no HTML."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


#: The functions that turn a comparison into the text of a file, by the name of the option.
EXPORTS: dict[str, Callable[[Comparison], str]] = {"csv": to_csv, "latex": to_latex}
