"""A JSON Schema validator for the part of draft 2020-12 that the ledger's schema uses.

An unknown keyword is an error of the schema and is not ignored. As in the standard, patterns may match
anywhere in the text; ours are anchored.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import is_number, strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Check = Callable[[Any, Any, dict[str, Any], str], Iterator[str]]

_NOTES = {"$schema", "$id", "title", "then", "else"}  # "then" and "else" are read with "if"


@lru_cache(maxsize=1)
def ledger_schema() -> dict[str, Any]:
    """The schema of the public ledger, as it ships with the package."""
    text = files("rpsg.privacy").joinpath("ledger.schema.json").read_bytes()
    schema: dict[str, Any] = strict_json(text)
    return schema


def violations(value: Any, schema: dict[str, Any], path: str = "ledger") -> Iterator[str]:
    """The violations of ``schema`` in ``value``, one sentence with a location each; none if it is valid.

    Raises:
        ValueError: the schema uses a keyword this validator does not know.
    """
    for keyword, rule in schema.items():
        if keyword in _NOTES:
            continue
        if keyword not in _CHECKS:
            raise ValueError(f"the schema keyword {keyword} is not supported")
        yield from _CHECKS[keyword](value, rule, schema, path)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": is_number,
    "integer": lambda v: is_number(v) and v == int(v),
}


def _same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _type(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    names = rule if isinstance(rule, list) else [rule]
    if not any(_TYPES[n](value) for n in names):
        yield f"{path} must be of type {' or '.join(names)}"


def _const(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if not _same(value, rule):
        yield f"{path} must be {rule!r}"


def _enum(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if not any(_same(value, r) for r in rule):
        yield f"{path} must be one of {', '.join(map(str, rule))}"


def _pattern(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(rule.replace("$", r"\Z"), value):
        yield f"{path} does not have the form {rule}"


def _bound(holds: Callable[[Any, Any], bool], words: str) -> Check:
    def check(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
        if is_number(value) and not holds(value, rule):
            yield f"{path} must be {words} {rule}"

    return check


def _count(holds: Callable[[int, int], bool], words: str) -> Check:
    def check(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
        if isinstance(value, list) and not holds(len(value), rule):
            yield f"{path} must have {words} {rule} entries"

    return check


def _required(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{path} lacks {name}" for name in rule if name not in value)


def _properties(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in rule.keys() & value.keys():
            yield from violations(value[name], rule[name], f"{path}.{name}")


def _additional(value: Any, rule: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name in value.keys() - schema.get("properties", {}).keys():
        if rule is False:
            yield f"{path} has an unknown key"
        else:
            yield from violations(value[name], rule, f"{path}.{name}")


def _items(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from violations(item, rule, f"{path}[{i}]")


def _holds(value: Any, schema: dict[str, Any]) -> bool:
    return next(violations(value, schema), None) is None


def _all_of(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    for part in rule:
        yield from violations(value, part, path)


def _any_of(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if not any(_holds(value, part) for part in rule):
        yield f"{path} fits none of the allowed forms"


def _not(value: Any, rule: Any, _: dict[str, Any], path: str) -> Iterator[str]:
    if _holds(value, rule):
        yield f"{path} holds something that this kind of ledger must not hold"


def _if(value: Any, rule: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    yield from violations(value, schema.get("then" if _holds(value, rule) else "else", {}), path)


_CHECKS: dict[str, Check] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _bound(lambda v, r: bool(v >= r), "at least"),
    "maximum": _bound(lambda v, r: bool(v <= r), "at most"),
    "exclusiveMinimum": _bound(lambda v, r: bool(v > r), "above"),
    "minItems": _count(lambda n, r: n >= r, "at least"),
    "maxItems": _count(lambda n, r: n <= r, "at most"),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "allOf": _all_of,
    "anyOf": _any_of,
    "not": _not,
    "if": _if,
}
