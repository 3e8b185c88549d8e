"""Who gives seeds and who votes: decided for each person alone, before anything of theirs is used.

A person is a donor by a keyed hash of who they are (or of the row, where nobody says whose it is), with a key
that the operating system's generator made for this run, or because a list names them. Nobody is both, and
who somebody is does not depend on anybody else or on the order of the rows.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.records import Corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rpsg.plan import Plan
    from rpsg.records import Document


def content_tag(key: bytes, purpose: str, row: Document) -> bytes:
    """256 bits that depend on the row, the purpose and the key, not on where the row stands."""
    parts = (purpose, row.user, row.label, row.text)
    message = b"".join(
        b"-" if part is None else b"%d:" % len(body) + body
        for part in parts
        for body in [(part or "").encode(errors="surrogatepass")]
    )
    return hmac.digest(key, b"rpsg-row/1\0" + message, hashlib.sha256)


def by_draw(key: bytes, share: float) -> Callable[[Document], bool]:
    """Says of a row whether its person is among ``share`` of all people."""
    limit = int(share * 2**64)

    def is_donor(row: Document) -> bool:
        if row.user is None:
            tag = content_tag(key, "donor", row)
        else:
            who = row.user.encode(errors="surrogatepass")
            tag = hmac.digest(key, b"rpsg-donor/1\0" + who, hashlib.sha256)
        return int.from_bytes(tag[:8], "big") < limit

    return is_donor


def listed(plan: Plan) -> frozenset[str]:
    """The users that the plan's list of donors names, one a line; whoever is not in the data is ignored.

    Raises:
        UsageError: the list cannot be read.
    """
    try:
        lines = Path(plan.split.donor_list).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError("The list of donors cannot be read.", hint="See [split] donor_list.") from None
    return frozenset(line.strip() for line in lines if line.strip())


def by_list(users: Collection[str]) -> Callable[[Document], bool]:
    """Says of a row whether its person is on the list; a row of nobody is not."""
    named = frozenset(users)
    return lambda row: row.user in named


def parted(corpus: Corpus, is_donor: Callable[[Document], bool]) -> tuple[Corpus, Corpus]:
    """The rows of donors and those of voters, each in file order."""
    donors = tuple(row for row in corpus if is_donor(row))
    voters = tuple(row for row in corpus if not is_donor(row))
    return Corpus(donors), Corpus(voters)
