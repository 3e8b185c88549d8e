"""A release compared with the rebuilt one: which files differ, and where."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import file_sha256
from rpsg.disk.json_text import strict_json
from rpsg.machine.processes import HERE
from rpsg.pipeline.publish import build_release
from rpsg.pipeline.release_files import rows_of, synthetic_texts, write_rows
from rpsg.privacy.facts import Free
from rpsg.privacy.signing import SIGNATURE
from rpsg.privacy.verify import Check
from rpsg.storage.export import same_table
from rpsg.storage.layout import CORPUS, PARQUET, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.machine.processes import Processes
    from rpsg.pipeline.made import Made
    from rpsg.pipeline.verification.claimed import Claimed
    from rpsg.records import Pool


def compared(claimed: Claimed, made: Made, processes: Processes = HERE) -> Iterator[Check]:
    """Each file of the release compared with the rebuilt one, in both directions."""
    with tempfile.TemporaryDirectory(prefix="rpsg-verify-") as scratch:
        again = Path(scratch) / RELEASE
        again.mkdir()
        free = Free.of(claimed.ledger)
        parquet = parquet_of(claimed.folder, made, free.code["version"])
        build_release(again, made, free, parquet=parquet, processes=processes)
        theirs, ours = names_in(claimed.folder), names_in(again)
        if "signer" in claimed.ledger:
            theirs.discard(SIGNATURE)  # only the holder of the key can make it; ``_signed`` checks it
        for name in sorted(theirs | ours):
            yield _same_file(name, claimed.folder / name, again / name)


def parquet_of(folder: Path, made: Made, version: str) -> bytes | None:
    """The release's Parquet file if it holds the rows; None if it holds others; b"" if there is none."""
    file = folder / PARQUET
    if not file.is_file():
        return b""
    content = file.read_bytes()
    return content if same_table(content, rows_of(made, version)) else None


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _same_file(name: str, theirs: Path, ours: Path) -> Check:
    if not theirs.is_file():
        return Check(name, ok=False, detail="is missing, but belongs to this release")
    if not ours.is_file():
        return Check(name, ok=False, detail="does not belong to this release")
    if theirs.stat().st_size == ours.stat().st_size and file_sha256(theirs) == file_sha256(ours):
        return Check(name, ok=True, detail="as it follows from plan, pack and evidence")
    found, made = theirs.read_bytes(), ours.read_bytes()
    return Check(name, ok=False, detail=f"differs from the rebuilt file{_where(name, found, made)}")


def _where(name: str, found: bytes, made: bytes) -> str:
    """Where two files first differ: at a key of JSON files, else in a line."""
    if name.endswith(".json"):
        try:
            first = _first_key(strict_json(found), strict_json(made))
        except ValueError:
            return " and is not JSON"
        return f", first at {first}" if first else ", only in how its values are written"
    lines = zip(io.BytesIO(found), io.BytesIO(made), strict=False)
    number = next((i for i, (a, b) in enumerate(lines, start=1) if a != b), 0)
    return f", first in line {number}" if number else ", at its end"


def _first_key(found: Any, made: Any, path: str = "") -> str:
    if isinstance(found, dict) and isinstance(made, dict):
        for key in made | found:
            inner = f"{path}.{key}" if path else str(key)
            if key not in found or key not in made:
                return inner
            if first := _first_key(found[key], made[key], inner):
                return first
        return ""
    if isinstance(found, list) and isinstance(made, list) and len(found) == len(made):
        pairs = enumerate(zip(found, made, strict=True))
        return next((f for i, (a, b) in pairs if (f := _first_key(a, b, f"{path}[{i}]"))), "")
    return "" if json.dumps(found) == json.dumps(made) else path or "the top level"


def corpus_of(pool: Pool, speakers: Sequence[str]) -> bytes:
    """The bytes of ``corpus.jsonl`` with the texts of the pool; ``speakers`` are those of its pack."""
    with tempfile.TemporaryDirectory(prefix="rpsg-verify-") as scratch:
        write_rows(Path(scratch), synthetic_texts(pool, speakers), parquet=b"")
        return (Path(scratch) / CORPUS).read_bytes()
