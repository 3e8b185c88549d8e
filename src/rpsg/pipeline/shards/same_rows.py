"""A note for the operator on whether the shards read the files that they should.

It is private, and always written: that two files hold the same rows is a fact about the rows, so it decides
nothing that others can see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADING = (
    "# Notes for the operator\n\nThis file is private: whether two files hold the same rows is a fact about "
    "the rows.\n\n"
)


def notes_on(digests: Sequence[bytes], divided_by: str) -> str:
    """The note, from the digests of the files that the shards read, in their order."""
    return f"{_HEADING}{_of_sites(digests) if divided_by == 'site' else _of_one_file(digests)}\n"


def _of_one_file(digests: Sequence[bytes]) -> str:
    others = [str(k) for k, digest in enumerate(digests, 1) if digest != digests[0]]
    if not others:
        return "All shards read the same rows, as they should."
    return (
        f"These shards read other rows than shard 1: {', '.join(others)}. Somebody may have been counted in "
        "two shards, or in none. Count all shards from one file, in a new run."
    )


def _of_sites(digests: Sequence[bytes]) -> str:
    same = [
        f"{k} and {other}"
        for k, digest in enumerate(digests, 1)
        for other, theirs in enumerate(digests[k:], k + 1)
        if digest == theirs
    ]
    if not same:
        return "No two sites counted exactly the same rows."
    return (
        f"These sites counted exactly the same rows: {'; '.join(same)}. Everybody in them counted once for "
        "each, and is only protected like a group. Count each site from a file of its own, in a new run."
    )
