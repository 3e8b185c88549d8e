"""A finished corpus as a data frame, an Arrow table, or a data set on a hub. Each needs its own package."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, PrivacyError, RpsgError, needed
from rpsg.storage.untrusted import copied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_OWN = ("id", "text", "label", "claim", "turns")
#: The claims of releases that protect everybody in the data, or that read no data.
_FOR_EVERYBODY = {"end_to_end_dp", "no_private_data"}


def columns_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The corpus column by column, as in ``corpus.csv``: id, text, label, turns, columns, attributes."""
    beside = sorted({name for row in records for name in row} - {*_OWN, "attributes"})
    first = [name for name in _OWN if any(name in row for row in records)]
    own = {name: [row.get(name) for row in records] for name in (*first, *beside)}
    names = sorted({name for row in records for name in row.get("attributes", {})})
    titles = {name: f"attribute_{name}" if name in {*_OWN, *beside} else name for name in names}
    return own | {
        title: [row.get("attributes", {}).get(name) for row in records] for name, title in titles.items()
    }


def to_pandas(records: Sequence[Mapping[str, Any]]) -> Any:
    """A ``pandas.DataFrame`` with one row per text; MissingExtraError without pandas."""
    return _needed("frames", "pandas").DataFrame(columns_of(records))


def to_arrow(records: Sequence[Mapping[str, Any]]) -> Any:
    """A ``pyarrow.Table`` with one row per text; MissingExtraError without pyarrow."""
    return _needed("parquet", "pyarrow").table(columns_of(records))


def push(
    release: Path, claim: str, repository: str, *, private: bool, token: str | None, without_guarantee: bool
) -> str:
    """Upload a release folder as a data set ``OWNER/NAME`` of the Hugging Face hub; returns its address.

    The files of the release are uploaded unchanged, so that ``rpsg verify`` of a download checks the same
    bytes.

    Raises:
        PrivacyError: no guarantee covers all people behind the release, and ``without_guarantee`` is False.
        VerificationError: the folder has a link, or a file that does not belong in a release; nothing was
            uploaded.
        ModelError: the hub refuses (token, name, network).
        MissingExtraError: huggingface-hub is not installed.
    """
    if claim not in _FOR_EVERYBODY and not without_guarantee:
        raise PrivacyError(
            "Nothing was uploaded: no guarantee covers everybody whose texts this release was made from.",
            hint="If all of them agree that it is published: run.push(..., without_guarantee=True)",
        )
    hub = _needed("hf", "huggingface_hub")
    # Somebody may have put notes or an evaluation next to the corpus, so only a copy of checked files is
    # uploaded.
    try:
        with copied(release) as copy:
            api = hub.HfApi(token=token)
            api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            api.upload_folder(
                folder_path=str(copy),
                repo_id=repository,
                repo_type="dataset",
                commit_message="Add a synthetic corpus and the evidence for its claim",
            )
    except RpsgError:
        raise
    except Exception as error:  # noqa: BLE001  # its class depends on the version
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is None and re.search("Connect|Timeout|Unreachable", type(error).__name__):
            raise ModelError(
                f"The hub {api.endpoint} cannot be reached ({type(error).__name__}).",
                hint="Check the network, and HF_ENDPOINT if you use another hub. Or upload the folder "
                f"{release} yourself.",
            ) from None
        reason = f"HTTP {status}" if status else type(error).__name__
        raise ModelError(
            f"The hub did not take {repository} ({reason}).",
            hint="Sign in with `hf auth login`, or give token=.... The name must have the form OWNER/NAME.",
        ) from None
    return f"{api.endpoint}/datasets/{repository}"


def _needed(extra: str, package: str) -> Any:
    with needed(extra, package.replace("_", "-")):
        return import_module(package)
