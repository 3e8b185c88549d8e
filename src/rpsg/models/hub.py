"""Single GGUF files from a model hub, for those who have huggingface_hub installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import MissingExtraError, ModelError, UsageError
from rpsg.models.gguf import is_gguf
from rpsg.telemetry import go_online

if TYPE_CHECKING:
    from pathlib import Path


def where_hub_file_is(identity: str, home: Path) -> Path:
    """The place of ``owner/repo/path/file.gguf`` under the folder of models."""
    owner, repository, file = _split(identity)
    return home / "hub" / f"{owner}--{repository}" / file


def pull_from_hub(identity: str, home: Path) -> Path:
    """Download ``owner/repo/path/file.gguf`` and say where it is. Raises ModelError when it cannot be had."""
    owner, repository, file = _split(identity)
    place = where_hub_file_is(identity, home)
    if is_gguf(place):
        return place
    go_online()
    try:
        import huggingface_hub  # noqa: PLC0415 - optional package
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError("hf", "huggingface_hub") from None
    try:
        folder = home / "hub" / f"{owner}--{repository}"
        huggingface_hub.hf_hub_download(f"{owner}/{repository}", file, local_dir=folder)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelError(
            f"{file} of {owner}/{repository} could not be downloaded ({type(error).__name__}).",
            hint="Check the name and the network; HF_ENDPOINT sets a mirror, HF_TOKEN opens gated models.",
        ) from error
    if not is_gguf(place):
        raise ModelError(f"{file} is not a GGUF file.", hint="Choose a file whose name ends in .gguf.")
    return place


def _split(identity: str) -> tuple[str, str, str]:
    owner, _, rest = identity.partition("/")
    repository, _, file = rest.partition("/")
    if not (owner and repository and file) or ".." in file.split("/"):
        raise UsageError(
            "A file of the hub is named by owner, repository and file.",
            hint="For example: rpsg models pull hf:OWNER/REPO/FILE.gguf",
        )
    return owner, repository, file
