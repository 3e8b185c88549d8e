"""Our small validator and the reference implementation agree on every ledger, good or broken."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpsg.privacy.schema import ledger_schema, violations

if TYPE_CHECKING:
    from tests.privacy.conftest import Release

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.5, 1.0, -1.0, 1e9]),
    st.sampled_from(["", "strict", "paper", "none", "valid", "private", "end_to_end_dp", "0" * 64]),
    st.just([]),
    st.just({}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(p for key, child in children for p in places(child, (*path, key)))]


def changed(ledger: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> Any:
    if not path:
        return value
    copied = copy.deepcopy(ledger)
    parent = copied
    for key in path[:-1]:
        parent = parent[key]
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return copied


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_one_change_anywhere_is_judged_as_the_reference_judges_it(
    release: Release, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(places(release.ledger)))
    mutant = changed(release.ledger, path, data.draw(VALUES), remove=data.draw(st.booleans()))
    reference = jsonschema.Draft202012Validator(ledger_schema())
    assert (next(violations(mutant, ledger_schema()), None) is None) == reference.is_valid(mutant)


def test_the_schema_itself_is_sound() -> None:
    jsonschema.Draft202012Validator.check_schema(ledger_schema())


def test_a_keyword_nobody_taught_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="not supported"):
        list(violations({}, {"minProperties": 1}))


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, {"type": "integer"}),
        (1, {"const": True}),
        (True, {"enum": [1]}),
        (0.5, {"type": "integer"}),
        ("a", {"type": ["number", "null"]}),
        (1, {"exclusiveMinimum": 1}),
        ([1, "a"], {"items": {"type": "integer"}}),
        ({"x": 1}, {"additionalProperties": {"type": "string"}}),
        ({"a": 1}, {"not": {"required": ["a"]}}),
        ({"a": 1}, {"anyOf": [{"required": ["b"]}, {"required": ["c"]}]}),
        ("abc\n", {"pattern": "^abc$"}),
    ],
)
def test_each_keyword_refuses(value: Any, schema: dict[str, Any]) -> None:
    assert list(violations(value, schema))


def test_messages_show_no_values(release: Release) -> None:
    mutant = changed(release.ledger, ("smuggled",), "a private name", remove=False)
    assert "a private name" not in " ".join(violations(mutant, ledger_schema()))
    mutant = changed(release.ledger, ("status",), "a private name", remove=False)
    assert "a private name" not in " ".join(violations(mutant, ledger_schema()))
    assert json.dumps(mutant)
