"""How close do the columns of a release come to those of its private tickets?

    python examples/tickets/invent.py
    rpsg run tickets.csv ... -o run
    python benchmarks/tickets.py tickets.csv run --out benchmarks/results/tickets.json

The command in the middle is that of docs/tickets.md. For every pair of columns that were counted together,
this prints the private count of each pair of values, which only the owner of the tickets knows, its noisy
count and its number of released texts. Below each table is how far the shares are apart.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.release.coverage import CONFIDENT, columns_together
from rpsg.release.reader import Release
from rpsg.storage.readers.beside import reader_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.release.coverage import Together


def measured(pair: Together, tickets: Sequence[Mapping[str, str | None]]) -> dict[str, Any]:
    """The counts of a pair of columns, and how far noisy and released shares are from the private ones.

    ``noise_of_a_share`` is the standard deviation of the noise of a count, divided by the number of tickets;
    ``largest_difference`` between a released and a private share is given in this unit.
    """
    private = Counter(tuple(row[name] for name in pair.columns) for row in tickets)
    rows: list[dict[str, Any]] = [
        {"values": [one, other], "private": private[one, other], "noisy": noisy.count, "texts": texts}
        for one, other, noisy, texts in pair.rows
    ]
    sigma = pair.rows[0][2].sigma
    shares = {
        name: [max(row[name], 0) / max(1, sum(max(each[name], 0) for each in rows)) for row in rows]
        for name in ("private", "noisy", "texts")
    }
    off = [abs(a - b) for a, b in zip(shares["texts"], shares["private"], strict=True)]
    noise = sigma / len(tickets)
    return {
        "columns": list(pair.columns),
        "sigma": round(sigma, 2),
        "noise_of_a_share": round(noise, 4),
        "within_noise": sum(abs(row["noisy"] - row["private"]) <= CONFIDENT * sigma for row in rows),
        "largest_difference": round(max(off) / noise, 1),
        "distance_of_texts": round(sum(off) / 2, 2),
        "distance_of_noisy_counts": round(
            sum(abs(a - b) for a, b in zip(shares["noisy"], shares["private"], strict=True)) / 2, 2
        ),
        "rows": rows,
    }


def table(found: Mapping[str, Any]) -> str:
    """The counts of a pair of columns as the page shows them."""
    totals = {name: sum(row[name] for row in found["rows"]) for name in ("private", "texts")}

    def part(row: Mapping[str, Any], name: str) -> str:
        count = row[name]
        return f"{count} ({count / totals[name]:.0%})".replace("%", " %") if count else "0"

    margin = f"{CONFIDENT * found['sigma']:.0f}"
    head = (
        ", ".join(found["columns"]),
        "private tickets",
        f"counted with noise (± {margin})",
        "released texts",
    )
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|"]
    lines += [
        f"| {', '.join(row['values'])} | {part(row, 'private')} | {row['noisy']} | {part(row, 'texts')} |"
        for row in found["rows"]
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tickets", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    release = Release(args.run)
    readers = {column.name: reader_of(column) for column in release.plan.data.declared_columns}
    with args.tickets.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tickets = [{name: reader.value_of(row[name]) for name, reader in readers.items()} for row in rows]
    pairs = columns_together(release.plan, release.pack, release.ledger, release.answers, release.texts)
    found = [measured(pair, tickets) for pair in pairs]
    for each in found:
        facts = {name: value for name, value in each.items() if name not in {"columns", "rows"}}
        print(f"{table(each)}\n\n{facts}\n")
    if args.out:
        args.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
