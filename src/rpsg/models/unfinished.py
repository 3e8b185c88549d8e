"""Downloads that resume: parts are appended, and a journal says how many are whole."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from rpsg.disk.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def append_parts(unfinished: Path, blocks: Iterator[bytes], recipe: Callable[[bytes], bytes] | None) -> None:
    """Append one part, then record the length: a crash in between loses only this part."""
    done = _parts_done(unfinished)
    with unfinished.open("ab") as sink:
        for block in [recipe(b"".join(blocks))] if recipe else blocks:
            sink.write(block)
        sink.flush()
        os.fsync(sink.fileno())
        size = sink.tell()
    write_atomic(journal_of(unfinished), json.dumps({"parts": done + 1, "size": size}).encode())


def resume_at(unfinished: Path) -> int:
    """The number of complete parts in the unfinished file; truncates anything after them."""
    done = _parts_done(unfinished)
    if done == 0:
        unfinished.unlink(missing_ok=True)
        return 0
    size = json.loads(journal_of(unfinished).read_text(encoding="ascii"))["size"]
    with unfinished.open("r+b") as sink:
        sink.truncate(size)
    return done


def _parts_done(unfinished: Path) -> int:
    try:
        facts = json.loads(journal_of(unfinished).read_text(encoding="ascii"))
        return int(facts["parts"]) if unfinished.stat().st_size >= facts["size"] else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # no journal, or an incomplete one: the pull starts again


def journal_of(unfinished: Path) -> Path:
    return unfinished.with_name(f"{unfinished.name}.json")
