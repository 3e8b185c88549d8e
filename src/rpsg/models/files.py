"""What is common to files of weights: their digest, and where they live on this machine."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

_BLOCK = 1 << 22


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file in hex. Read again only when its size or its time of change differs."""
    file = Path(path).resolve()
    facts = file.stat()
    return _digest(str(file), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, changed: int) -> str:
    del size, changed  # part of the key only
    state = hashlib.sha256()
    with Path(path).open("rb") as source:
        while block := source.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def models_folder() -> Path:
    """``$RPSG_HOME/models``, else ``$XDG_DATA_HOME/rpsg/models``, else ``~/.local/share/rpsg/models``."""
    home = os.environ.get("RPSG_HOME")
    if home:
        return Path(home).expanduser() / "models"
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data).expanduser() if data else Path.home() / ".local" / "share"
    return base / "rpsg" / "models"
