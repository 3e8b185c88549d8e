"""A ledger says what was done, claims what that bears, and nothing that was computed from private data."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import PrivacyError
from rpsg.privacy.claims import MACHINE, NOT_PRIVATE, PrivacyUnit, assumptions, claim_text, paper_claim_text
from rpsg.privacy.commitment import commit_to, content_digest
from rpsg.privacy.facts import Egress, Facts, Output, PublicInput, UnprotectedFlow
from rpsg.privacy.first_words import as_in, shown_claim
from rpsg.privacy.gaussian import epsilon_of
from rpsg.privacy.ledger import build_private_ledger, build_public_ledger, new_free
from rpsg.privacy.private import Private, open_private
from rpsg.privacy.signing import entry_sha256, seal
from rpsg.privacy.verify import verify_ledger
from rpsg.records import Document, PrivateCorpus
from rpsg.testing.noise import FixedNoise, SeededNoise

if TYPE_CHECKING:
    from tests.privacy.conftest import Run

    from rpsg.protocols import NoiseSource


def built(run: Run, facts: Facts, **changes: Any) -> dict[str, Any]:
    kernel = run.kernel()
    run.all(kernel)
    return build_public_ledger(replace(facts, **changes), kernel.performed)


def test_a_strict_run_claims_its_target_end_to_end(run: Run, facts: Facts) -> None:
    claim = built(run, facts)["claim"]
    assert (claim["type"], claim["epsilon"], claim["delta"]) == ("end_to_end_dp", 2.0, 1e-6)
    assert claim["epsilon_by_accountant"]["gdp-closed-form"] <= 2.0
    assert claim["epsilon_replace_one"] == pytest.approx(2.93, abs=0.03)
    assert 0.5 < claim["attack"]["auc"] < 0.65


def test_the_claim_in_words_names_unit_relation_and_groups(run: Run, facts: Facts) -> None:
    text = built(run, facts)["claim"]["text"]
    assert "(epsilon 2, delta 1e-06)-differentially private" in text
    assert "adding or removing all rows of one person (at most 1 of them is used)" in text
    assert re.search(r"Groups of people have epsilon [\d.]+ and delta [\d.e-]+ for 2 people, epsilon", text)
    assert "For replacing one person, epsilon is 2.9" in text


def test_a_run_by_rows_says_one_row_not_one_person(run: Run, facts: Facts) -> None:
    unit = PrivacyUnit("record", "add_remove", 1, "none_asserted_by_user")
    ledger = built(run, facts, unit=unit)
    assert "one row, not one person" in ledger["claim"]["text"]
    assert [a["id"] for a in ledger["assumptions"]] == ["A1'", "A2", "A3"]
    assert all(c.ok for c in verify_ledger(ledger))


def test_groups_that_share_a_string_get_a_larger_delta(run: Run, facts: Facts) -> None:
    claim = built(run, facts)["claim"]
    deltas = [claim["delta_group"][g] for g in ("2", "3", "5", "10")]
    assert deltas == sorted(deltas)
    assert deltas[-1] > 1e-6
    assert claim["epsilon_group"]["5"] == pytest.approx(epsilon_of(5 * claim["mu"], 1e-6, 1e-7), rel=1e-6)


def test_the_ledger_is_accepted_by_its_verifier(run: Run, facts: Facts) -> None:
    assert all(c.ok for c in verify_ledger(built(run, facts)))


def test_a_selection_has_a_line_for_its_noise_and_one_for_its_threshold(run: Run, facts: Facts) -> None:
    lines = built(run, facts)["mechanisms"]
    kinds = [
        "rounded_gaussian",
        "rounded_gaussian",
        "selection_threshold",
        "rounded_gaussian",
        "rounded_gaussian",
    ]
    assert [m["kind"] for m in lines] == kinds
    assert [m["seq"] for m in lines] == [0, 1, 2, 3, 4]
    assert lines[1]["dim"] is None


@pytest.mark.parametrize("noise", [SeededNoise(1), FixedNoise()])
def test_noise_for_tests_makes_no_claim(run: Run, facts: Facts, noise: NoiseSource) -> None:
    run.noise = noise
    ledger = built(run, facts)
    assert ledger["status"] == "not_private_testing"
    assert ledger["rng"]["noise"] == "seeded_testing_only"
    assert ledger["claim"] == {"type": "no_formal_guarantee", "text": NOT_PRIVATE}
    assert all(c.ok for c in verify_ledger(ledger))


@pytest.mark.parametrize(
    "change",
    [
        {"flows": (UnprotectedFlow("records", "prompt", "abstracts"),)},
        {"egress": (Egress("remote_llm", "abstracted_private"),)},
        {"unit": PrivacyUnit("user", "replace_one", 1, "random_subset_csprng")},
        {"unit": PrivacyUnit("user", "add_remove", 5, "random_subset_csprng")},
        {"reads": "records"},
        {"claim": "voters_only_dp"},
        {"claim": "no_formal_guarantee"},
        {"claim": "no_private_data"},
        {"outputs": ()},
    ],
)
def test_a_run_that_does_not_bear_its_claim_gets_no_ledger(
    run: Run, facts: Facts, change: dict[str, Any]
) -> None:
    with pytest.raises(PrivacyError):
        built(run, facts, **change)


def test_an_unfinished_plan_gets_no_ledger(run: Run, facts: Facts) -> None:
    kernel = run.kernel()
    run.count(kernel)
    with pytest.raises(PrivacyError, match="incomplete"):
        build_public_ledger(facts, kernel.performed)


def test_a_claim_without_mechanisms_gets_no_ledger(facts: Facts) -> None:
    with pytest.raises(PrivacyError):
        build_public_ledger(facts, None)


def test_split_mode_says_that_donors_are_not_protected(run: Run, facts: Facts) -> None:
    unit = PrivacyUnit("user", "add_remove", 1, "random_subset_csprng", seed_units_disjoint_from_voters=True)
    ledger = built(run, facts, reads="donors", claim="voters_only_dp", unit=unit)
    assert "seed donors are not protected" in ledger["claim"]["text"]
    assert {m["data"] for m in ledger["mechanisms"]} == {"voters"}
    assert all(c.ok for c in verify_ledger(ledger))


def without_claim(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, reads="nothing", method="floor", **changes)


def test_the_floor_claims_that_no_private_data_were_read(facts: Facts) -> None:
    ledger = build_public_ledger(without_claim(facts, claim="no_private_data"), None)
    assert ledger["claim"]["text"].startswith("No private data were read")
    assert "epsilon" not in ledger["claim"]
    assert all(c.ok for c in verify_ledger(ledger))


def test_paper_mode_prints_no_epsilon_anywhere(facts: Facts) -> None:
    words = paper_claim_text(3.7, "example", "not run")
    paper = replace(
        facts,
        reads="records",
        claim="no_formal_guarantee",
        claim_words=words,
        flows=(UnprotectedFlow("records", "prompt", "abstracts"),),
        egress=(Egress("remote_llm", "abstracted_private", "example"),),
    )
    ledger = build_public_ledger(paper, None)
    assert "epsilon" not in ledger["claim"]
    assert "ε" not in json.dumps(ledger, ensure_ascii=False)
    assert all(c.ok for c in verify_ledger(ledger))


def test_paper_mode_may_not_speak_of_epsilon(facts: Facts) -> None:
    boast = replace(
        facts, reads="records", claim="no_formal_guarantee", claim_words="Private with epsilon 1."
    )
    with pytest.raises(PrivacyError):
        build_public_ledger(boast, None)


def test_public_inputs_and_a_previous_ledger_are_sealed_in(run: Run, facts: Facts) -> None:
    inputs = (PublicInput("schema.toml", "seed-card domain", "a" * 64), PublicInput("delta", "fixed"))
    kernel = run.kernel()
    run.all(kernel)
    ledger = build_public_ledger(
        replace(facts, public_inputs=inputs),
        kernel.performed,
        free=replace(new_free(None), previous_sha256="b" * 64),
    )
    assert ledger["public_inputs"][0]["sha256"] == "a" * 64
    assert "sha256" not in ledger["public_inputs"][1]
    assert ledger["chain"]["prev_sha256"] == "b" * 64
    other = {**ledger, "chain": {**ledger["chain"], "prev_sha256": "c" * 64}}
    assert entry_sha256(other) != ledger["chain"]["entry_sha256"]


def test_the_seal_is_that_of_the_example_ledger(example_ledger: dict[str, Any]) -> None:
    assert entry_sha256(example_ledger) == example_ledger["chain"]["entry_sha256"]
    body = {k: v for k, v in example_ledger.items() if k != "chain"}
    assert seal(body) == example_ledger


def test_the_example_ledger_is_re_computed(example_ledger: dict[str, Any]) -> None:
    claim = example_ledger["claim"]
    mu2 = math.fsum(
        m["sensitivity2"] / m["sigma"] ** 2
        for m in example_ledger["mechanisms"]
        if m["kind"] == "rounded_gaussian"
    )
    assert math.sqrt(mu2) == pytest.approx(claim["mu"], rel=1e-12)
    tv = example_ledger["rng"]["tv_bound_total"]
    told = claim["epsilon_by_accountant"]["gdp-closed-form"]
    assert epsilon_of(claim["mu"], 1e-6, 1e-7, tv) == pytest.approx(told, rel=1e-9)


@pytest.mark.parametrize(("version", "on_data"), [("0.2.0", False), ("0.1.0", True)])
def test_a_release_that_read_nothing_rests_on_nothing_about_people_except_as_0_1_0_said_it(
    facts: Facts, version: str, on_data: bool
) -> None:
    code = {**new_free(None).code, "version": version}
    floor = replace(facts, reads="nothing", method="floor", claim="no_private_data")
    ledger = build_public_ledger(floor, None, free=replace(new_free(None), code=code))
    assert all(check.ok for check in verify_ledger(ledger))
    assert ("A1" in {a["id"] for a in ledger["assumptions"]}) == on_data
    for words in ("the user column", "length of the private texts", "could be read at all", "more than one"):
        assert any(words in line for line in ledger["not_covered"]) == on_data
    assert as_in(version, MACHINE) in ledger["not_covered"]


def test_nothing_of_the_private_side_is_in_the_public_ledger(run: Run, facts: Facts) -> None:
    ledger = built(run, facts)
    text = json.dumps(ledger)
    assert "a secret of one" not in text
    assert str(run.folder) not in text
    assert all(300 not in m.values() for m in ledger["mechanisms"])


ROWS = PrivateCorpus((Document(0, "first text", user="a"), Document(1, "second text", label="x", user="b")))


def test_a_commitment_hides_and_binds() -> None:
    first, second = commit_to(Private(ROWS)), commit_to(Private(ROWS))
    assert first.value != second.value
    assert commit_to(Private(ROWS), first.nonce).value == first.value
    other = PrivateCorpus((ROWS.documents[0],))
    assert commit_to(Private(other), first.nonce).value != first.value
    assert first.nonce.hex() not in repr(first)
    with pytest.raises(ValueError):
        commit_to(Private(ROWS), b"short")


def test_the_digest_stays_boxed_and_does_not_depend_on_the_order() -> None:
    digest = content_digest(Private(ROWS))
    turned = PrivateCorpus(
        tuple(Document(1 - d.id, d.text, d.label, d.user) for d in reversed(ROWS.documents))
    )
    assert isinstance(digest, Private)
    assert open_private(digest) == open_private(content_digest(Private(turned)))


def test_the_private_ledger_opens_the_commitment_and_the_public_one_does_not(run: Run, facts: Facts) -> None:
    commitment = commit_to(Private(ROWS))
    kernel = run.kernel()
    run.all(kernel)
    public = build_public_ledger(facts, kernel.performed, free=new_free(commitment))
    private = build_private_ledger(public, commitment, {"rows": 2})
    assert public["private_commitment"]["value"] == commitment.value
    assert commitment.nonce.hex() not in json.dumps(public)
    assert private["commitment"]["nonce"] == commitment.nonce.hex()
    assert private["ledger_id"] == public["ledger_id"]


def test_a_user_with_several_rows_is_told_how_many_are_used() -> None:
    unit = PrivacyUnit("user", "replace_one", 5, "random_subset_csprng").to_json()
    claim = {
        "type": "end_to_end_dp",
        "epsilon": 1.0,
        "delta": 1e-6,
        "epsilon_replace_one": 1.0,
        "epsilon_group": {"2": 2.34567},
        "delta_group": {"2": 1e-6},
        "attack": {"auc": 0.56789},
    }
    text = claim_text(claim, unit)
    assert "replacing all rows of one person (at most 5 of them are used)" in text
    assert "Groups of people have epsilon 2.346 and delta 1e-06 for 2 people." in text
    none = claim_text({**claim, "epsilon_group": {}, "delta_group": {}}, unit)
    assert "For groups of people, epsilon is unbounded." in none
    then = as_in("0.1.0", none)
    assert "Groups of . " in then
    told = shown_claim({"claim": {"text": then}, "privacy_unit": unit})
    assert "epsilon 1. For groups of people, epsilon is unbounded. Whoever" in told
    assert shown_claim({"claim": {"text": none}, "privacy_unit": unit}) == none
    assert "AUC of at most 0.568" in text
    assert assumptions(unit)[0]["id"] == "A1"


@pytest.mark.parametrize("value", [1.0, 1.04e-6, 1.2345e-6, 9.96e-7, 2.0000004])
def test_numbers_in_a_claim_are_never_rounded_down(value: float) -> None:
    unit = PrivacyUnit("record", "add_remove", 1, "none_asserted_by_user").to_json()
    claim = {
        "type": "end_to_end_dp",
        "epsilon": value,
        "delta": value,
        "epsilon_replace_one": value,
        "epsilon_group": {"2": value},
        "delta_group": {"2": value},
        "attack": {"auc": value},
    }
    told = re.findall(r"\d[\d.]*(?:e-\d+)?", claim_text(claim, unit).replace("for 2 rows", ""))
    numbers = [float(t.rstrip(".")) for t in told]
    assert len(numbers) == 6
    assert all(n >= value for n in numbers)


def test_outputs_are_named_with_hash_and_size(run: Run, facts: Facts) -> None:
    outputs = (*facts.outputs, Output("report.html", "d" * 64, 0))
    assert built(run, facts, outputs=outputs)["outputs"][1] == {
        "name": "report.html",
        "sha256": "d" * 64,
        "records": 0,
    }
