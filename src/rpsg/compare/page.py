"""The page of a comparison: one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from rpsg.compare.export import note_of
from rpsg.compare.figures import SWEPT, against_cost, against_epsilon, legend_of, size_and_temperature
from rpsg.compare.outcome import INTERNAL
from rpsg.compare.page_tables import STATES, tables_part, tokens_part
from rpsg.compare.tables import rows_of, settings_of
from rpsg.compare.winners import NOTHING, all_together, standings
from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.report.html import block, document, folded, listed, pairs, paragraph, part, table
from rpsg.report.page_style import page_style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.compare.figures import Drawn
    from rpsg.compare.outcome import Comparison
    from rpsg.compare.tables import CompareRow, CompareSetting
    from rpsg.compare.winners import Standing
    from rpsg.display import Child

#: If there are more lines than this about who wins, they are folded.
MOST_LINES = 8
SHARING = (
    "Cells share replies to public prompts, which are the prompts of methods that read no private text or "
    "only noisy answers. Every cell that uses a reply counts its tokens and the time that it took to write "
    "it, so the figures are those of a separate run. Replies to prompts with private text are never shared."
)

PEOPLE = (
    "For each seed the people of a data set are put in a random order. The first of them are held out. "
    "All methods that are run with one seed have the same people."
)


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML. Nothing in it comes from outside as mark-up: all names and reasons are text."""
    body = joined(
        tag("a", "To the comparison", href="#main", class_="skip"),
        comparison_body(comparison),
        tag("footer", paragraph(f"Made by rpsg {comparison.versions['rpsg']}. This page runs nothing.")),
    )
    title = ("PRIVATE: " if comparison.internal else "") + comparison.title
    return document(title, page_style(is_private=False) + chart_style(), body)


def comparison_body(comparison: Comparison) -> Html:
    """Header and main part of the page, whose id is ``main``."""
    settings = settings_of(comparison)
    names = [cell.key.method for cell in comparison.cells]
    legend = legend_of(list(dict.fromkeys(names)))
    found = standings(comparison)
    parts = [
        ("tables", "At equal epsilon and size", tables_part(comparison, found)),
        ("tokens", "At equal tokens", tokens_part(comparison)),
        ("curves", "Curves", _curves(comparison, settings, legend)),
        ("efficiency", "Efficiency", _efficiency(comparison, settings, legend)),
        ("sweep", "Size and temperature", _sweep(comparison, settings)),
        ("cells", "Every cell", _cells(comparison)),
        ("making", "How it was made", _making(comparison)),
    ]
    there = [(name, title, section) for name, title, section in parts if section is not None]
    links = listed(tag("a", title, href=f"#{name}") for name, title, _ in there)
    mark = tag("p", INTERNAL, class_="mark") if comparison.internal else None
    return joined(
        tag("header", mark, tag("h1", isolate(comparison.title)), _line(comparison)),
        tag(
            "main",
            _short(found),
            tag("nav", tag("h2", "On this page"), links, aria_label="On this page"),
            *(section for _, _, section in there),
            id="main",
        ),
    )


def chart_style() -> str:
    """The colours of charts, in addition to the style of all pages."""
    return files("rpsg.compare").joinpath("compare.css").read_text(encoding="utf-8")


def _line(comparison: Comparison) -> Html:
    states = ", ".join(f"{n:,} {STATES.get(state, state)}" for state, n in comparison.counts().items())
    machine = comparison.machine
    return tag(
        "p",
        f"{counted(len(comparison.cells), 'cell')}: {states}. "
        f"{machine['processor']}, {machine['cores']} cores.",
        class_="about",
    )


def _short(found: Sequence[Standing]) -> Html:
    """Who wins where, in sentences."""
    said = [isolate(words) for standing in found if (words := standing.in_words())]
    lines = listed(said) if said else paragraph(NOTHING)
    missing = [isolate(f"{s.table.title}: {line}") for s in found for line in s.left_out]
    return tag(
        "section",
        tag("h2", "Who wins where", id="short-title"),
        paragraph(isolate(all_together(found))) if all_together(found) else None,
        lines if len(said) <= MOST_LINES else folded(f"Table by table ({len(said)})", lines),
        folded("Not compared, and why", listed(missing)) if missing else None,
        id="short",
        aria_labelledby="short-title",
    )


def _curves(
    comparison: Comparison, settings: Sequence[CompareSetting], legend: Mapping[str, Drawn]
) -> Html | None:
    blocks = []
    for i, setting in enumerate(settings):
        charts = [
            against_epsilon(comparison, setting, metric, legend, f"eps-{i}-{j}")
            for j, metric in enumerate(comparison.headline)
        ]
        charts += [
            against_cost(comparison, setting, metric, "tokens", legend, f"tok-{i}-{j}")
            for j, metric in enumerate(comparison.headline)
        ]
        blocks += _charts(setting.in_words(), charts)
    reader = "Each method has a letter and a colour. A dashed line is a method without an epsilon."
    return part("curves", "Curves", reader, _legend(legend), *blocks) if blocks else None


