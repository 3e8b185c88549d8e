"""The noisy vectors as public files: one for each mechanism, with its hash in the ledger.

Each holds the hash of the stage plan and its position in that plan, so that it fits no other run or step. It
also holds the random id of its draw, for which the account book has a charge. They are DP outputs, and all a
replay needs.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rpsg.disk.files import write_atomic
from rpsg.disk.json_text import canonical_ascii_json, strict_json
from rpsg.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from rpsg.privacy.histogram import IntArray

SCHEMA = "rpsg-evidence/2"
_DRAW = re.compile(r"[0-9a-f]{32}")
#: The name of a file with one noisy answer.
ANSWER_FILE = re.compile(r"release-[0-9]{3,}\.json")

Selected = list[tuple[str, int]]
#: A token: its number in the vocabulary and its bytes, as text of one character for each byte. The empty
#: piece ends a text.
Token = tuple[int, str]
Texts = tuple[tuple[Token, ...], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One release: ``values`` of a histogram or a sum, ``items`` with their counts, or ``texts`` in tokens.

    ``draw`` is the id of the one draw of noise that made it: 128 random bits in hexadecimal.
    """

    plan_sha256: str
    seq: int
    stage: str
    draw: str
    values: tuple[int, ...] | None = None
    items: tuple[tuple[str, int], ...] | None = None
    texts: Texts | None = None

    def histogram(self) -> IntArray:
        """The noisy counts or the noisy sum, int64 of shape (dim,)."""
        if self.values is None:
            raise RunError(f"The evidence of stage {self.stage} is not a histogram.")
        return np.array(self.values, dtype=np.int64)

    def selected(self) -> Selected:
        """The released strings with their noisy counts, in the order of the strings."""
        if self.items is None:
            raise RunError(f"The evidence of stage {self.stage} is not a selection.")
        return list(self.items)

    def sampled(self) -> Texts:
        """The tokens of each text that was drawn."""
        if self.texts is None:
            raise RunError(f"The evidence of stage {self.stage} holds no texts.")
        return self.texts

    def to_bytes(self) -> bytes:
        body: dict[str, object] = {
            "schema": SCHEMA,
            "plan_sha256": self.plan_sha256,
            "seq": self.seq,
            "stage": self.stage,
            "draw": self.draw,
        }
        held = {"values": self.values, "items": self.items, "texts": self.texts}
        body |= {name: content for name, content in held.items() if content is not None}
        return canonical_ascii_json(body) + b"\n"


def evidence_file(folder: Path, seq: int) -> Path:
    return folder / f"release-{seq:03d}.json"


def evidence_names(folder: Path) -> set[str]:
    """The names of all files with noisy answers in ``folder``."""
    return {p.name for p in folder.glob("*") if ANSWER_FILE.fullmatch(p.name)}


def read_answers(folder: Path) -> list[Evidence]:
    """All noisy answers in ``folder``, in the order of their files; RunError as ``parse_evidence``."""
    return [parse_evidence((folder / name).read_bytes()) for name in sorted(evidence_names(folder))]


def write_evidence(folder: Path, evidence: Evidence, scratch: Path) -> str:
    """Write the file atomically and return its SHA-256; RunError if the disk refuses.

    It is first written to ``scratch``, a private folder on the same file system: a second vector for one
    answer must never be visible to others, not even in part.
    """
    return write_atomic(evidence_file(folder, evidence.seq), evidence.to_bytes(), 0o644, scratch=scratch)


def read_back(
    path: Path, expected: tuple[str, int, str], sha256: str | None, draws: Collection[str]
) -> Evidence:
    """The evidence in a run folder, which must fit ``expected`` and one of ``draws``.

    Raises:
        RunError: it is the evidence of another query, or does not have this hash.
    """
    content = path.read_bytes()
    is_same = sha256 in {None, hashlib.sha256(content).hexdigest()}
    with suppress(ValueError):
        evidence = parse_evidence(content)
        found = (evidence.plan_sha256, evidence.seq, evidence.stage)
        if is_same and found == expected and evidence.draw in draws:
            return evidence
    raise RunError(
        f"The evidence of stage {expected[2]} was changed, or is of another version of RPSG.",
        hint="Restore the evidence folder, or start a new run.",
    )


def parse_evidence(content: bytes) -> Evidence:
    """The evidence in a file's bytes.

    Raises:
        ValueError: it was not written by ``to_bytes``.
    """
    body = strict_json(content)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise ValueError("this is no evidence file")
    values, items, texts = body.get("values"), body.get("items"), body.get("texts")
    evidence = Evidence(
        checked_text(body.get("plan_sha256")),
        _whole(body.get("seq")),
        checked_text(body.get("stage")),
        _draw_id(body.get("draw")),
        None if values is None else tuple(_whole(v) for v in _list(values)),
        None if items is None else tuple(_item(i) for i in _list(items)),
        None if texts is None else tuple(tuple(map(parse_token, _list(text))) for text in _list(texts)),
    )
    if (values, items, texts).count(None) != 2 or evidence.to_bytes() != content:
        raise ValueError("the evidence is not in its canonical form")
    return evidence


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list was expected")  # noqa: TRY004  # one error type for one kind of damage
    return value


def checked_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text was expected")  # noqa: TRY004  # as above
    return value


def _draw_id(value: Any) -> str:
    if _DRAW.fullmatch(checked_text(value)) is None:
        raise ValueError("the id of a draw has 32 hexadecimal digits")
    return str(value)


def _whole(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("a whole number was expected")
    return value


def parse_token(value: Any) -> Token:
    """A token as JSON has it: its number, and its bytes as characters.

    Raises:
        ValueError: it is not a token.
    """
    pair = _list(value)
    if len(pair) != 2 or max(map(ord, checked_text(pair[1])), default=0) > 255:
        raise ValueError("a token is a number and a text of bytes")
    return _whole(pair[0]), checked_text(pair[1])


def _item(value: Any) -> tuple[str, int]:
    pair = _list(value)
    if len(pair) != 2:
        raise ValueError("an item is a text and a count")
    return checked_text(pair[0]), _whole(pair[1])
