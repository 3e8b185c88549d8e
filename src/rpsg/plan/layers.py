"""Makes a checked plan from layered settings: defaults < file < ``RPSG_*`` environment < options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rpsg.disk.toml_text import read_toml_file
from rpsg.errors import UsageError, in_plain_words
from rpsg.plan.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

_WORD = re.compile(r"\w{1,40}")


def read_toml(path: Path) -> dict[str, Any]:
    """The settings of an ``rpsg.toml``, not yet checked."""
    return read_toml_file(path, "plan file", hint="Write one with: rpsg init")


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers override earlier ones, key by key; a None in a layer counts as not set."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping):
                below = merged.get(key)
                merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
            elif value is not None:
                merged[key] = value
    return merged


def flat(layer: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    found: dict[str, Any] = {}
    for key, value in layer.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def resolve(*layers: Mapping[str, Any]) -> Plan:
    """A checked plan from layered settings; UsageError names the key and what is allowed, never the value."""
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise UsageError(
                f"Settings must be a dictionary of sections, but this is a {type(layer).__name__}.",
                hint='For instance: {"data": {"path": "notes.csv", "text": "note"}}',
            )
    try:
        return Plan.model_validate(merge(*layers))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = "; ".join(map(_setting_and_problem, details))
    # Raised after the except block, so that the error is not chained to pydantic's, which holds all the
    # values.
    raise UsageError(f"The plan is not valid: {problems}.")


def _setting_and_problem(item: ErrorDetails) -> str:
    where = ".".join(_key(part) for part in item["loc"]) or "plan"
    if item["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; {_meant(item['loc'])}"
    return f"{where}: {in_plain_words(item['msg'])}"


def _key(part: int | str) -> str:
    """A key for a message: an unknown one is not repeated, because it may be misplaced private text."""
    return str(part) if _WORD.fullmatch(str(part)) else "(something that is not a name)"


def _meant(path: Sequence[int | str]) -> str:
    """The setting that was probably meant, or all settings of its section."""
    sections = [
        name
        for name, field in Plan.model_fields.items()
        if path[0] in getattr(field.annotation, "model_fields", ())
    ]
    if len(path) == 1 and sections:
        return f"perhaps {' or '.join(f'{section}.{path[0]}' for section in sections)} is meant"
    section: Any = Plan
    for part in path[:-1]:
        section = section.model_fields[part].annotation
    names = list(section.model_fields)
    near = get_close_matches(str(path[-1]), names, n=1)
    return f"perhaps {near[0]!r} is meant" if near else f"there are {', '.join(names)}"
