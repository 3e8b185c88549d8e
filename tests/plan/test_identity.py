"""The identity of a plan, and the plan as it is written into releases, are what earlier versions computed.

Releases made before must verify, and runs begun before must resume: these digests may never change.
"""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import UsageError
from rpsg.plan import GENERATION, NOT_IDENTITY, Plan, resolve
from rpsg.plan.methods import AugpeSection

if TYPE_CHECKING:
    from collections.abc import Mapping

MANY: dict[str, Any] = {
    "data": {
        "path": "a/b.csv",
        "account": "reviews",
        "text": "note",
        "label": "kind",
        "labels": ["good", "bad"],
        "user": "who",
        "format": "csv",
        "unusable": "refuse",
        "unlisted": "other",
        "passage_words": 300,
    },
    "corpus": {
        "about": 'tea \x7f "quoted" \u00fc',
        "domain": "food-reviews",
        "size": 321,
        "license": "cc-by-4.0",
    },
    "privacy": {
        "epsilon": 3.5,
        "delta": 1e-7,
        "adjacency": "replace_one",
        "max_records_per_user": 4,
        "n_public": 1234,
        "lifetime_epsilon": 9.5,
        "noise": "opendp",
        "shares": {"size": 0.1, "labels": 0.2, "cards": 0.3, "keyphrases": 0.4, "sketch": 0.5, "votes": 0.7},
    },
    "method": {
        "name": "split",
        "select": "votes",
        "diversity": 1.5,
        "rounds": 3,
        "oversample": 2.5,
        "votes_per_record": 2,
        "hub_correction": 0.25,
        "uniform_mix": 0.5,
        "phrases_per_record": 7,
    },
    "models": {
        "writer": "fake",
        "embedder": "fake",
        "scorer": "ngram",
        "sentiment": "vader",
        "slots": 3,
        "threads": 2,
        "context": 4096,
        "form": "chat",
    },
    "server": {
        "base_url": "http://127.0.0.1:1/v1",
        "this_machine": True,
        "key_env": "KEY",
        "api": "completions",
        "api_version": "v",
        "organization": "o",
        "project": "p",
        "concurrency": 8,
        "timeout": 30.0,
        "retries": 2,
    },
    "limits": {"tokens": 9, "requests": 8, "cost": 7.5, "seconds": 6.5, "prices": "p.toml"},
    "paper": {
        "seeds": 10,
        "seed_words": 99,
        "abstracter": "summariser",
        "summariser": "x/y",
        "candidates": 7,
        "min_tokens": 20,
        "max_tokens": 200,
        "guard_words": 5,
        "guard_characters": 25,
        "recogniser": "presidio",
        "recogniser_model": "m",
        "similarity_weight": 0.5,
        "flip_penalty": 0.25,
        "min_confidence": 0.75,
        "sensitivity": "sound",
        "nominal_epsilon": 0.0,
        "length": 1.5,
        "sentiment_attempts": 2,
        "surrogate": "transformers",
        "surrogate_model": "s",
        "surrogate_epochs": 4,
        "representatives": 40,
        "filters": "early",
        "cosine_retain": 0.5,
        "nll_percentile": 30.0,
        "nll_distance": "min",
        "remote": "records",
    },
    "split": {"donors": 0.4, "donor_list": "d.txt"},
    "generation": {"seed": 77, "temperature": 0.5, "top_p": 0.25, "examples": 2},
    "vault": {"key": "none"},
}

AUGPE: dict[str, Any] = {
    "method": {"name": "augpe"},
    "augpe": {
        "iterations": 4,
        "variations": 3,
        "lookahead": 2,
        "neighbours": 5,
        "selection": "sample",
        "threshold": 1.5,
        "prompt": "fill_in_the_blanks",
        "blanks": 0.75,
        "length_spread": 0.5,
    },
}

DIGESTS = {
    "default": (
        "f9f88d2a7e27b7edf1b06a3797daf85d3da1d672b838d4b5417a41c911820f66",
        "8d3ed592727d632360c288293725432185fdcc0e71dd877aaec3ecb21b1cafda",
        "0f3356a922586326723fd0ccd1e3d9a3ca89dc20bf84913fcb8a3e45b8ac5d78",
        "0ca85af93e218dcefcad31a82a8760bc0725c8787b3582391c80d571b7eeaa2c",
        "a20bccd55f21c5a8aca941c3be6b49057b31e4302154baa71246beccc1931b74",
    ),
    "many": (
        "c24c546edca69add590e4daeb99631f3231456068e0bd10696020e30797f527f",
        "cfb36dcaec06247515100799cd1622fff57136b9dbf74829c1ed681841ecf159",
        "5182d204bd1022c8cd4bbcde4d19a05ba25bac34900ad647d81b9adf0607b202",
        "065df14cabbdc60ac3925fab98d4476c36de323dd5152569a11c4687c4d80907",
        "fbeb77f07bb5e6a9ca95ebc4c3b54570ea054aa7b74472c46f4592fbf8ef2dd0",
    ),
}


@pytest.mark.parametrize(("name", "layer"), [("default", {}), ("many", MANY)], ids=["default", "many"])
def test_a_plan_has_the_digests_and_the_toml_that_it_always_had(name: str, layer: dict[str, Any]) -> None:
    plan = resolve(layer)
    assert DIGESTS[name] == (
        plan.fingerprint(),
        plan.questions(),
        plan.fingerprint(pack="p", writer="w"),
        plan.questions(pack="p"),
        hashlib.sha256(plan.to_toml().encode()).hexdigest(),
    )


