"""One good release passes; every way we know of making a release look better than it is fails."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.privacy.accounting import plan_sha256
from rpsg.privacy.claims import claim_text
from rpsg.privacy.seal import seal
from rpsg.privacy.verify import CANNOT_SHOW, Check, holds, verify_ledger, verify_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.privacy.conftest import Release

Ledger = dict[str, Any]


def verified(release: Release, **changed: Path | None) -> list[Check]:
    given: dict[str, Any] = {"corpus": release.corpus, "evidence": release.evidence, **changed}
    return verify_release(release.ledger_file, **given)


def failed(checks: list[Check]) -> set[str]:
    return {c.name for c in checks if c.ok is False}


def test_a_good_release_passes_every_check(release: Release) -> None:
    checks = verified(release)
    assert all(c.ok for c in checks)
    assert len(checks) == 14


def test_what_was_not_given_is_said_to_be_unchecked(release: Release) -> None:
    checks = verify_release(release.ledger_file)
    assert {c.name for c in checks if c.ok is None} == {"corpus", "evidence"}
    assert holds(checks)


def test_what_no_verifier_can_see_is_listed() -> None:
    assert len(CANNOT_SHOW) >= 4


def line(ledger: Ledger, stage: str) -> Ledger:
    found: Ledger = next(m for m in ledger["mechanisms"] if m["stage"] == stage)
    return found


def halve_sigma(ledger: Ledger) -> None:
    line(ledger, "votes[1]")["sigma"] /= 2


def many_items_as_one(ledger: Ledger) -> None:
    line(ledger, "phrases")["sensitivity2"] = 1


def many_rows_unscaled(ledger: Ledger) -> None:
    ledger["privacy_unit"]["max_records_per_unit"] = 5


def swap_adjacency(ledger: Ledger) -> None:
    ledger["privacy_unit"]["adjacency"] = "replace_one"


def drop_first_mechanism(ledger: Ledger) -> None:
    del ledger["mechanisms"][0]


def drop_last_mechanism(ledger: Ledger) -> None:
    del ledger["mechanisms"][-1]


def drop_last_mechanism_and_recount(ledger: Ledger) -> None:
    dropped = ledger["mechanisms"].pop()
    mu2 = ledger["claim"]["mu"] ** 2 - dropped["sensitivity2"] / dropped["sigma"] ** 2
    ledger["claim"]["mu"] = mu2**0.5
    ledger["replay"]["evidence_files"] -= 1


def lower_epsilon(ledger: Ledger) -> None:
    ledger["claim"]["epsilon"] = 1.0


def lower_epsilon_everywhere(ledger: Ledger) -> None:
    ledger["claim"]["epsilon"] = ledger["stage_plan"]["epsilon"] = 1.0
    ledger["plan_sha256"] = plan_sha256(ledger["stage_plan"])
    ledger["claim"]["text"] = claim_text(ledger["claim"], ledger["privacy_unit"])


def lower_delta(ledger: Ledger) -> None:
    ledger["claim"]["delta"] = 1e-9


def lower_threshold(ledger: Ledger) -> None:
    line(ledger, "phrases.select")["threshold"] -= 10


def lower_threshold_in_the_plan_too(ledger: Ledger) -> None:
    lower_threshold(ledger)
    ledger["stage_plan"]["releases"][1]["threshold"] -= 10
    ledger["plan_sha256"] = plan_sha256(ledger["stage_plan"])


def drop_threshold(ledger: Ledger) -> None:
    ledger["mechanisms"].remove(line(ledger, "phrases.select"))
    for seq, mechanism in enumerate(ledger["mechanisms"]):
        mechanism["seq"] = seq


def seeded_noise(ledger: Ledger) -> None:
    ledger["rng"]["noise"] = "seeded_testing_only"


def unknown_noise(ledger: Ledger) -> None:
    ledger["rng"]["source"] = "testing:seeded"


def understated_sampler(ledger: Ledger) -> None:
    ledger["rng"]["tv_bound_total"] = 0.0


def paper_with_epsilon(ledger: Ledger) -> None:
    ledger["mode"] = "paper"
    ledger["claim"]["type"] = "no_formal_guarantee"


def hidden_flow(ledger: Ledger) -> None:
    ledger["non_dp_flows"] = [{"from": "records", "to": "prompt", "what": "raw text"}]


def raw_egress(ledger: Ledger) -> None:
    ledger["egress"] = [{"endpoint_class": "remote_llm", "carries": "raw_private"}]


def reset_odometer(ledger: Ledger) -> None:
    ledger["cumulative"]["dataset_odometer_mu2"] = 0.0


def odometer_over_its_cap(ledger: Ledger) -> None:
    ledger["cumulative"]["dataset_odometer_mu2"] = 99.0


def smuggled_hash(ledger: Ledger) -> None:
    ledger["private_data_sha256"] = "0" * 64


def smuggled_count(ledger: Ledger) -> None:
    ledger["public_inputs"] = [{"name": "rows", "role": "n", "value": 1234}]


def better_words(ledger: Ledger) -> None:
    ledger["claim"]["text"] = ledger["claim"]["text"].replace("epsilon 2", "epsilon 0.2")


def better_groups(ledger: Ledger) -> None:
    ledger["claim"]["epsilon_group"]["10"] = 2.0


def better_replace_one(ledger: Ledger) -> None:
    ledger["claim"]["epsilon_replace_one"] = 2.0


def weaker_attacker(ledger: Ledger) -> None:
    ledger["claim"]["attack"]["auc"] = 0.5


def forgotten_delta_fail(ledger: Ledger) -> None:
    ledger["claim"]["delta_fail"] = 0.0


def forgotten_caveat(ledger: Ledger) -> None:
    ledger["not_covered"] = ledger["not_covered"][:3]


def other_plan(ledger: Ledger) -> None:
    ledger["plan_sha256"] = "0" * 64


def uncharged(ledger: Ledger) -> None:
    line(ledger, "votes[0]")["charged"] = False


def absurd_sigma(ledger: Ledger) -> None:
    line(ledger, "votes[0]")["sigma"] = 1e-200


def impossible_rule(ledger: Ledger) -> None:
    line(ledger, "n_estimate")["sens"]["k"] = 2


def pure_dp_line(ledger: Ledger) -> None:
    pure = {"seq": 5, "stage": "x", "kind": "pure_dp", "data": "private", "charged": True, "epsilon0": 9.0}
    ledger["mechanisms"].append(pure)


TAMPERING: list[tuple[Callable[[Ledger], None], set[str]]] = [
    (halve_sigma, {"stage plan", "epsilon and delta", "odometer"}),
    (many_items_as_one, {"sensitivity"}),
    (many_rows_unscaled, {"sensitivity", "claim in words"}),
    (swap_adjacency, {"sensitivity", "stage plan", "epsilon and delta", "odometer", "claim in words"}),
    (drop_first_mechanism, {"numbering", "stage plan"}),
    (drop_last_mechanism, {"stage plan"}),
    (drop_last_mechanism_and_recount, {"stage plan"}),
    (lower_epsilon, {"stage plan", "epsilon and delta", "claim in words"}),
    (lower_epsilon_everywhere, {"epsilon and delta"}),
    (lower_delta, {"stage plan", "epsilon and delta", "claim in words"}),
    (lower_threshold, {"threshold", "stage plan", "epsilon and delta"}),
    (lower_threshold_in_the_plan_too, {"threshold", "epsilon and delta"}),
    (drop_threshold, {"threshold", "stage plan"}),
    (seeded_noise, {"form"}),
    (unknown_noise, {"randomness"}),
    (understated_sampler, {"randomness"}),
    (paper_with_epsilon, {"form"}),
    (hidden_flow, {"form"}),
    (raw_egress, {"form"}),
    (reset_odometer, {"odometer"}),
    (odometer_over_its_cap, {"odometer"}),
    (smuggled_hash, {"form"}),
    (smuggled_count, {"form"}),
    (better_words, {"claim in words"}),
    (better_groups, {"epsilon and delta", "claim in words"}),
    (better_replace_one, {"epsilon and delta", "claim in words"}),
    (weaker_attacker, {"epsilon and delta", "claim in words"}),
    (forgotten_delta_fail, {"epsilon and delta"}),
    (forgotten_caveat, {"caveats"}),
    (other_plan, {"stage plan"}),
    (uncharged, {"form"}),
    (absurd_sigma, {"stage plan", "epsilon and delta", "odometer"}),
    (impossible_rule, {"sensitivity", "stage plan", "epsilon and delta", "odometer"}),
    (pure_dp_line, {"stage plan", "epsilon and delta"}),
]


@pytest.mark.parametrize(("tamper", "caught_by"), TAMPERING, ids=[t.__name__ for t, _ in TAMPERING])
def test_a_ledger_that_was_changed_and_sealed_again_is_caught(
    release: Release, tamper: Callable[[Ledger], None], caught_by: set[str]
) -> None:
    body = copy.deepcopy(release.ledger)
    tamper(body)
    del body["chain"]
    assert failed(verify_ledger(seal(body))) == caught_by


@pytest.mark.parametrize(("tamper", "_"), TAMPERING, ids=[t.__name__ for t, _ in TAMPERING])
def test_a_ledger_that_was_changed_and_not_sealed_again_is_caught_by_the_seal(
    release: Release, tamper: Callable[[Ledger], None], _: set[str]
) -> None:
    edited = copy.deepcopy(release.ledger)
    tamper(edited)
    assert failed(verify_ledger(edited)) & {"seal", "form"}


def test_dropping_a_stage_from_plan_and_list_alike_is_caught_by_the_evidence(release: Release) -> None:
    body = copy.deepcopy(release.ledger)
    dropped = body["mechanisms"].pop()
    body["stage_plan"]["releases"].pop()
    body["plan_sha256"] = plan_sha256(body["stage_plan"])
    body["replay"]["evidence_files"] -= 1
    body["cumulative"]["dataset_odometer_mu2"] -= dropped["sensitivity2"] / dropped["sigma"] ** 2
    del body["chain"]
    release.rewrite(seal(body))
    assert failed(verified(release)) == {"evidence"}
    (release.evidence / "release-003.json").unlink()
    assert failed(verified(release)) == {"evidence"}  # the files left name the longer plan


def test_another_corpus_is_caught(release: Release) -> None:
    release.corpus.write_text(release.corpus.read_text() + '{"text": "three"}\n')
    assert failed(verified(release)) == {"corpus"}


def test_a_wrong_number_of_records_is_caught(release: Release) -> None:
    body = {k: v for k, v in copy.deepcopy(release.ledger).items() if k != "chain"}
    body["outputs"][0]["records"] = 3
    release.rewrite(seal(body))
    assert failed(verified(release)) == {"corpus"}


@pytest.mark.parametrize("seq", range(4))
def test_edited_evidence_is_caught(release: Release, seq: int) -> None:
    path = release.evidence / f"release-{seq:03d}.json"
    path.write_bytes(path.read_bytes().replace(b'"seq":', b'"seq": ', 1))
    assert failed(verified(release)) == {"evidence"}


def test_evidence_too_much_is_caught(release: Release) -> None:
    (release.evidence / "release-004.json").write_bytes(b"{}")
    assert failed(verified(release)) == {"evidence"}


def test_evidence_of_another_run_is_caught(release: Release) -> None:
    (release.evidence / "release-000.json").write_bytes((release.evidence / "release-002.json").read_bytes())
    assert failed(verified(release)) == {"evidence"}


def test_a_string_below_the_threshold_is_caught(release: Release) -> None:
    path = release.evidence / "release-001.json"
    body = json.loads(path.read_text())
    body["items"].append(["zz", 1])
    content = (json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n").encode()
    path.write_bytes(content)
    import hashlib

    ledger = {k: v for k, v in copy.deepcopy(release.ledger).items() if k != "chain"}
    line(ledger, "phrases")["output_sha256"] = hashlib.sha256(content).hexdigest()
    release.rewrite(seal(ledger))
    checks = verified(release)
    assert failed(checks) == {"evidence"}
    assert "did not pass the threshold" in next(c.detail for c in checks if c.name == "evidence")


def test_missing_files_are_failed_checks_not_errors(release: Release, tmp_path: Path) -> None:
    assert failed(verified(release, corpus=tmp_path / "none")) == {"corpus"}
    assert failed(verified(release, evidence=tmp_path / "none")) == {"evidence"}
    assert failed(verify_release(tmp_path / "none")) == {"file"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"schema": NaN}', id="NaN"),
        pytest.param('{"schema": Infinity}', id="Infinity"),
        pytest.param('{"schema": -Infinity}', id="minus Infinity"),
        pytest.param('{"schema": 1e999}', id="a number that overflows"),
        pytest.param('{"schema": 1, "schema": 2}', id="a key twice"),
        pytest.param('{"claim": {"epsilon": 1, "epsilon": 2}}', id="a key twice inside"),
        pytest.param("{", id="no JSON"),
        pytest.param("", id="empty"),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), id="crooked text"),
    ],
)
def test_text_that_is_no_strict_json_is_refused(release: Release, text: str) -> None:
    release.ledger_file.write_text(text, encoding="latin-1")
    assert failed(verified(release)) == {"file"}


def test_a_key_twice_is_caught_in_a_whole_ledger(release: Release) -> None:
    text = release.ledger_file.read_text()
    release.ledger_file.write_text(text.replace('"epsilon": 2.0,', '"epsilon": 0.1, "epsilon": 2.0,', 1))
    assert failed(verified(release)) == {"file"}


@pytest.mark.parametrize("parsed", [None, [], 1, "ledger", {}])
def test_json_that_is_no_ledger_fails_by_its_form(release: Release, parsed: Any) -> None:
    release.ledger_file.write_text(json.dumps(parsed))
    assert failed(verified(release)) == {"form"}


def test_the_example_ledger_lacks_only_what_its_form_has_gained(example_ledger: dict[str, Any]) -> None:
    assert failed(verify_ledger(example_ledger)) == {"form"}
