"""The image of the container file is built from a clone, and makes and verifies a release inside.

This needs buildah, the base image in its store, and for the build an index of packages. Words for
``buildah build`` that a machine needs, such as a volume with the settings of pip, are in ``BUILD_OPTIONS``;
where no container can be started inside another, it also needs ``BUILDAH_ISOLATION=chroot``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.package.conftest import TREE, called

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAKES = ("--writer", "fake", "--embedder", "fake")
(BASE,) = set(re.findall(r"^FROM (\S+)", (TREE / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE))
NAME = "rpsg-of-the-tests"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        shutil.which("buildah") is None, reason="buildah is not installed (Debian: apt-get install buildah)"
    ),
]


@pytest.fixture(scope="module")
def container(clone: Path) -> Iterator[str]:
    """The name of a container of the built image; without it and its image afterwards."""
    here = ["buildah", "inspect", "--type", "image", BASE]
    if subprocess.run(here, capture_output=True, check=False).returncode:
        pytest.skip(f"the base image is not here: buildah pull {BASE}")
    more = shlex.split(os.environ.get("BUILD_OPTIONS", ""))
    called("buildah", "build", "--format", "docker", "-t", NAME, *more, "-f", "Containerfile", ".", cwd=clone)
    made = called("buildah", "from", NAME).strip()
    yield made
    called("buildah", "rm", made)
    called("buildah", "rmi", NAME)


def test_a_release_is_made_and_verified_inside_by_a_user_without_rights(
    container: str, tmp_path: Path
) -> None:
    rows = ["text,user", *(f"the tea of person {n} was cold,u{n}" for n in range(300))]
    (tmp_path / "notes.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    for path in (tmp_path, tmp_path / "state", tmp_path / "notes.csv"):
        shutil.chown(path, 10001, 10001)

    def typed(*words: str) -> str:
        folders = (f"{tmp_path}:/work", f"{tmp_path}/state:/state")
        volumes = [word for folder in folders for word in ("--volume", folder)]
        return called("buildah", "run", "--user", "10001:10001", *volumes, container, "--", "rpsg", *words)

    assert "A run can start." in typed("doctor", *FAKES)
    typed("run", "notes.csv", "--user", "user", *FAKES, "--size", "10", "-o", "run")
    assert "The claim holds" in typed("verify", "run")