def test_many_settings_are_all_of_them_but_those_that_exclude_others() -> None:
    """So that a digest changes whenever any setting moves into or out of the identity."""
    many, augpe, unset = dict(flat(resolve(MANY))), dict(flat(resolve(AUGPE))), dict(flat(Plan()))
    later = tuple(f"{name}." for name, section in Plan() if section.read_by and name != "augpe")
    same = {k for k, value in unset.items() if many[k] == augpe[k] == value and not k.startswith(later)}
    audits = ("data.audit_holdout", "data.audit_canaries", "data.canary_texts", "data.canary_encoding")
    of_servers = ("plain_http", "headers", "body", "certificate_env")
    assert same == {
        *("paper.selection", "paper.histogram_sigma", "data.encoding", "data.language", "data.columns"),
        *("data.shards", "data.divided_by"),
        *audits,
        *(f"server.{name}" for name in of_servers),
        *(f"engine.{name}" for name in ("kind", "address", "workers", "cpus", "gpus", "reads_private")),
    }


def test_a_setting_that_came_later_is_written_and_hashed_only_where_it_is_set() -> None:
    plan, held = Plan(), resolve({"data": {"audit_holdout": 0.25}})
    assert "audit_holdout" not in plan.to_toml()
    assert "audit_holdout = 0.25\n" in held.to_toml()
    assert held.fingerprint() != plan.fingerprint()
    assert held.questions() != plan.questions()
    assert resolve(tomllib.loads(held.to_toml())) == held


def test_where_texts_are_written_is_never_part_of_the_identity() -> None:
    """So a run goes on with another engine, and the section is written only where it says something."""
    plan = Plan()
    spread = resolve({"engine": {"kind": "ray", "address": "10.0.0.5:6379", "workers": 3, "cpus": 2.5}})
    assert (spread.fingerprint(), spread.questions()) == (plan.fingerprint(), plan.questions())
    assert "[engine]" not in plan.to_toml()
    assert 'kind = "ray"\n' in spread.to_toml()
    assert resolve(tomllib.loads(spread.to_toml())) == spread


@pytest.mark.parametrize("address", ["ray://a:10001", "a", "a:b", "a:1;b", "a:1 ", "http://a:1"])
def test_what_is_no_address_of_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"engine\.address"):
        resolve({"engine": {"address": address}})


def test_nobody_is_held_out_of_a_number_of_people_that_is_public() -> None:
    with pytest.raises(UsageError, match="n_public"):
        resolve({"data": {"audit_holdout": 0.25}, "privacy": {"n_public": 1000}})


@pytest.mark.parametrize("method", ["strict", "split", "floor", "paper", "dpsgd-of-a-package"])
def test_a_section_of_another_method_is_not_in_a_plan_while_it_holds_its_defaults(method: str) -> None:
    written = resolve({"method": {"name": method}}).to_toml()
    assert not {"[augpe]", "[dpsgd]", "[rupta]"} & set(written.splitlines())


def test_a_section_that_was_added_later_is_written_out_for_its_own_method() -> None:
    """Releases tell every value that was used, so that a later default changes none of them."""
    told = resolve({"method": {"name": "augpe"}}).to_toml()
    assert tomllib.loads(told)["augpe"] == AugpeSection().model_dump()


def test_a_section_with_a_changed_setting_is_part_of_every_plan() -> None:
    plan, changed = Plan(), resolve({"augpe": {"iterations": 4}})
    assert "[augpe]" in changed.to_toml()
    assert (changed.fingerprint(), changed.questions()) != (plan.fingerprint(), plan.questions())
    assert resolve(tomllib.loads(changed.to_toml())) == changed


def test_a_plan_of_augpe_keeps_its_digests_too() -> None:
    plan = resolve(AUGPE)
    assert (plan.fingerprint(), plan.questions()) == (
        "e725a44f6b1b301c57714df0527d3038eba39c5bc729673261c14ab3445272a2",
        "db72d158cf32747e445784a949810096e8bc36ac492f8e9bbbae79d110091b55",
    )


def flat(plan: Plan) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []

    def walk(prefix: str, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            else:
                found.append((prefix + key, value))

    walk("", plan.model_dump(mode="json"))
    return found


def test_what_is_outside_of_the_identity_and_what_only_generation_reads_is_what_it_was() -> None:
    assert {
        "data": {"path", "account", "canary_texts", "canary_encoding"},
        "corpus": {"domain"},
        "models": {"slots", "threads"},
        "privacy": {"lifetime_epsilon"},
        "server": {
            *("base_url", "key_env", "organization", "project", "concurrency", "timeout", "retries"),
            *("plain_http", "headers", "certificate_env"),
        },
        "engine": {"kind", "address", "workers", "cpus", "gpus", "reads_private"},
        "limits": {"tokens", "requests", "cost", "seconds", "prices"},
        "split": {"donor_list"},
    } == NOT_IDENTITY
    wholly = {"server", "paper", "generation"}
    assert {section: keys for section, keys in GENERATION.items() if section not in wholly} == {
        "data": {"language"},
        "corpus": {"about", "size", "license"},
        "method": {"oversample", "uniform_mix", "diversity"},
        "models": {"writer", "scorer", "context", "form"},
    }
    plan = Plan().model_dump()
    assert {section: GENERATION[section] for section in wholly} == {
        section: set(plan[section]) for section in wholly
    }
