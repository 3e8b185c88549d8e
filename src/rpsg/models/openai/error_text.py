"""What a server says of its own error, for whoever runs the program: short, on one line, without the key.

Only about public requests: a server may quote what it was sent.
"""

from __future__ import annotations

import json
import os
from typing import Any

from rpsg.storage.export import printable

_LONGEST = 200
_NAMES = ("message", "detail", "error", "msg", "error_description")


def server_words(body: bytes, key_env: str = "") -> str:
    """The server's own message in the body of an error; "" when there is none that can be shown."""
    try:
        said = _message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    line = " ".join(printable(said).split())
    if key := os.environ.get(key_env, "").strip():
        line = line.replace(key, "(the key)")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rstrip()} ..."


def with_words(reason: str, words: str) -> str:
    """A reason with what the server said, if it said anything."""
    return f'{reason}: "{words}"' if words else reason


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and depth < len(_NAMES):
        return _message(value[0], depth + 1)
    if isinstance(value, dict) and depth < len(_NAMES):
        found = (_message(value[name], depth + 1) for name in _NAMES if name in value)
        return next(filter(None, found), "")
    return ""
