"""Divides people into donors of seeds, voters, and people held out, before the data are used.

A keyed hash of the user (of the row, if it names no user) decides who is a donor and who is held out. Its key
comes from the operating system's generator, for this run. A list may name donors. Nobody is both donor and
voter, and a person's part does not depend on other people or on the order of the rows.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.records import PrivateCorpus
from rpsg.storage.readers.spelling import spelled_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rpsg.plan import Plan
    from rpsg.records import Document


def content_tag(key: bytes, purpose: str, row: Document) -> bytes:
    """256 bits that depend on the row, the purpose and the key, not on the row's position."""
    beside = tuple(value for _, value in row.columns)  # none in runs made before there were columns
    parts = (purpose, row.user, row.label, row.text, *beside)
    message = b"".join(
        b"-" if part is None else b"%d:" % len(body) + body
        for part in parts
        for body in [(part or "").encode(errors="surrogatepass")]
    )
    return hmac.digest(key, b"rpsg-row/1\0" + message, hashlib.sha256)


def by_draw(key: bytes, share: float, purpose: str = "donor") -> Callable[[Document], bool]:
    """A test whether a row's person was drawn, with probability ``share``; each purpose has its own draw."""
    limit = int(share * 2**64)

    def is_drawn(row: Document) -> bool:
        if row.user is None:
            tag = content_tag(key, purpose, row)
        else:
            who = row.user.encode(errors="surrogatepass")
            tag = hmac.digest(key, f"rpsg-{purpose}/1\0".encode() + who, hashlib.sha256)
        return int.from_bytes(tag[:8], "big") < limit

    return is_drawn


def in_shard(run: str, shard: int, shards: int) -> Callable[[Document], bool]:
    """A test whether a row's person is in this shard, from 1 on, by a public hash of the user.

    So all rows of a person are in one shard. For a row without a user, the content is hashed. ``run`` is the
    public id of the run.
    """
    key = hashlib.sha256(f"rpsg-shard/2\0{run}".encode()).digest()

    def is_mine(row: Document) -> bool:
        if row.user is None:
            tag = content_tag(key, "shard", row)
        else:  # the key is no secret, so it needs no HMAC, which would take four times as long
            tag = hashlib.sha256(key + row.user.encode(errors="surrogatepass")).digest()
        return int.from_bytes(tag[:8], "big") % shards == shard - 1

    return is_mine


def listed(plan: Plan) -> frozenset[str]:
    """The users in the plan's list of donors, one per line; users who are not in the data are ignored.

    Raises:
        UsageError: the list cannot be read.
    """
    try:
        lines = Path(plan.split.donor_list).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError("The list of donors cannot be read.", hint="See [split] donor_list.") from None
    return frozenset(user for line in lines if (user := spelled_text(line)) is not None)


def by_list(users: Collection[str]) -> Callable[[Document], bool]:
    """A test whether a row's user is on the list; a row without a user is not."""
    named = frozenset(users)
    return lambda row: row.user in named


def parted(
    corpus: PrivateCorpus, is_drawn: Callable[[Document], bool]
) -> tuple[PrivateCorpus, PrivateCorpus]:
    """The rows of those drawn (donors, or people held out) and of all others, each in file order."""
    drawn = tuple(row for row in corpus if is_drawn(row))
    others = tuple(row for row in corpus if not is_drawn(row))
    return PrivateCorpus(drawn), PrivateCorpus(others)
