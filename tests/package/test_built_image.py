"""The image of the container file is built from a clone, and the demo runs inside, by a user without rights.

This needs buildah and, for the build, an index of packages. Words for ``buildah build`` that a machine needs,
such as a volume with the settings of pip, are in ``BUILD_OPTIONS``.

If the base image is not in the store of this machine, a stand-in takes its place, in a store that the test
removes. This tests every instruction of the container file and what it installs, with Debian's Python. It
does not test the Python of the base image. The demo has the fake writer, because the default one takes
minutes. ``.ci/run`` installs what a stand-in needs. Where one cannot be made, the test
is skipped and says why.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.package.base_image import CannotBeMadeError, can_install, stand_in
from tests.package.conftest import TREE, called

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKES = ("--writer", "fake", "--embedder", "fake")
(BASE,) = set(re.findall(r"^FROM (\S+)", (TREE / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE))
NAME = "rpsg-of-the-tests"
#: Bytes of free memory.
ROOM = 4 << 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.weights,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        shutil.which("buildah") is None, reason="buildah is not installed (Debian: apt-get install buildah)"
    ),
]


def has_base(*buildah: str) -> bool:
    looked = [*buildah, "inspect", "--type", "image", BASE]
    return subprocess.run(looked, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The command, with a store that has the base image or a stand-in for it."""
    if has_base("buildah"):
        yield ("buildah",)
        return
    folder = tmp_path_factory.mktemp("store")
    # In memory if that is allowed and there is enough: thousands of files are synced to disk one by one, and
    # other tests, which sync theirs, would wait for minutes.
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > ROOM:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False)
    command = ("buildah", "--root", f"{folder}/root", "--runroot", f"{folder}/runroot")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUILDAH_ISOLATION", "chroot")  # works in a container, too
        try:
            stand_in(command, BASE, folder / "debian")
            yield command
        except CannotBeMadeError as reason:
            pytest.skip(str(reason))
        finally:
            mounted = [line.split()[1] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
            for place in reversed([place for place in mounted if Path(place).is_relative_to(folder)]):
                subprocess.run(["umount", place], check=True)
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def container(buildah: tuple[str, ...], clone: Path) -> Iterator[str]:
    """The name of a container of the built image; without it and its image afterwards."""
    more = shlex.split(os.environ.get("BUILD_OPTIONS", ""))
    words = ("build", "--format", "docker", "-t", NAME, *more, "-f", "Containerfile", ".")
    try:
        called(*buildah, *words, cwd=clone)
    except AssertionError:
        if can_install(buildah, BASE):
            raise
        pytest.skip("no package can be installed in a container on this machine")
    made = called(*buildah, "from", NAME).strip()
    yield made
    called(*buildah, "rm", made)
    called(*buildah, "rmi", NAME)


def test_the_demo_runs_inside_by_a_user_without_rights(
    buildah: tuple[str, ...], container: str, pulled_models: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    for path in (tmp_path, tmp_path / "state"):
        shutil.chown(path, 10001, 10001)
    folders = (
        *(f"{tmp_path}:/work", f"{tmp_path}/state:/state"),
        *(f"{pulled_models}:/state/models:ro", f"{TREE}/examples/demo:/demo:ro"),
    )
    volumes = [word for folder in folders for word in ("--volume", folder)]

    def typed(*words: str) -> str:
        return called(*buildah, "run", "--user", "10001:10001", *volumes, container, "--", *words)

    assert "A run can start." in typed("rpsg", "doctor", *FAKES)
    said = typed("env", "WRITER=fake", "ROWS=200", "python", "/demo/demo.py")
    assert "The claim holds" in said
    corpus = tmp_path / "demo-run-fake" / "release" / "corpus.jsonl"
    assert len(corpus.read_text(encoding="utf-8").splitlines()) == 60
