"""Which run folders this installation made itself.

A run's plan may name models by path, servers, and the variables that hold their keys. These are used only if
the folder was created here: a whole run folder can come from somebody else, with a plan that they wrote. The
mark in the private folder is a keyed hash of the run's id and plan, under a secret key of this installation.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rpsg.disk.files import create_private, descriptor_of, private_dir, read_private
from rpsg.disk.system import NO_WAITING
from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.odometer import state_folder
from rpsg.storage.blocked import refuse_blocked
from rpsg.storage.layout import PLAN, PRIVATE, RELEASE, RUN
from rpsg.storage.untrusted import copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "installation.key"
MARK = "made-here"


def mark_own(run: Path) -> None:
    """Mark a new run folder as created here; no mark is made if the state folder cannot be written."""
    try:
        create_private(run / PRIVATE / MARK, _mark(run, _installation_key()))
    except (OSError, RunError):
        return


def is_own(run: Path) -> bool:
    """Whether the run folder was created here, with the plan that it has now."""
    try:
        key = read_private(state_folder() / KEY)
        return hmac.compare_digest(_read(run / PRIVATE / MARK), _mark(run, key))
    except (OSError, PrivacyError):
        return False


@contextmanager
def readable(release: Path) -> Iterator[Path]:
    """The release itself if its run was created here, else a copy; with the errors of ``copied``."""
    if release.name == RELEASE and is_own(release.absolute().parent):
        refuse_blocked(release.absolute().parent)
        yield release
    else:
        with copied(release) as copy:
            yield copy


def _mark(run: Path, installation: bytes) -> bytes:
    about, plan = (hashlib.sha256(_read(run / name)).digest() for name in (RUN, PLAN))
    return hmac.digest(installation, b"rpsg-made-here/1\0" + about + plan, hashlib.sha256).hex().encode()


def _read(path: Path) -> bytes:
    """A small regular file of a folder that may be untrusted; OSError for anything else."""
    with descriptor_of(path, NO_WAITING) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a plain file")
        return os.read(descriptor, 1 << 20)


def _installation_key() -> bytes:
    path = private_dir(state_folder().resolve()) / KEY
    with contextlib.suppress(FileExistsError):
        create_private(path, secrets.token_bytes(32))
    return read_private(path)
