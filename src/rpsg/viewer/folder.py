"""What is in a folder: runs, releases and comparisons, which are recognised by the names of their files.

No file is opened, links are not followed, and folders called ``private`` are not searched.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpsg.errors import RunError, UsageError
from rpsg.storage.layout import LEDGER, MATRIX, PRIVATE, RELEASE, RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["run", "release", "comparison"]
#: How deep, and how many, folders are searched.
DEEPEST, MOST_FOLDERS = 8, 20_000
_KINDS: tuple[tuple[str, Kind], ...] = ((RUN, "run"), (LEDGER, "release"), (MATRIX, "comparison"))


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A run, a release without its run, or a comparison.

    ``id`` is its name in addresses, ``name`` its path below the folder that is shown, and ``within`` the id
    of the comparison that it belongs to, or "".
    """

    id: str
    kind: Kind
    name: str
    path: Path
    within: str = ""

    @property
    def release(self) -> Path:
        """The folder of its release, which is there only if the run is finished."""
        return self.path / RELEASE if self.kind == "run" else self.path


def folder_to_show(path: Path) -> Path:
    """The folder without links in its path.

    Raises:
        UsageError: it is not a folder, or is private.
    """
    try:
        root = path.resolve(strict=True)
    except OSError:
        root = path
    if not root.is_dir():
        raise UsageError(f"{path} is not a folder.", hint="Name the folder that holds your runs: rpsg view .")
    if any(folder.name == PRIVATE and (folder.parent / RUN).exists() for folder in (root, *root.parents)):
        raise UsageError(
            "Private folders of runs are never shown.", hint="Name the run folder, or a folder of runs."
        )
    return root


def find(root: Path) -> list[FolderEntry]:
    """Everything that is shown of the folder ``root``, by name."""
    return sorted(_walk(root), key=lambda found: found.name)


def _walk(root: Path) -> Iterator[FolderEntry]:
    waiting: list[tuple[Path, int, str]] = [(root, 0, "")]
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        folder, depth, within = waiting.pop()
        files, folders = _entries(folder)
        kind = next((kind for file, kind in _KINDS if file in files), None)
        if kind is not None:
            found = FolderEntry(_id(root, folder), kind, _name(root, folder), folder, within)
            yield found
            within = found.id
        if kind in {None, "comparison"} and depth < DEEPEST:
            waiting += [(folder / name, depth + 1, within) for name in folders]


def _entries(folder: Path) -> tuple[set[str], list[str]]:
    """The names of the files, and of the folders to look into; links are left out."""
    files, folders = set(), []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    files.add(entry.name)
                elif entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    folders.append(entry.name)
    except OSError:
        return set(), []  # of another user, or removed meanwhile
    return files, [name for name in folders if name != PRIVATE]


def _name(root: Path, folder: Path) -> str:
    return root.name if folder == root else folder.relative_to(root).as_posix()


def _id(root: Path, folder: Path) -> str:
    """An id that is always the same for a folder, so that addresses with it remain valid."""
    name = folder.relative_to(root).as_posix().encode("utf-8", "surrogateescape")
    return hashlib.sha256(b"rpsg-view/1\0" + name).hexdigest()[:16]


def require_inside(root: Path, path: Path) -> Path:
    """``path`` if it is below ``root``, not private, and no part of it is a link.

    Raises:
        RunError: it is not such a path, or is not there. The message does not say which.
    """
    try:
        is_plain = path.resolve(strict=True) == path and path.is_relative_to(root)
        if is_plain and PRIVATE not in path.relative_to(root).parts:
            return path
    except OSError:
        pass
    raise RunError("The folder contains nothing with that name.", hint="Go back to the list of all runs.")
