"""Write docs/comparison.md from the committed comparisons in benchmarks/results.

    rpsg compare benchmarks/compare_quick.toml -o runs/compare-quick
    python benchmarks/comparison.py --add runs/compare-quick/comparison.json --name quick
    python benchmarks/comparison.py                    writes the page from what is there
    python benchmarks/comparison.py --check            exits with 1 if the page is not that of the results

``--add`` copies a result to benchmarks/results/compare-NAME.json; one of private texts is refused. With
``--busy`` the seconds are left out, for a machine that did other work at the same time. The explanation that
the page shows with the tables of a result is in compare-NAME.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.compare.duels import duel
from rpsg.compare.export import note_of, to_markdown
from rpsg.compare.matrix import read_matrix
from rpsg.compare.outcome import read_comparison
from rpsg.compare.winners import all_together, standings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.compare.duels import Lead
    from rpsg.compare.outcome import Comparison
    from rpsg.compare.winners import Standing

HERE = Path(__file__).resolve().parent
#: Comparisons of time, for which the page does not say which method is better.
OF_TIME = {"speed"}
RESULTS, PAGE = HERE / "results", HERE.parent / "docs" / "comparison.md"
HEAD = """\
# The comparison

This page is written by `python benchmarks/comparison.py` from `benchmarks/results/compare-*.json`. [Comparing
methods](comparison-files.md) explains how the figures are made and what is held equal.
"""
WHO = """\
**Who wins where.** In how many metrics strict mode is better than another method with the same epsilon, data,
writer and number of texts, and in how many it is worse. The *floor* has texts of the same writer without
private data. Only metrics count in which real texts are better than the floor. *More than chance* means: for
each seed the difference between both methods was computed, and the 95 % interval of these differences does
not contain zero.
"""
DETAILS = """\
**In detail.** In each comparison the method that is best in most metrics is compared with the others, and
with the floor.
"""
NOTHING = """\
**There is no comparison yet**: no result is committed, so nothing can be said about which method is better.
The commands to make one are:

```console
make benchmark
python benchmarks/comparison.py --add runs/compare-quick/comparison.json --name quick
```
"""


def results() -> list[tuple[str, Comparison]]:
    """The committed comparisons by name, in order."""
    files = sorted(RESULTS.glob("compare-*.json"))
    names = [file.stem.removeprefix("compare-") for file in files]
    return [(name, _shown(name, read_comparison(file))) for name, file in zip(names, files, strict=True)]


def _shown(name: str, comparison: Comparison) -> Comparison:
    """The comparison with the headline metrics that its plan has now: which are shown can be chosen later."""
    plan = HERE / f"compare_{name}.toml"
    headline = read_matrix(plan).headline if plan.is_file() else ()
    return replace(comparison, settings={**comparison.settings, "headline": headline or comparison.headline})


def page(found: Sequence[tuple[str, Comparison]]) -> str:
    """The whole page; who wins where comes first."""
    if not found:
        return f"{HEAD}\n{NOTHING}"
    parts = [HEAD, WHO, _summary(found), DETAILS]
    parts += [line for name, comparison in found if name not in OF_TIME for line in _wins(comparison)]
    for name, comparison in found:
        parts += [
            f"## {comparison.title}",
            *_about(name, comparison),
            *_reading(name),
            to_markdown(comparison),
            *_left(comparison),
        ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _summary(found: Sequence[tuple[str, Comparison]]) -> str:
    """A table: strict compared with each other method of the same epsilon, and with the floor."""
    head = "| | compared with | strict is better | strict is worse | tokens of strict / of the other |"
    tables = [each for name, one in found if name not in OF_TIME for each in standings(one)]
    rows = [row for standing in tables for row in _rows(standing)]
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _rows(standing: Standing) -> Iterator[str]:
    strict = next((row for row in standing.able if row.method == "strict"), None)
    if strict is None:
        return
    floor = [row for row in standing.table.rows if row.reads == "nothing" and row.cells]
    for other in (*standing.able, *floor):
        each = duel(strict, other, standing.losses)
        if other is not strict and each.compared:
            cells = (_number(each.better), _number(each.worse), _ratio(*each.tokens))
            yield f"| {standing.table.title} | {other.method} | {' | '.join(cells)} |"


def _number(leads: Sequence[Lead]) -> str:
    sure = sum(lead.beyond_chance is True for lead in leads)
    return f"{len(leads)} ({sure} by more than chance)" if sure else str(len(leads))


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2g}" if one and other else "not counted"


def _wins(comparison: Comparison) -> Iterator[str]:
    """Which method is better than which, a line for each sentence."""
    found = standings(comparison)
    together = all_together(found)
    lines = [f"- {together}"] if together else []
    for standing in found:
        said = standing.sentences()
        lines += [f"- {standing.table.title}:", *(f"  - {line}" for line in said)] if said else []
        lines += [f"  - Not compared: {line}" for line in standing.left_out if said]
    if lines:
        yield f"**{comparison.title}:**"
        yield "\n".join(lines)


def _about(name: str, comparison: Comparison) -> Iterator[str]:
    machine = comparison.machine
    versions = ", ".join(f"{package} {version}" for package, version in comparison.versions.items())
    counts = ", ".join(f"{number} {state}" for state, number in comparison.counts().items())
    yield (
        f"`benchmarks/results/compare-{name}.json`. {machine['processor']}, {machine['cores']} cores; "
        f"{versions}. Cells: {counts}. {note_of(comparison)}"
    )


def _reading(name: str) -> Iterator[str]:
    file = RESULTS / f"compare-{name}.md"
    if file.is_file():
        yield file.read_text(encoding="utf-8")


def _left(comparison: Comparison) -> Iterator[str]:
    """What was not run, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in comparison.cells:
        if not cell.is_done:
            reasons.setdefault((cell.state, cell.reason), []).append(cell.key.in_words())
    if reasons:
        yield "### Not run"
        yield "\n".join(
            f"- {state}, {len(cells)} (the first: {cells[0]}). {reason}"
            for (state, reason), cells in reasons.items()
        )


def add(file: Path, name: str, *, busy: bool) -> None:
    """Copy a result to the committed ones; SystemExit for one that may not be published."""
    found = read_comparison(file)
    if found.internal:
        raise SystemExit("This comparison read private texts, so its figures may not be published.")
    body = json.loads(found.to_json())
    for cell in body["cells"] if busy else []:
        if "made" in (cell["figures"] or {}):
            cell["figures"]["made"]["seconds"] = None
    (RESULTS / f"compare-{name}.json").write_text(
        json.dumps(body, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def main() -> None:
    """Add a result, or write or check the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--add", type=Path, help="a comparison.json to take in")
    parser.add_argument("--name", help="its name among the results")
    parser.add_argument("--busy", action="store_true", help="leave the seconds out")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    args = parser.parse_args()
    if args.add:
        add(args.add, args.name or args.add.parent.name, busy=args.busy)
    written = page(results())
    if args.check:
        sys.exit(PAGE.read_text(encoding="utf-8") != written)
    PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
