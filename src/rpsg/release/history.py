"""The history of every candidate as a file: its card, its scores, and the reason if it was dropped.

All of it is derived from noisy counts and the writer's replies, which are in the evidence anyway. It holds no
texts: those that were released are in the corpus.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import PUBLIC_MODE, write_chunks
from rpsg.disk.json_text import canonical_json, whole
from rpsg.errors import RunError
from rpsg.records import Candidate, Card, Drop, Pool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_history(path: Path, pool: Pool) -> str:
    """Write one line for each candidate, in the order of their ids; returns the file's SHA-256."""
    return write_chunks(path, (canonical_json(_line(c)) + b"\n" for c in pool), PUBLIC_MODE)


def _line(candidate: Candidate) -> dict[str, Any]:
    line: dict[str, Any] = {"id": candidate.id, "card": dict(candidate.card.values)}
    if candidate.card.phrases:
        line["phrases"] = list(candidate.card.phrases)
    if candidate.parent is not None:
        line["parent"] = candidate.parent
    if scores := {name: value for name, value in candidate.scores.items() if math.isfinite(value)}:
        line["scores"] = scores
    if candidate.dropped is not None:
        line["dropped"] = [candidate.dropped.stage, candidate.dropped.reason]
    return line


def read_history(path: Path, texts: Mapping[int, str]) -> Pool:
    """The candidate pool; released candidates get their text from ``texts``, dropped ones have none.

    Raises:
        RunError: the file is damaged.
    """
    shared = Shared()
    try:
        with path.open(encoding="utf-8") as lines:
            return Pool(tuple(_candidate(json.loads(line), texts, shared) for line in lines))
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{path.name} is damaged.", hint="Check the release with: rpsg verify RUN") from None


def as_read(pool: Pool) -> Pool:
    """The pool as ``read_history`` reads it after ``write_history``, for a run that has it in memory.

    The texts are the same objects, so they are not in memory twice.
    """
    shared, texts = Shared(), {c.id: whole(c.text) for c in pool.alive()}
    return Pool(tuple(_candidate(json.loads(canonical_json(_line(c))), texts, shared) for c in pool))


@dataclass(frozen=True, slots=True)
class Shared:
    """Cards and reasons that were read. Equal cards, and equal reasons, are one object, because many
    candidates share a few.
    """

    cards: dict[tuple[Any, ...], Card] = field(default_factory=dict)
    drops: dict[Drop, Drop] = field(default_factory=dict)

    def card(self, values: Mapping[str, str], phrases: tuple[str, ...]) -> Card:
        return self.cards.setdefault((tuple(values.items()), phrases), Card(dict(values), phrases))

    def drop(self, stage: str, reason: str) -> Drop:
        found = Drop(stage, reason)
        return self.drops.setdefault(found, found)


def _candidate(line: Mapping[str, Any], texts: Mapping[int, str], shared: Shared) -> Candidate:
    number, dropped = int(line["id"]), line.get("dropped")
    return Candidate(
        number,
        texts.get(number, ""),
        shared.card(line["card"], tuple(line.get("phrases", ()))),
        line.get("parent"),
        {sys.intern(name): float(value) for name, value in line.get("scores", {}).items()},
        None if dropped is None else shared.drop(*dropped),
    )
