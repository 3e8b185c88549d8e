"""The outcome of a comparison as data: every cell, run or not, and the machine that they ran on."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.compare.keys import CellKey, plain_key
from rpsg.disk.json_text import strict_json
from rpsg.display import Overview, Shown, short_number
from rpsg.errors import RunError
from rpsg.models.hardware import cores
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.compare.cell_run import CellRecord
    from rpsg.compare.cells import Cell
    from rpsg.compare.matrix import Matrix

FORMAT = "rpsg-comparison/1"
#: Packages whose version can change figures.
PACKAGES = (
    *("numpy", "onnxruntime", "xllamacpp", "tokenizers", "torch", "transformers"),
    *("opacus", "dp-accounting"),
)
INTERNAL = (
    "Internal: these figures were computed from private texts without noise, outside any budget. Do "
    "not publish "
    "them."
)


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """One cell as it is published: where it is, its state, and its figures.

    ``state`` is that of the cell's record, or "not supported", "left out" or "new". ``reads`` says what the
    method reads. Lists of values by cell keep the order of the comparison.
    """

    id: str
    key: CellKey
    family: str
    reads: str
    is_ceiling: bool
    state: str
    reason: str = ""
    figures: Mapping[str, Any] | None = None

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    @property
    def made(self) -> Mapping[str, Any]:
        """What the run took and claims; empty for real texts and for cells without a run."""
        found: Mapping[str, Any] = (self.figures or {}).get("made", {})
        return found

    def value(self, metric: str) -> float | None:
        """The value of a metric; None if there is none."""
        found = (self.figures or {}).get("metrics", {}).get(metric, {})
        value = found.get("value")
        return None if value is None else float(value)

    @property
    def tokens(self) -> int | None:
        tokens = self.made.get("cost", {}).get("tokens")
        return None if tokens is None else int(tokens)

    @property
    def seconds(self) -> float | None:
        seconds = self.made.get("seconds")
        return None if seconds is None else float(seconds)

    @property
    def texts(self) -> int:
        """How many texts were released (of real texts: measured); 0 for a cell that is not done."""
        return int((self.figures or {}).get("measured" if self.is_ceiling else "texts", 0))

    @property
    def is_short(self) -> bool:
        """Whether too few texts were released to compare what depends on their number."""
        return self.texts < LEAST_SHARE * self.key.size


#: A cell that released less than this share of the texts asked for is not compared with others.
LEAST_SHARE = 0.95


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Shown):
    """All cells of a comparison. Tables, pages and exports are made from this alone."""

    title: str
    internal: bool
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    cells: tuple[CellOutcome, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that were measured, in the order in which they were asked for."""
        found = {name for cell in self.cells for name in (cell.figures or {}).get("metrics", {})}
        asked = tuple(self.settings.get("evaluation", {}).get("metrics", ()))
        return tuple(name for name in asked if name in found) or tuple(sorted(found))

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics in tables and for deciding which method leads: those that were named, or all."""
        named = tuple(str(name) for name in self.settings.get("headline", ()))
        return tuple(name for name in named if name in self.metrics) or self.metrics

    def better(self, metric: str) -> bool | None:
        """Whether a higher value is better; None if a value closer to that of real texts is better."""
        for cell in self.cells:
            found = (cell.figures or {}).get("metrics", {}).get(metric)
            if found is not None and found["value"] is not None:
                better: bool | None = found["higher_is_better"]
                return better
        return None

    def counts(self) -> dict[str, int]:
        """The number of cells in each state."""
        found: dict[str, int] = {}
        for cell in self.cells:
            found[cell.state] = found.get(cell.state, 0) + 1
        return found

    def _overview(self) -> Overview:
        states = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        shown = self.headline[:3]
        return Overview(
            f"Comparison {self.title}: {len(self.cells)} cells ({states})",
            first=INTERNAL if self.internal else "",
            columns=("cell", "state", *shown),
            rows=tuple(
                (cell.key.in_words(), cell.state, *(short_number(cell.value(metric)) for metric in shown))
                for cell in self.cells
            ),
            notes=tuple(dict.fromkeys(f"Failed: {c.reason}" for c in self.cells if c.state == "failed")),
        )

    def to_json(self) -> str:
        """The whole comparison as JSON text, which ``read_comparison`` can read."""
        cells = [{**asdict(cell), "key": plain_key(cell.key)} for cell in self.cells]
        body = {
            "format": FORMAT,
            "internal": INTERNAL if self.internal else False,
            "title": self.title,
            "machine": self.machine,
            "versions": self.versions,
            "settings": self.settings,
            "cells": cells,
        }
        return json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read_comparison(path: str | Path) -> Comparison:
    """The comparison in a JSON file that ``to_json`` wrote; RunError if it is damaged or another file."""
    path = Path(path)
    try:
        return _comparison(strict_json(path.read_bytes()))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RunError(
            f"{path} is not the result of a comparison, is damaged, or was written by another version of "
            "RPSG.",
            hint="Make it again with: rpsg compare FILE -o FOLDER",
        ) from None


def _comparison(found: Mapping[str, Any]) -> Comparison:
    if found["format"] != FORMAT:
        raise ValueError("another version")
    return Comparison(
        str(found["title"]),
        found["internal"] is not False,
        found["machine"],
        found["versions"],
        found["settings"],
        tuple(_cell(row) for row in found["cells"]),
    )


def _cell(row: Mapping[str, Any]) -> CellOutcome:
    key = dict(row["key"])
    if key["epsilon"] == "inf":
        key["epsilon"] = math.inf
    return CellOutcome(**{**row, "key": CellKey(**key)})


def outcome_of(matrix: Matrix, cells: Sequence[tuple[Cell, CellRecord]]) -> Comparison:
    """The comparison with what is known of its cells now."""
    return Comparison(
        matrix.title,
        matrix.is_internal,
        machine(),
        versions(),
        _published(matrix),
        tuple(_outcome(cell, record) for cell, record in cells),
    )


def _outcome(cell: Cell, record: CellRecord) -> CellOutcome:
    about = (cell.id, cell.key, cell.family, cell.reads, cell.is_ceiling)
    if cell.not_run:
        return CellOutcome(*about, cell.not_run, cell.reason)
    if record.state == "running":
        return CellOutcome(*about, "stopped", "It is running elsewhere, or its process was killed.")
    state, reason = record.state, f"{record.reason} {record.hint}".strip()
    return CellOutcome(*about, state, reason, record.figures if record.is_done else None)


def _published(matrix: Matrix) -> dict[str, Any]:
    """The settings of the comparison, without paths of this machine."""
    found: dict[str, Any] = json.loads(matrix.model_dump_json())
    for data in found["data"]:
        data["path"] = [Path(path).name for path in data["path"]]
    for entry in (found, *found["data"], *found["methods"], *found["writers"]):
        entry["settings"].get("data", {}).pop("path", None)
    return found


def machine() -> dict[str, Any]:
    """What the figures of time and memory depend on: the processor, its cores, and the system."""
    return {"processor": _processor(), "cores": cores(), "system": platform.system(), "memory": _memory()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int | None:
    """Bytes of memory of this machine; None if the system does not say."""
    try:
        first = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):
        return None
    return int(first.split()[1]) * 1024


def versions() -> dict[str, str]:
    """This program, Python, and the packages that compute."""
    found = {"rpsg": VERSION, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
