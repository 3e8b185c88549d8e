"""A note for the operator on whether the shards read the files that they should.

It is private, and always written. Whether two files hold the same rows is a private fact, so nothing that
others can see depends on it. What was read for the first question is kept in the vault, so that the note
about the second question covers both.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rpsg.disk.json_text import canonical_json
from rpsg.pipeline.private_data import IS_PRIVATE, NOTES_HEAD, on_accounts
from rpsg.privacy.commitment import RowsRead
from rpsg.privacy.private import Private
from rpsg.storage.layout import SHARDS_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.storage.vault import Vault


def kept_readings(vault: Vault, question: int, digests: Private[list[bytes]]) -> Private[list[RowsRead]]:
    """All readings of this run, with the one for ``question`` that is now merged, kept in the vault.

    The same files merged again add no reading. A reading of other rows is kept in addition to the first one,
    because noise may have been drawn for either.
    """

    def add(found: list[bytes]) -> list[RowsRead]:
        readings = _read(vault) if vault.exists(SHARDS_ROWS) else []
        now = RowsRead(question, [digest.hex() for digest in found])
        readings += [] if now in readings else [now]
        body = {"format": "rpsg-shards-rows/1", "readings": [asdict(each) for each in readings]}
        vault.write(SHARDS_ROWS, canonical_json(body))
        return readings

    return digests.map(add)


def known_readings(vault: Vault) -> Private[list[RowsRead]] | None:
    """What the shards of this run have read so far; None before the first merge."""
    return Private(_read(vault)) if vault.exists(SHARDS_ROWS) else None


def _read(vault: Vault) -> list[RowsRead]:
    return [RowsRead(**each) for each in json.loads(vault.read(SHARDS_ROWS))["readings"]]


def notes_on(readings: Sequence[RowsRead], divided_by: str, account: str, others: list[str]) -> str:
    """The note, made from what all shards have read, and from ``others``: other accounts to which one of
    these files was charged.
    """
    told = _of_sites if divided_by == "site" else _of_one_file
    parts = [f"Question {each.question}: {told(each.rows)}\n\n" for each in readings]
    parts += [_of_another_time(readings[0], later) for later in readings[1:]]
    return "".join((NOTES_HEAD, IS_PRIVATE, *parts, on_accounts(account, others)))


def _of_another_time(first: RowsRead, later: RowsRead) -> str:
    """Whether shards read the same rows as the first time."""
    when = "the second time" if later.question != first.question else "when they were merged again"
    pairs = enumerate(zip(first.rows, later.rows, strict=True), 1)
    others = [str(k) for k, (before, now) in pairs if before != now]
    if not others:
        return f"Each shard read the same rows {when}.\n\n"
    return (
        f"These shards did not read the same rows {when}: {', '.join(others)}. So the noisy answers of this "
        f"run are "
        "about different texts. Count all shards from the same files each time, in a new run.\n\n"
    )


def _of_one_file(digests: Sequence[str]) -> str:
    others = [str(k) for k, digest in enumerate(digests, 1) if digest != digests[0]]
    if not others:
        return "All shards read the same rows, as they should."
    return (
        f"These shards read other rows than shard 1: {', '.join(others)}. Somebody may have been counted in "
        "two shards, or in none. Count all shards from one file, in a new run."
    )


def _of_sites(digests: Sequence[str]) -> str:
    same = [
        f"{k} and {other}"
        for k, digest in enumerate(digests, 1)
        for other, theirs in enumerate(digests[k:], k + 1)
        if digest == theirs
    ]
    if not same:
        return "No two sites counted exactly the same rows."
    return (
        f"These sites counted exactly the same rows: {'; '.join(same)}. Everybody in them was counted once "
        f"for each of these sites, and has only the weaker guarantee for groups. Count each site from a "
        f"file of its own, in a new run."
    )
