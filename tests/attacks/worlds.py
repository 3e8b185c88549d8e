"""Worlds in which the same commands are typed on neighbouring data, and what anybody can see of each."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import secrets
import sqlite3
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rpsg.cli
from rpsg import registry
from rpsg.cli.progress import Plain
from rpsg.models.fake import FakeClassifier
from rpsg.privacy import commitment
from rpsg.privacy.mechanisms import clean_answer
from rpsg.privacy.private import open_private

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.privacy.exact_sums import Contributions
    from rpsg.privacy.histogram import IntArray, Query
    from rpsg.privacy.mechanisms import UnitItems
    from rpsg.privacy.private import Private
    from rpsg.protocols import NoiseSource

    Row = dict[str, Any]
    Change = Callable[[list[Row], random.Random], list[Row]]

#: Files of settings that every world holds.
VOTES, AUGPE = "data/votes.toml", "data/augpe.toml"
TIME = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)?|(?<=  )\d+\.\d s\b"
    rb'|(?:(?<=writing candidates\\": )|(?<=writing variants\\": )|(?<="seconds\\": )'
    rb"|(?<=seconds of writing  ))[\d.e-]+"
)


@dataclass
class World:
    """A folder with a state of its own in which commands are typed; what anybody may see of it is kept."""

    folder: Path
    said: list[tuple[int, str, str]] = field(default_factory=list)

    def public(self) -> dict[str, bytes]:
        """Every file outside private folders and the state folder, and all that was said."""
        here = str(self.folder).encode()
        found = {
            path.relative_to(self.folder).as_posix(): content_of(path)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.is_symlink() and self._may_be_seen(path)
        }
        found |= {f"command {i}": json.dumps(said).encode() for i, said in enumerate(self.said)}
        return {name: TIME.sub(b"TIME", content.replace(here, b".")) for name, content in found.items()}

    def _may_be_seen(self, path: Path) -> bool:
        parts = path.relative_to(self.folder).parts
        return parts[0] not in {"home", "data"} and "private" not in parts


def content_of(path: Path) -> bytes:
    """The bytes of a file; of the store of calls its rows, without the seconds that the writer took."""
    if path.suffix != ".sqlite":
        return path.read_bytes()
    with closing(sqlite3.connect(path)) as book:
        tables = [row[0] for row in book.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: book.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(tables)}
    told = {n: sorted(repr([v for v in r if not isinstance(v, float)]) for r in rs) for n, rs in rows.items()}
    return json.dumps(told).encode()


@pytest.fixture
def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pack_folder: Path,
) -> Callable[..., World]:
    """Makes a world from the files of some months, and runs each of them there with the same settings."""
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier())
    monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", public_histogram)
    monkeypatch.setattr("rpsg.privacy.kernel.noisy_selection", public_selection)
    hidden = {"scheme": commitment.SCHEME, "value": "0" * 64}
    monkeypatch.setattr(commitment.Commitment, "to_json", lambda _self: hidden)
    monkeypatch.setenv("COLUMNS", "100")
    # What writing takes is public, and never twice the same: a slow moment would add lines to its progress.
    monkeypatch.setattr(Plain.__init__, "__defaults__", (lambda: 0.0,))
    numbers = itertools.count()

    def make(
        months: Mapping[str, Sequence[Row]], settings: Sequence[str], begun: Sequence[Row] | None = None
    ) -> World:
        """``begun``: the rows with which every run began before it was stopped, after its first answers."""
        made = World(tmp_path / f"world-{next(numbers)}")
        (made.folder / "data").mkdir(parents=True)
        (made.folder / VOTES).write_text('[method]\nselect = "votes"\n')
        (made.folder / AUGPE).write_text(
            '[method]\nname = "augpe"\n[augpe]\niterations = 2\nvariations = 2\nlookahead = 1\n'
        )
        monkeypatch.setenv("RPSG_HOME", str(made.folder / "home"))
        monkeypatch.chdir(made.folder)
        with fixed_random_names():
            for month, rows in months.items():
                file = made.folder / "data" / f"{month}.jsonl"
                command = ["run", f"data/{month}.jsonl", "-o", month, "--domain", str(pack_folder)]
                command += ["--writer", "fake", "--embedder", "fake", "--size", "5", *settings]
                parts = [(rows, ())] if begun is None else [(begun, ("--max-requests", "10")), (rows, ())]
                for held, stop in parts:
                    file.write_text("".join(json.dumps(row) + "\n" for row in held))
                    capsys.readouterr()
                    code = rpsg.cli.main([*command, *stop])
                    said = capsys.readouterr()
                    made.said.append((code, said.out, said.err))
        return made

    return make


@contextmanager
def fixed_random_names() -> Iterator[None]:
    """Random names of ledgers and draws that are the same in every world."""
    # By kind and size: nobody sees how many private files are written, and each takes some of its own.
    counters: dict[tuple[str, int], Iterator[int]] = defaultdict(itertools.count)

    def token(size: int, kind: str) -> bytes:
        return hashlib.shake_256(b"%d" % next(counters[kind, size])).digest(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda n=32: token(n, "bytes"))
        patch.setattr(secrets, "token_hex", lambda n=32: token(n, "hex").hex())
        yield


def public_histogram(query: Query, rows: Private[Contributions], noise: NoiseSource) -> IntArray:
    """Read and count the private data as the mechanism does, and answer without them."""
    clean_answer(query, rows)
    noise.draw(query.sigma, query.dim)
    seed = int.from_bytes(hashlib.sha256(f"{query.stage}/{query.dim}".encode()).digest()[:8], "big")
    mean = 1_000 if query.stage == "size" else 1_000 / query.dim
    return np.random.default_rng(seed).poisson(mean, query.dim).astype(np.int64)


def public_selection(
    query: Query, threshold: int, items: Private[UnitItems], noise: NoiseSource
) -> list[tuple[str, int]]:
    assert all(len(set(held)) == len(held) <= query.k for held in open_private(items))
    noise.draw(query.sigma, 1)
    return [("drink", threshold + 5), ("food", threshold + 3)]


def differences(one: World, other: World) -> Iterator[str]:
    ours, theirs = one.public(), other.public()
    if ours.keys() != theirs.keys():
        yield f"files: {sorted(ours.keys() ^ theirs.keys())}"
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            place = next(
                (
                    i
                    for i, pair in enumerate(zip(ours[name], theirs[name], strict=False))
                    if len(set(pair)) > 1
                ),
                min(len(ours[name]), len(theirs[name])),
            )
            start = max(0, place - 60)
            yield f"{name}: {ours[name][start : place + 60]!r} and {theirs[name][start : place + 60]!r}"
