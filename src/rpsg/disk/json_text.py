"""Canonical JSON, with one encoding for each value, to be hashed and compared, and a strict reader.

There are two encodings, because existing releases and stores contain hashes of both and must keep verifying:

    canonical_json          UTF-8    files of a run, replies, candidates, the corpus, keys of requests
    canonical_ascii_json    ASCII    what a ledger commits to: its seal, evidence, the commitment to the data

They agree on printable ASCII text. In new code use ``canonical_json``, unless a ledger holds a hash of the
bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Never

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_SEPARATORS = re.compile("[\u2028\u2029]")
_NESTED = (dict, list, tuple)
# Made once, because each text and request of a run is encoded several times.
_ANY, _ASCII = (
    json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=ascii_only, allow_nan=False)
    for ascii_only in (False, True)
)


def canonical_json(value: Any) -> bytes:
    """UTF-8: keys sorted, no spaces, only the necessary escapes.

    Raises:
        ValueError: a NaN, an infinity or half a surrogate pair.
        TypeError: something is not a JSON value, or a key is not a string.
    """
    return _encoded(value, ascii_only=False).encode()


def canonical_ascii_json(value: Any) -> bytes:
    r"""ASCII: as ``canonical_json``, but every other character is an escape such as ``\u00e9``.

    It encodes any string, even half a surrogate pair, so that a commitment to rows never fails because of a
    text. The other errors are those of ``canonical_json``.
    """
    return _encoded(value, ascii_only=True).encode("ascii")


def _encoded(value: Any, *, ascii_only: bool) -> str:
    # json.dumps writes the keys 1 and "1" alike, so two different values would have the same hash. The search
    # is not recursive: a ledger of somebody else may be nested deeper than Python's call stack.
    to_check = [value] if isinstance(value, _NESTED) else []
    while to_check:
        inner = to_check.pop()
        if isinstance(inner, dict) and any(not isinstance(key, str) for key in inner):
            raise TypeError("canonical JSON takes only strings as keys")
        held = inner.values() if isinstance(inner, dict) else inner
        to_check += [each for each in held if isinstance(each, _NESTED)]
    return (_ASCII if ascii_only else _ANY).encode(value)


def tagged_sha256(tag: str, value: Any) -> str:
    """SHA-256 in hex of ``rpsg:<tag>``, a zero byte and the canonical JSON (UTF-8) of ``value``.

    The tag ensures that a hash made for one purpose cannot pass for a hash made for another. Errors as
    ``canonical_json``.
    """
    return hashlib.sha256(f"rpsg:{tag}\0".encode() + canonical_json(value)).hexdigest()


def strict_json(text: bytes | str) -> Any:
    """Parsed JSON.

    Raises:
        ValueError: the text is not JSON, repeats a key, is nested too deeply, or contains NaN, Infinity or a
            number that overflows to Infinity.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def whole(text: str) -> str:
    """``text`` with halves of surrogate pairs, which UTF-8 cannot hold, as replacement characters."""
    return _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", text)


def as_kept(text: str) -> str:
    """A new text of a writer as it is kept: ``whole``, and with line feeds for the line and paragraph
    separators of Unicode. JSON need not escape these, but many tools end a line there.

    Not for texts of a release, which have to stay as they are.
    """
    return _SEPARATORS.sub("\n", whole(text))


def is_number(value: object) -> bool:
    """Whether it is a number of JSON, which True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return value
