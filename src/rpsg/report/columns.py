"""Columns beside the text: the noisy counts of two columns together, next to the numbers of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined, tag
from rpsg.release.coverage import CONFIDENT, columns_together
from rpsg.report.html import folded, paragraph, percent, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.display import Child
    from rpsg.release.coverage import Noisy, Together
    from rpsg.release.reader import Release

#: How many combinations are shown; the others are folded.
SHOWN = 12
HOW = (
    "Each table is for two columns of the release together. The private rows were counted by these columns "
    "of their file, with noise. With 95 % confidence, a count without noise is within the margin after the "
    "sign ±."
)


def columns(release: Release) -> Iterator[Html]:
    """A table for each pair of columns that were counted together, the most common combinations first."""
    pairs = columns_together(release.plan, release.pack, release.ledger, release.answers, release.texts)
    if pairs:
        yield tag("div", tag("h3", "Columns together"), paragraph(HOW), class_="block wide")
    for pair in pairs:
        ranked = sorted(pair.rows, key=lambda row: (-row[2].count, -row[3]))
        shown, rest = ranked[:SHOWN], ranked[SHOWN:]
        named = joined(isolate(pair.columns[0]), " with ", isolate(pair.columns[1]))
        which = f"the {len(shown)} most common combinations" if rest else "all combinations"
        others = folded(f"{len(rest)} more combinations", _table(pair, rest, "the others")) if rest else None
        yield tag("div", tag("h3", named), _table(pair, shown, which), others, class_="block")


def _table(pair: Together, rows: Sequence[tuple[str, str, Noisy, int]], which: str) -> Html:
    named = joined(isolate(pair.columns[0]), " with ", isolate(pair.columns[1]))
    heads = ("values", "synthetic texts", "private rows, with noise")
    return table(joined(named, f": {which}"), heads, [_row(pair, row) for row in rows], heads[1:])


def _row(pair: Together, row: tuple[str, str, Noisy, int]) -> tuple[Child, ...]:
    one, other, noisy, texts = row
    every = max(sum(number for *_, number in pair.rows), 1)
    hidden = "" if noisy.is_seen else ", within its noise"
    counted = f"{noisy.count:,} ± {CONFIDENT * noisy.sigma:.0f}{hidden}"
    return (
        joined(isolate(one), ", ", isolate(other)),
        f"{percent(texts / every)} ({texts:,})",
        f"{percent(max(noisy.count, 0) / pair.counted)} ({counted})",
    )