def _legend(legend: Mapping[str, Drawn]) -> Html:
    return listed((drawn.key() for drawn in legend.values()), kind="legend")


def _charts(title: str, charts: Sequence[Html | None]) -> list[Html]:
    there = [each for each in charts if each is not None]
    return [block(title, tag("div", *there, class_="charts"))] if there else []


def _efficiency(
    comparison: Comparison, settings: Sequence[CompareSetting], legend: Mapping[str, Drawn]
) -> Html | None:
    """The paper's Figure 2: seconds for 1,000 texts against quality."""
    blocks = []
    for i, setting in enumerate(settings):
        charts = [
            against_cost(comparison, setting, metric, "seconds", legend, f"sec-{i}-{j}")
            for j, metric in enumerate(comparison.headline)
        ]
        blocks += _charts(setting.in_words(), charts)
    reader = (
        "Quality against seconds for 1,000 texts, as in Figure 2 of the paper. The seconds are those of a "
        "whole run on this machine. A method has a point for each epsilon of its runs, which may be ∞."
    )
    return part("efficiency", "Efficiency", reader, _legend(legend), *blocks) if blocks else None


def _sweep(comparison: Comparison, settings: Sequence[CompareSetting]) -> Html | None:
    """The paper's Figure 5, for each method where sizes or temperatures differ."""
    groups: dict[tuple[str, str, int], list[CompareSetting]] = {}
    for setting in settings:
        groups.setdefault((setting.data, setting.writer, setting.people), []).append(setting)
    metrics = [metric for metric in SWEPT if metric in comparison.metrics] or comparison.headline[:2]
    blocks = []
    for i, ((data, writer, people), its) in enumerate(groups.items()):
        found = {(row.method, row.epsilon): row for setting in its for row in rows_of(comparison, setting)}
        for j, (which, row) in enumerate(found.items()):
            who = row.method if row.epsilon is None else f"{row.method}, ε = {row.epsilon:g}"

            def pick(other: CompareRow, which: tuple[str, float | None] = which) -> bool:
                return (other.method, other.epsilon) == which

            charts = [
                size_and_temperature(comparison, its, pick, metric, f"sweep-{i}-{j}-{k}", who)
                for k, metric in enumerate(metrics)
            ]
            blocks += _charts(f"{who}: {data}, {writer}, {people or 'all'} people", charts)
    reader = "The paper's Figure 5: quality against the number of texts, a line for each temperature."
    return part("sweep", "Size and temperature", reader, *blocks) if blocks else None


def _cells(comparison: Comparison) -> Html:
    """Every cell with its state: none is left out silently."""
    rows = [
        (isolate(cell.key.in_words()), STATES.get(cell.state, cell.state), isolate(cell.reason))
        for cell in comparison.cells
    ]
    not_done = [row for row, cell in zip(rows, comparison.cells, strict=True) if not cell.is_done]
    columns = ("cell", "state", "reason")
    return part(
        "cells",
        "Every cell",
        "Which cells were run, and which were not, with the reason.",
        table("Not done", columns, not_done) if not_done else paragraph("Every cell is done."),
        folded("All cells", table("All cells", columns, rows)),
    )


def _making(comparison: Comparison) -> Html:
    settings, machine = comparison.settings, comparison.machine
    evaluation = settings.get("evaluation", {})
    data = [
        f"{each['name']}: {each['held_out']:,} people held out, {'public' if each['public'] else 'private'}"
        for each in settings.get("data", ())
    ]
    versions = ", ".join(f"{name} {version}" for name, version in comparison.versions.items())
    memory = machine.get("memory")
    digests = [
        (isolate(cell.key.in_words()), tag("code", str(cell.made["plan_digest"])))
        for cell in comparison.cells
        if cell.made.get("plan_digest")
    ]
    facts: list[tuple[Child, Child]] = [
        ("Machine", f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"),
        ("Memory", "not known" if memory is None else f"{memory / 2**30:.1f} GiB"),
        ("Versions", versions),
        ("Texts", listed(isolate(line) for line in data)),
        ("Measured with", isolate(f"{evaluation.get('embedder')}, {evaluation.get('language_model')}")),
        ("Intervals", note_of(comparison)),
        ("Shared replies", SHARING),
        (
            "People",
            PEOPLE,
        ),
    ]
    return part(
        "making",
        "How it was made",
        "For anybody who wants to repeat it.",
        pairs(facts),
        folded("Plan digests", table("SHA-256 of each plan", ("cell", "digest"), digests))
        if digests
        else None,
    )
