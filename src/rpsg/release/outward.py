"""A finished corpus as a data frame, an Arrow table, or a data set on a hub. Each needs its own package."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.display import printable
from rpsg.errors import ModelError, PrivacyError, RpsgError, UsageError, needed
from rpsg.storage.layout import LEDGER
from rpsg.storage.untrusted import HUB_FILES, copied, is_of_a_release

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
    bytes. A release that was pushed there before is replaced in the same commit: its files that the new one
    does not have are deleted, because a mixture of two releases is none.

    Raises:
        UsageError: the data set has files that are not of a release, or it is public and ``private`` is True;
            nothing was uploaded.
        PrivacyError: no guarantee covers all people behind the release, and ``without_guarantee`` is False.
        VerificationError: the folder has a link, or a file that does not belong in a release; nothing was
            uploaded.
        ModelError: the hub refuses (token, name, network).
        MissingExtraError: huggingface-hub is not installed.
    """
    if claim not in _FOR_EVERYBODY and not without_guarantee:
        raise PrivacyError(
            "Nothing was uploaded: no guarantee covers everybody whose texts this release was made from.",
            hint="If all of them agree to its publication: run.push(..., without_guarantee=True)",
        )
    hub = _needed("hf", "huggingface_hub")
    # Somebody may have put notes or an evaluation next to the corpus, so only a copy of checked files is
    # uploaded.
    try:
        with copied(release) as copy:
            api = hub.HfApi(token=token)
            api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            there = api.dataset_info(repository)
            if private:
                _require_private(repository, there.private)
            before = _pushed_before(repository, [file.rfilename for file in there.siblings or ()])
            # A file that is uploaded is replaced and not deleted, although its name is among these.
            api.upload_folder(
                folder_path=str(copy),
                repo_id=repository,
                repo_type="dataset",
                commit_message="Add a synthetic corpus and the evidence for its claim",
                delete_patterns=sorted(before) or None,
                parent_commit=there.sha,  # refused by the hub if somebody has changed it in the meantime
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
            f"The hub did not accept {repository} ({reason}).",
            hint="Sign in with `hf auth login`, or give token=.... The name must have the form OWNER/NAME.",
        ) from None
    return f"{api.endpoint}/datasets/{repository}"


def _require_private(repository: str, is_private: bool | None) -> None:
    """UsageError for a data set that is there already and is public."""
    if not is_private:
        raise UsageError(
            f"Nothing was uploaded: the data set {repository} is public, but this push would be private.",
            hint="Choose another name, make the data set private on the hub, or push the release into the "
            "public one with run.push(..., private=False).",
        )


def _pushed_before(repository: str, files: Sequence[str]) -> set[str]:
    """The files of the release that the data set has; a UsageError if it has others, which are not ours."""
    found = set(files) - HUB_FILES
    others = {name for name in found if not is_of_a_release(name)} if LEDGER in found else found
    if not others:
        return found
    shown = ", ".join(map(printable, sorted(others)[:3]))
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    raise UsageError(
        f"Nothing was uploaded: the data set {repository} has files that are not part of a released corpus "
        f"({shown}{more}).",
        hint="Choose a new name, or delete these files on the hub. Only a release that was pushed before "
        "may be there, and it is replaced.",
    )


def _needed(extra: str, package: str) -> Any:
    with needed(extra, package.replace("_", "-")):
        return import_module(package)
