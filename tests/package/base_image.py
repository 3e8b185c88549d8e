"""A stand-in for the base image of the container file, for machines that can reach no registry of images.

It is the release of Debian that the base image is made from, with Debian's own Python in place of the one
that the base image brings. Its packages come from the archive that this machine installs from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotBeMadeError(Exception):
    """Why there is no stand-in on this machine, in one sentence."""


def stand_in(buildah: Sequence[str], name: str, folder: Path) -> None:
    """Put a stand-in called ``name`` into the store of ``buildah``.

    The name ends in that of a release of Debian. ``folder`` is where its files are put; it must not exist.
    Raises CannotBeMadeError.
    """
    if os.geteuid():
        raise CannotBeMadeError("only root can make a stand-in for the base image")
    if shutil.which("debootstrap") is None:
        raise CannotBeMadeError("the stand-in for the base image needs debootstrap")
    _do(
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        name.rpartition("-")[2],
        folder,
        _archive(),
    )
    (folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    if CERTIFICATES.is_file():  # a network may have an authority of its own
        shutil.copy(CERTIFICATES, folder / CERTIFICATES.relative_to("/"))
    container = _do(*buildah, "from", "scratch").strip()
    _do(*buildah, "copy", container, folder, "/")
    _do(*buildah, "config", "--env", f"PATH={PATH}", container)
    # Where no container may be started this fails, and nothing of ours is at fault.
    _do(*buildah, "run", container, "--", "python", "-c", "import venv")
    _do(*buildah, "commit", "--quiet", container, name)
    _do(*buildah, "rm", container)


def can_install(buildah: Sequence[str], name: str) -> bool:
    """Whether a package can be installed in a container of the image ``name``."""
    container = _do(*buildah, "from", name).strip()
    script = "python -m venv /new && /new/bin/pip download --quiet --no-deps --dest /new pip"
    done = subprocess.run(
        [*buildah, "run", container, "--", "sh", "-c", script], capture_output=True, check=False
    )
    _do(*buildah, "rm", container)
    return done.returncode == 0


def _archive() -> str:
    """The archive of Debian that this machine installs from."""
    wanted = ("--format", "$(SITE)", "Created-By: Packages", "Origin: Debian", "Component: main")
    if shutil.which("apt-get") is None or not (found := _do("apt-get", "indextargets", *wanted).split()):
        raise CannotBeMadeError("the stand-in for the base image needs a Debian after apt-get update")
    return found[0]


def _do(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotBeMadeError(f"no stand-in for the base image: {words[0]} failed: {''.join(last)}")
    return done.stdout
