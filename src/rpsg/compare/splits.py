"""The real texts of a comparison: split by person before anything runs, the same way for all methods.

For each seed the people of a data set are put in an order drawn by that seed. The first are held out: no run
sees them, and every corpus is measured against them. Those after them are the private texts of the runs, and
a run with fewer people uses the first of these. So all methods of a seed have the same people.

If the texts are not public, the order is that of a hash of each person (of the row, if no user is named). So
adding or removing one person in the file moves at most one other person across each border. A random
permutation of all people would change most people of a run instead, and the claim of the run would say
nothing about the people in the file.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import private_dir, write_atomic
from rpsg.disk.json_text import canonical_json, strict_json, tagged_sha256
from rpsg.errors import DataError, RunError, UsageError
from rpsg.evaluation.corpora import Rows, read_rows, without_texts
from rpsg.models.download import locate
from rpsg.plan import resolve
from rpsg.stages.rng import stream
from rpsg.storage.layout import CEILING_TEXTS, HELD_OUT, SPLIT
from rpsg.storage.readers.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.compare.matrix import ComparedData, Matrix

FORMAT = "rpsg-split/1"


@dataclass(frozen=True, slots=True)
class SplitFiles:
    """The files of one data set for one seed."""

    folder: Path

    @property
    def held_out(self) -> Path:
        return self.folder / HELD_OUT

    @property
    def ceiling(self) -> Path:
        """Private texts that take the place of the corpus in the ceiling; none of them is also among the
        texts held out.
        """
        return self.folder / CEILING_TEXTS

    def private(self, people: int) -> Path:
        return self.folder / f"people-{people or 'all'}.jsonl"


def split_files(out: Path, data: ComparedData, seed: int) -> SplitFiles:
    """Where the texts of a data set are for a seed; ``prepare`` writes them."""
    return SplitFiles(out / "data" / tagged_sha256("name", data.name)[:12] / f"seed-{seed}")


def columns_of(matrix: Matrix, data: ComparedData) -> Columns:
    """The columns of text, label and person, as the plan of the data set has them.

    Raises:
        UsageError: it declares columns beside the text.
    """
    section = resolve(matrix.settings, data.settings).data
    if section.columns:
        raise UsageError(
            f"A comparison reads no columns beside the text, but {data.name} declares some.",
            hint="Leave [data] columns out of its settings.",
        )
    return Columns(section.text, section.label, section.user)


def prepare(matrix: Matrix, data: ComparedData, out: Path) -> None:
    """Read a data set and write its parts for all seeds, readable by their owner alone.

    Parts that are there already are kept, so a resumed comparison has the same people.

    Raises:
        DataError: the file cannot be read, or has too few people to hold some out.
        RunError: the file, or how it is split, was changed since the comparison began.
    """
    columns = columns_of(matrix, data)
    rows = _read(data, columns)
    facts = {
        "format": FORMAT,
        "rows": tagged_sha256("rows", [rows.texts, rows.labels, rows.users]),
        "held_out": data.held_out,
        "columns": [columns.text, columns.label, columns.user],
        **({} if data.public else {"order": "by person"}),
    }
    folder = split_files(out, data, 0).folder.parent
    _same(private_dir(folder) / SPLIT, facts, data)
    people = rows.users or (tuple(map(str, range(len(rows)))) if data.public else _by_content(rows))
    names = sorted(set(people))
    if len(names) < data.held_out + 2:
        raise DataError(
            f"{data.name} has too few people to hold {data.held_out:,} of them out.",
            hint="Give the data set a smaller held_out, or more texts.",
        )
    for seed in matrix.seeds:
        files = split_files(out, data, seed)
        order = in_order(names, seed, public=data.public)
        _write_parts(files, rows, people, order, data.held_out, matrix.people, columns)


def in_order(names: Sequence[str], seed: int, *, public: bool) -> list[str]:
    """The people in the order of a seed; if the texts are private, a person's rank depends on that person
    only.
    """
    if public:
        return [names[i] for i in stream(seed, "comparison", "people").permutation(len(names))]
    return sorted(names, key=lambda name: tagged_sha256("comparison person", [seed, name]))


def _by_content(rows: Rows) -> tuple[str, ...]:
    """A name for each row by its text and label; equal rows are numbered."""
    seen: Counter[str] = Counter()
    names = []
    for i, text in enumerate(rows.texts):
        digest = tagged_sha256("comparison row", [text, None if rows.labels is None else rows.labels[i]])
        names.append(f"{digest} {seen[digest]}")
        seen[digest] += 1
    return tuple(names)


def _read(data: ComparedData, columns: Columns) -> Rows:
    paths: Sequence[Path | str] = data.paths
    if data.asset:
        path = locate(data.asset)
        paths = (
            sorted(p for p in path.iterdir() if p.suffix in {".jsonl", ".csv"}) if path.is_dir() else [path]
        )
    parts = [read_rows(Path(path), columns) for path in paths]
    return Rows(
        tuple(text for part in parts for text in part.texts),
        None if columns.label is None else tuple(v for part in parts for v in part.labels or ()),
        None if columns.user is None else tuple(v for part in parts for v in part.users or ()),
    )


def _same(file: Path, facts: dict[str, Any], data: ComparedData) -> None:
    if not file.exists():
        write_atomic(file, canonical_json(facts))
    elif strict_json(file.read_bytes()) != facts:
        raise RunError(
            f"The texts of {data.name} or their split have changed since this comparison began.",
            hint="Restore them as they were, or begin a new comparison in another folder with -o.",
        )


def _write_parts(
    files: SplitFiles,
    rows: Rows,
    people: Sequence[str],
    order: Sequence[str],
    held_out: int,
    sizes: Sequence[int],
    columns: Columns,
) -> None:
    private_dir(files.folder)
    rank = {name: i for i, name in enumerate(order)}
    held = _of_ranks(rows, people, rank, 0, held_out)
    rest = _of_ranks(rows, people, rank, held_out, len(order))
    _write(files.held_out, held, columns)
    _write(files.ceiling, without_texts(rest, held), columns)
    for size in sizes:
        end = held_out + size if size else len(order)
        if end <= len(order):
            _write(files.private(size), _of_ranks(rows, people, rank, held_out, end), columns)


def _of_ranks(rows: Rows, people: Sequence[str], rank: dict[str, int], start: int, end: int) -> Rows:
    """The rows of the people who have these ranks, in the order of the ranks."""
    chosen = [i for i, person in enumerate(people) if start <= rank[person] < end]
    return rows.take(sorted(chosen, key=lambda i: (rank[people[i]], i)))


def _write(file: Path, rows: Rows, columns: Columns) -> None:
    if file.exists():
        return
    lines = []
    for i, text in enumerate(rows.texts):
        row = {columns.text: text}
        if columns.label is not None and rows.labels is not None:
            row[columns.label] = rows.labels[i]
        if columns.user is not None and rows.users is not None:
            row[columns.user] = rows.users[i]
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_atomic(file, "".join(lines).encode("utf-8", "surrogatepass"))
