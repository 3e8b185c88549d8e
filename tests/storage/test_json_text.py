from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.disk.json_text import canonical_ascii_json, canonical_json, strict_json, tagged_sha256

if TYPE_CHECKING:
    from collections.abc import Callable

SPELLINGS = [canonical_json, canonical_ascii_json]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("spell", SPELLINGS)
@given(value=json_values)
def test_a_spelling_says_the_same_and_does_not_depend_on_the_order_of_keys(
    spell: Callable[[Any], bytes], value: Any
) -> None:
    spelt = spell(value)
    assert json.loads(spelt) == strict_json(spelt) == value
    assert spell(json.loads(spelt)) == spelt
    if isinstance(value, dict):
        assert spell(dict(reversed(value.items()))) == spelt


def test_canonical_json_has_one_spelling() -> None:
    assert (
        canonical_json({"b": [1, 1.5, None, True], "a": "ü\n"})
        == '{"a":"ü\\n","b":[1,1.5,null,true]}'.encode()
    )


@given(json_values)
def test_the_two_spellings_differ_only_in_letters_beyond_printable_ascii(value: Any) -> None:
    in_ascii, in_utf8 = canonical_ascii_json(value), canonical_json(value)
    assert in_ascii.isascii()
    assert (in_ascii == in_utf8) == all(byte < 0x7F for byte in in_utf8)


def test_the_ascii_spelling_escapes_every_other_letter() -> None:
    assert canonical_ascii_json({"a": "ü\U0001f600\x7f"}) == b'{"a":"\\u00fc\\ud83d\\ude00\\u007f"}'


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("value", [math.nan, math.inf, [{"a": -math.inf}]])
def test_a_spelling_refuses_what_json_has_no_word_for(spell: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(ValueError):
        spell(value)


def test_half_a_surrogate_pair_is_spelled_in_ascii_only() -> None:
    assert canonical_ascii_json("\ud800") == b'"\\ud800"'
    with pytest.raises(ValueError):
        canonical_json("\ud800")


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("value", [{1: "a"}, [{"a": {None: 1}}], object(), b"x", {"a": {1}}])
def test_a_spelling_refuses_what_has_no_one_spelling(spell: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(TypeError):
        spell(value)


def test_a_tagged_hash_is_the_one_written_down() -> None:
    assert tagged_sha256("t", {"a": 1}) == hashlib.sha256(b'rpsg:t\0{"a":1}').hexdigest()
    assert tagged_sha256("t", {"a": 1}) != tagged_sha256("u", {"a": 1})
