"""A plan is checked, layered, written down as TOML that reads back, and known by what decides the outcome."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.arguments import is_text
from rpsg.errors import UsageError
from rpsg.plan import Plan, merge, read_toml, resolve

if TYPE_CHECKING:
    from pathlib import Path

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = texts.filter(lambda name: not is_text(name))
shares = st.floats(0, 1)
settings = st.fixed_dictionaries(
    {},
    optional={
        "data": st.fixed_dictionaries(
            {},
            optional={"path": names, "text": names, "user": names, "format": st.sampled_from(["csv", "txt"])},
        ).filter(lambda data: data.get("user") != data.get("text", "text")),
        "corpus": st.fixed_dictionaries(
            {}, optional={"about": texts, "domain": texts, "size": st.integers(1, 10_000_000)}
        ),
        "privacy": st.fixed_dictionaries(
            {},
            optional={
                "epsilon": st.floats(0, 1000, exclude_min=True),
                "delta": st.floats(0, 1e-4, exclude_min=True),
                "lifetime_epsilon": st.floats(0, exclude_min=True, allow_infinity=False),
                "n_public": st.integers(1, 10**12),
                "shares": st.fixed_dictionaries({}, optional={"cards": shares, "votes": shares}),
            },
        ),
        "generation": st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2**63 - 1)}),
    },
)


@given(settings)
def test_a_plan_written_as_toml_reads_back_as_the_same_plan(layer: dict[str, Any]) -> None:
    plan = resolve(layer)
    again = resolve(tomllib.loads(plan.to_toml()))
    assert again == plan
    assert again.fingerprint() == plan.fingerprint()
    assert again.to_toml() == plan.to_toml()


@pytest.mark.parametrize(
    "odd", ["a\x7fb", "\x00\x1f\"'\\", "\u2028\U0001f600", "[section]\nkey = 1", "# no comment", ""]
)
def test_odd_characters_come_back(odd: str) -> None:
    plan = resolve({"corpus": {"about": odd}, "models": {"writer": odd}})
    assert resolve(tomllib.loads(plan.to_toml())) == plan


def test_a_plan_can_be_read_from_a_file(tmp_path: Path) -> None:
    plan = resolve({"corpus": {"about": "tea, with \u00fcmlauts", "size": 7}})
    (tmp_path / "rpsg.toml").write_text(plan.to_toml(), encoding="utf-8")
    assert resolve(read_toml(tmp_path / "rpsg.toml")) == plan


def test_a_plan_file_that_is_not_there_or_no_toml_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan file") as caught:
        read_toml(tmp_path / "rpsg.toml")
    assert "rpsg init" in caught.value.hint
    for content, fault in ((b"[corpus", "not valid TOML"), (b"\xff\xfe", "not in UTF-8")):
        (tmp_path / "rpsg.toml").write_bytes(content)
        with pytest.raises(UsageError, match=fault):
            read_toml(tmp_path / "rpsg.toml")


def test_a_later_layer_wins_key_by_key_and_none_says_nothing() -> None:
    plan = resolve(
        {"corpus": {"size": 5, "about": "first"}},
        {"corpus": {"size": 6}, "privacy": {"epsilon": 1.0}},
        {"corpus": {"size": None}, "privacy": {"epsilon": None}},
    )
    assert (plan.corpus.size, plan.corpus.about, plan.privacy.epsilon) == (6, "first", 1.0)


def test_merging_leaves_the_layers_as_they_were() -> None:
    first: dict[str, Any] = {"corpus": {"size": 5}}
    assert merge(first, {"corpus": {"about": "x"}}) == {"corpus": {"size": 5, "about": "x"}}
    assert first == {"corpus": {"size": 5}}


def test_nothing_said_is_the_default_plan() -> None:
    assert resolve() == resolve({}, {"corpus": {}}) == Plan()


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (
            {"privacy": {"epsilonn": 1}},
            "privacy.epsilonn: there is no such setting; perhaps 'epsilon' is meant",
        ),
        ({"writer": "fake"}, "writer: there is no such setting; perhaps models.writer is meant"),
        ({"privcy": {"epsilon": 1}}, "privcy: there is no such setting; perhaps 'privacy' is meant"),
        (
            {"privacy": {"shares": {"card": 1}}},
            "privacy.shares.card: there is no such setting; perhaps 'cards' is meant",
        ),
        ({"corpus": {"zzz": 1}}, "corpus.zzz: there is no such setting; there are about, domain, size"),
        ({"privacy": {"epsilon": -1}}, "privacy.epsilon: must be greater than 0"),
        ({"privacy": {"epsilon": float("nan")}}, "privacy.epsilon: must be a finite number"),
        (
            {"privacy": {"lifetime_epsilon": float("inf")}},
            "privacy.lifetime_epsilon: must be a finite number",
        ),
        ({"privacy": {"delta": 0.01}}, "privacy.delta: must be less than or equal to 0.0001"),
        ({"privacy": {"adjacency": "replace_one"}}, "declare it as n_public"),
        ({"data": {"labels": ["a", "b"]}}, "no label column is named"),
        (
            {"data": {"text": "note", "user": "note"}},
            "'note' holds the text, and is also named for --user",
        ),
        ({"data": {"label": "text"}}, "'text' holds the text, and is also named for --user or --label"),
        ({"data": {"label": "l", "labels": ["a", "a"]}}, "at least two different labels"),
        ({"corpus": {"size": 0}}, "corpus.size: must be greater than or equal to 1"),
        ({"corpus": {"about": "half \ud800"}}, "incomplete character"),
        ({"corpus": 3}, "corpus: "),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_is_allowed(layer: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(layer)
    assert said in caught.value.message


def test_every_wrong_setting_is_told_at_once() -> None:
    with pytest.raises(UsageError, match=r"corpus\.size.*privacy\.epsilon"):
        resolve({"corpus": {"size": 0}, "privacy": {"epsilon": 0}})


@pytest.mark.parametrize(
    "layer",
    [
        {"data": {"path": "elsewhere.jsonl"}},
        {"data": {"account": "reviews"}},
        {"corpus": {"domain": "packs/elsewhere"}},
        {"models": {"slots": 8, "threads": 2}},
        {"privacy": {"lifetime_epsilon": 20.0}},
    ],
)
def test_where_things_lie_and_how_fast_they_go_is_not_the_plan_s_identity(layer: dict[str, Any]) -> None:
    assert resolve(layer).fingerprint() == Plan().fingerprint()


@pytest.mark.parametrize(
    "layer",
    [
        {"privacy": {"epsilon": 2.5}},
        {"privacy": {"delta": 1e-7}},
        {"privacy": {"max_records_per_user": 2}},
        {"privacy": {"shares": {"votes": 0.5}}},
        {"data": {"text": "review"}},
        {"data": {"user": "who"}},
        {"corpus": {"about": "something else"}},
        {"corpus": {"size": 201}},
        {"method": {"rounds": 2}},
        {"models": {"writer": "another"}},
        {"generation": {"seed": 1}},
    ],
)
def test_what_decides_the_outcome_is_the_plan_s_identity(layer: dict[str, Any]) -> None:
    assert resolve(layer).fingerprint() != Plan().fingerprint()


def test_the_hashes_of_pack_and_models_are_part_of_the_identity() -> None:
    assert Plan().fingerprint(pack="a") != Plan().fingerprint(pack="b")
    assert Plan().fingerprint(pack="a", writer="b") != Plan().fingerprint(pack="b", writer="a")


def test_the_unit_is_a_person_only_where_a_user_column_says_who() -> None:
    rows = resolve({"privacy": {"max_records_per_user": 5}})
    people = resolve({"privacy": {"max_records_per_user": 5}, "data": {"user": "who"}})
    assert (rows.unit, rows.records_per_unit) == ("record", 1)
    assert (people.unit, people.records_per_unit) == ("user", 5)


@pytest.mark.parametrize("label", ["go\x07od", "go\x1b[31mod", "go\u200bod", "go\u202eod"])
def test_a_declared_label_with_characters_that_nobody_sees_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="invisible character"):
        resolve({"data": {"label": "mood", "labels": [label, "bad"]}})
