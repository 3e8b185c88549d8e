"""Checks arguments that must be paths or names, so that no private text is mistaken for one.

Paths are written into plans and messages. A data frame or a list of texts can be turned into a string as
easily as a path, and private texts would then be in the plans and messages. No error repeats such a text.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_NOT_IN_A_LINE = set("\n\r\v\f\0\x1c\x1d\x1e\x85\u2028\u2029")
_SUFFIXES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".pq", ".toml", ".html"}
_AS_LINES = (
    'Save the texts as a file with one JSON object per line: file.write(json.dumps({"text": text}) + "\\n") '
    "for each text. Then give the path of that file."
)
_SAVED = (
    ("to_csv", 'Save it first: data.to_csv("private.csv", index=False). Then give "private.csv".'),
    ("write_csv", 'Save it first: data.write_csv("private.csv"). Then give "private.csv".'),
    (
        "to_pandas",
        'Save it first: pyarrow.parquet.write_table(data, "private.parquet"). Then give "private.parquet".',
    ),
)


def suggestion(name: str, known: Iterable[str]) -> str:
    """``Did you mean X? `` for the known name that is most like ``name``; empty if none is like it."""
    near = get_close_matches(name.casefold(), known, n=1, cutoff=0.55)
    return f"Did you mean {near[0]}? " if near else ""


def path_of(given: object, what: str) -> Path:
    """``given`` as a path.

    Raises:
        UsageError: ``given`` is neither a string nor a path, or is a string that can only be text. The error
            names its type, says how to save it as a file, and repeats none of its content.
    """
    if not isinstance(given, str | os.PathLike):
        raise UsageError(
            f"{what} must be the path of a file or folder, but this is a {type(given).__name__}. "
            "Nothing was read.",
            hint=next((hint for method, hint in _SAVED if hasattr(given, method)), _AS_LINES),
        )
    path = os.fspath(given)
    if not isinstance(path, str) or is_text(path):
        raise UsageError(
            f"{what} must be the path of a file or folder, but this is text. Nothing was read.",
            hint="A path is a single line, and each name in it has at most 255 bytes."
            if what == "out"
            else _AS_LINES,
        )
    return Path(path)


def name_of(given: object, what: str) -> str | None:
    """``given`` as a short name, of a column for instance, or None.

    Raises:
        UsageError: ``given`` is something else, such as the values of a column. The error names only its
            type.
    """
    if given is None or (isinstance(given, str) and not is_text(given)):
        return given
    kind = "text" if isinstance(given, str) else f"a {type(given).__name__}"
    raise UsageError(
        f"{what} must be a name, but this is {kind}.",
        hint="Give the name of the column exactly as it is in the file.",
    )


def is_text(given: str) -> bool:
    """Whether a string cannot be a path: it has several lines, or is longer than a path or a name can be."""
    if _NOT_IN_A_LINE & set(given) or len(given.encode(errors="replace")) > _LONGEST_PATH:
        return True
    return any(len(name.encode(errors="replace")) > _LONGEST_NAME for name in Path(given).parts)


def named_type(given: object) -> str:
    """What ``given`` is, for a message: its type, never its content."""
    kind = type(given).__name__
    return f"an {kind}" if kind[:1].lower() in "aeiou" else f"a {kind}"


def shown(path: Path) -> str:
    """How a message says that ``path`` does not exist; a path that looks like a text is not repeated."""
    looks_like_text = any(sign.isspace() for sign in str(path)) and path.suffix.lower() not in _SUFFIXES
    return "The path that was given" if looks_like_text else str(path)
