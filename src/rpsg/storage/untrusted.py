"""Copies an untrusted release before anything in it is read.

The folder may be hostile: links can lead to files of the reader, pipes never end, files grow or change
between reads. So every file is opened once, without following links, and copied up to a size limit for its
name; only the copy is used. Names that no release has are refused.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.disk.files import descriptor_of
from rpsg.disk.system import FOLDER, NO_WAITING, open_plain
from rpsg.errors import VerificationError
from rpsg.privacy.evidence import ANSWER_FILE
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.layout import (
    CANDIDATES,
    CARD,
    CHANGED,
    CORPUS,
    CROISSANT,
    CSV,
    EGRESS,
    EVIDENCE,
    FAILED,
    LEDGER,
    PACK,
    PARQUET,
    PLAN,
    RELEASE,
    REPORT,
    SIGNATURE,
    SUMMARY,
    TEXTS,
    VECTORS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIB, _MIB = 1 << 10, 1 << 20
#: The names that a release may have, each with its maximum size in bytes.
_FIXED = {
    LEDGER: 16 * _MIB,
    SIGNATURE: _KIB,
    SUMMARY: 16 * _MIB,
    CARD: 16 * _MIB,
    EGRESS: 4 * _MIB,
    CROISSANT: 4 * _MIB,
    REPORT: 256 * _MIB,
    **dict.fromkeys((CORPUS, CSV, PARQUET), 4096 * _MIB),
    **dict.fromkeys((f"{EVIDENCE}/{TEXTS}", f"{EVIDENCE}/{CANDIDATES}"), 8192 * _MIB),
    f"{EVIDENCE}/{VECTORS}": 4096 * _MIB,
    f"{EVIDENCE}/{FAILED}": 512 * _MIB,
    f"{EVIDENCE}/{CHANGED}": 64 * _KIB,
    f"{EVIDENCE}/{PLAN}": 64 * _KIB,
    f"{EVIDENCE}/{PACK}/pack.toml": 256 * _KIB,
}
NAMES: tuple[tuple[re.Pattern[str], int], ...] = (
    *((re.compile(re.escape(name)), most) for name, most in _FIXED.items()),
    (re.compile(f"{EVIDENCE}/{ANSWER_FILE.pattern}"), 256 * _MIB),
    (re.compile(rf"{EVIDENCE}/{PACK}/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,99}}\.(toml|txt)"), 4 * _MIB),
)
#: What a hub adds to a data set, and its client to a download. It is neither copied nor read.
HUB_FILES = frozenset({".gitattributes", ".cache"})
FOLDERS = frozenset({EVIDENCE, f"{EVIDENCE}/{PACK}"})
#: A release has a few dozen files.
MOST_FILES = 500
#: The most dots in a key: the memory that a TOML reader needs grows with the square of their number.
MOST_DOTS = 300
_BETWEEN_DOTS = re.compile(rb"[=\n,{}\[\]]")
CHUNK = 1 << 20
#: The longest line: each line is read into memory as a whole.
MOST_OF_A_LINE = 16 * _MIB


def release_in(path: Path) -> Path:
    """The release folder: ``path`` itself, or ``release`` in it. No file is opened.

    Raises:
        VerificationError: there is none.
        PrivacyError: a canary has blocked the run.
    """
    refuse_blocked(path)
    for folder in (path, path / RELEASE):
        if os.path.lexists(folder / LEDGER):
            return folder
    raise VerificationError(
        f"There is no release in {path}.",
        hint="Name a run folder that is finished, or the release folder of one.",
    )


@contextmanager
def copied(release: Path) -> Iterator[Path]:
    """A copy of the release in a temporary folder; with the errors of ``copy_release``.

    PrivacyError for the release of a run that a canary has blocked.
    """
    refuse_blocked(release.absolute().parent)
    with tempfile.TemporaryDirectory(prefix="rpsg-release-") as scratch:
        copy = Path(scratch) / RELEASE
        copy_release(release, copy)
        yield copy


def copy_release(release: Path, into: Path) -> None:
    """Copy every file of the folder ``release`` into the new folder ``into``.

    Raises:
        VerificationError: the folder cannot be read, or has a link, something that is not a regular file, a
            name that no release has, or a file that is too large.
    """
    into.mkdir()
    try:
        top = open_plain(release, FOLDER)
    except OSError:
        raise _refused("The release is not a folder that can be read, or it is a link.") from None
    try:
        _copy_folder(top, "", into, [0])
    except OSError as error:
        raise _refused(f"The release cannot be read ({error.strerror}).") from None
    finally:
        os.close(top)


def _copy_folder(folder: int, within: str, into: Path, seen: list[int]) -> None:
    with os.scandir(folder) as entries:
        names = []
        for entry in entries:
            seen[0] += 1
            if seen[0] > MOST_FILES:
                raise _refused(f"The release has more than {MOST_FILES} files.")
            names.append(entry.name)
    for name in sorted(names):
        full = f"{within}{name}"
        if full in HUB_FILES:
            continue
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and full in FOLDERS:
            with descriptor_of(name, FOLDER, within=folder) as inner:
                (into / full).mkdir()
                _copy_folder(inner, f"{full}/", into, seen)
        elif stat.S_ISREG(mode):
            _copy_file(folder, name, full, into)
        else:
            raise _refused(
                f"{_shown(full)} must be a file in a release, but here it is a link, a folder or a device."
            )


def _copy_file(folder: int, name: str, full: str, into: Path) -> None:
    most = _largest(full)
    if most is None:
        raise _refused(f"{_shown(full)} does not belong to a release.")
    with descriptor_of(name, NO_WAITING, within=folder) as source:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode):
            raise _refused(f"{_shown(full)} is not a plain file.")
        if facts.st_size > most:
            raise _refused(f"{_shown(full)} is larger than {most} bytes.")
        # The copy of a sparse file could fill the disk. An empty file has no hole to look for.
        if facts.st_size and os.lseek(source, 0, os.SEEK_HOLE) < facts.st_size:
            raise _refused(f"{_shown(full)} is a sparse file, and no file of a release is one.")
        os.lseek(source, 0, os.SEEK_SET)
        with (into / full).open("xb") as target:
            left, line = most, 0
            while chunk := os.read(source, min(CHUNK, left + 1)):
                left -= len(chunk)
                line = len(chunk) - 1 - end if (end := chunk.rfind(b"\n")) >= 0 else line + len(chunk)
                if left < 0:
                    raise _refused(f"{_shown(full)} is larger than {most} bytes.")
                if line > MOST_OF_A_LINE and name.endswith(".jsonl"):
                    raise _refused(f"{_shown(full)} has a line of more than {MOST_OF_A_LINE} bytes.")
                target.write(chunk)
    if name.endswith(".toml"):
        keys = _BETWEEN_DOTS.split((into / full).read_bytes())
        if any(key.count(b".") > MOST_DOTS for key in keys):
            raise _refused(f"{_shown(full)} has a line with more than {MOST_DOTS} dots.")


def is_of_a_release(name: str) -> bool:
    """Whether a file of a release can have this name, which includes its folders."""
    return _largest(name) is not None


def _largest(name: str) -> int | None:
    """The maximum size in bytes of a file with this name; None if no release has one."""
    return next((limit for pattern, limit in NAMES if pattern.fullmatch(name)), None)


def _refused(what: str) -> VerificationError:
    return VerificationError(
        what, hint="Nothing else was read. Get the release again from the person who made it."
    )


def _shown(name: str) -> str:
    """A name that somebody else chose, shortened and without characters that control a terminal."""
    return ascii(name if len(name) <= 100 else f"{name[:100]}...")
