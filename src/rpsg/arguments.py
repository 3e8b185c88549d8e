"""What a caller gives as a path, looked at by its type first: text is never taken for a path, nor repeated.

A data frame, a list of texts or a text itself turns into a string as willingly as a path does, and a path is
written into the plan of a run and into messages.
"""

from __future__ import annotations

import os
from pathlib import Path

from rpsg.errors import UsageError

_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_NOT_IN_A_LINE = set("\n\r\v\f\0\x1c\x1d\x1e\x85\u2028\u2029")
_SUFFIXES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".pq", ".toml", ".html"}
_AS_LINES = (
    'Save it as a file of one JSON object a line, file.write(json.dumps({"text": text}) + "\\n") for each '
    "text, and give the path of that file."
)
_SAVED = (
    ("to_csv", 'Save it first: data.to_csv("private.csv", index=False), and give "private.csv".'),
    ("write_csv", 'Save it first: data.write_csv("private.csv"), and give "private.csv".'),
    (
        "to_pandas",
        'Save it first: pyarrow.parquet.write_table(data, "private.parquet"), and give "private.parquet".',
    ),
)


def path_of(given: object, what: str) -> Path:
    """``given`` as a path.

    Raises:
        UsageError: it is no string and no path, or a string that can only be text. The error tells its type
            and how to save it as a file, and nothing of what it holds.
    """
    if not isinstance(given, str | os.PathLike):
        raise UsageError(
            f"{what} must be the path of a file or folder, and this is a {type(given).__name__}. "
            "Nothing was read.",
            hint=next((hint for method, hint in _SAVED if hasattr(given, method)), _AS_LINES),
        )
    path = os.fspath(given)
    if not isinstance(path, str) or is_text(path):
        raise UsageError(
            f"{what} must be the path of a file or folder, and this is text. Nothing was read.",
            hint=_AS_LINES,
        )
    return Path(path)


def name_of(given: object, what: str) -> str | None:
    """``given`` as a short name, of a column for instance, or None.

    Raises:
        UsageError: it is something else, a column's own values perhaps. The error tells its type alone.
    """
    if given is None or (isinstance(given, str) and not is_text(given)):
        return given
    kind = "text" if isinstance(given, str) else f"a {type(given).__name__}"
    raise UsageError(
        f"{what} must be a name, and this is {kind}.", hint="Name the column as the file has it."
    )


def is_text(given: str) -> bool:
    """Whether a string can be no path: it has lines, or is longer than a path or a name can be."""
    if _NOT_IN_A_LINE & set(given) or len(given.encode(errors="replace")) > _LONGEST_PATH:
        return True
    return any(len(name.encode(errors="replace")) > _LONGEST_NAME for name in Path(given).parts)


def shown(path: Path) -> str:
    """``path`` for a message that it leads nowhere; a short text in its place is not repeated."""
    looks_like_text = any(sign.isspace() for sign in str(path)) and path.suffix.lower() not in _SUFFIXES
    return "The path that was given" if looks_like_text else str(path)
