"""The file that says what every shard is asked in one round. It is public, and each shard gets the same.

The first round asks for everything that can be asked before there are drafts, the second for the sketch, in
features that are fitted to the drafts. A task names the run, its plan, the models that read private texts,
the program, and the key for which sums are sealed. Its hash is in every answer, so that an answer to another
question is refused.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from rpsg.disk.files import PUBLIC_MODE, write_atomic
from rpsg.disk.json_text import strict_json
from rpsg.errors import DataError, RpsgError, UsageError
from rpsg.methods.written_questions import read_questions, write_questions
from rpsg.plan import resolve
from rpsg.privacy.ledger import code_facts

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.methods.written_questions import Asked
    from rpsg.plan import Plan
    from rpsg.privacy.histogram import Query

_FORMAT = "rpsg-question/1"
#: The largest question file that is read; no plan leads to a larger one.
_LARGEST = 1 << 29


def this_program() -> dict[str, str]:
    """The version of RPSG and the hash of its sources."""
    facts = code_facts()
    return {name: str(facts[name]) for name in ("version", "source_sha256")}


@dataclass(frozen=True, slots=True)
class About:
    """What a task says besides its questions.

    ``plan`` is the public plan as TOML, ``fingerprint`` the hash of plan, pack and models. ``rows_key`` (hex)
    orders the rows of each person, because only some of them take part. ``recipient`` (hex) is the public key
    for which sums are sealed.
    """

    run_id: str
    number: int
    shards: int
    divided_by: str
    plan: str
    fingerprint: str
    embedder: str
    sentiment: str
    program: dict[str, str]
    rows_key: str
    recipient: str


@dataclass(frozen=True, slots=True)
class ShardTask:
    """What every shard is asked in one round, and the bytes of the file that says so."""

    about: About
    asked: tuple[Asked, ...]
    content: bytes

    @classmethod
    def of(cls, about: About, asked: tuple[Asked, ...]) -> Self:
        body = {"format": _FORMAT, "about": asdict(about), **write_questions(asked)}
        # The order of keys is kept, because the order of a pack's groups decides how they are counted.
        text = json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return cls(about, asked, text.encode() + b"\n")

    @classmethod
    def read(cls, file: Path) -> Self:
        """The task in a file.

        Raises:
            UsageError: there is no such file.
            DataError: it is not a question, or another version of RPSG wrote it.
        """
        try:
            with file.open("rb") as opened:
                content = opened.read(_LARGEST)
        except OSError as error:
            raise UsageError(
                f"{file} cannot be read: {error.strerror}.",
                hint="Name the question file that rpsg shards or rpsg merge wrote.",
            ) from None
        try:
            body: Any = strict_json(content)
            task = cls(About(**body["about"]), read_questions(body), content)
            if body["format"] == _FORMAT and task._is_whole():
                return task
        except (ValueError, LookupError, TypeError, AttributeError, RpsgError):
            pass
        raise DataError(
            f"{file} is not a question file for shards, or is damaged.",
            hint="Copy it again from the run folder.",
        )

    def _is_whole(self) -> bool:
        """Whether its parts are of the right kind, and are about the same plan."""
        about, data = self.about, self.plan_for("").data
        keys = (bytes.fromhex(about.rows_key), bytes.fromhex(about.recipient))
        same = (about.shards, about.divided_by) == (data.shards, data.divided_by)
        same = same and type(about.shards) is type(about.number) is int
        return same and about.shards > 1 and bool(self.asked) and {len(key) for key in keys} == {32}

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file, 32 bytes."""
        return hashlib.sha256(self.content).digest()

    @property
    def queries(self) -> tuple[Query, ...]:
        return tuple(query for query, _ in self.asked)

    @property
    def fingerprint(self) -> str:
        """The first 128 bits of ``digest``, in groups of four letters, to be compared by people.

        It covers the whole question, since the plan in the question also decides what is done with the
        private texts.
        """
        told = self.digest.hex()[:32]
        return "-".join(told[i : i + 4] for i in range(0, 32, 4))

    def plan_for(self, data: str) -> Plan:
        """The plan, for the private texts in the file ``data``."""
        plan = resolve(tomllib.loads(self.about.plan))
        return plan.model_copy(update={"data": plan.data.model_copy(update={"path": data})})

    def write(self, file: Path) -> None:
        """Write the file; RunError if the disk refuses."""
        write_atomic(file, self.content, PUBLIC_MODE)
