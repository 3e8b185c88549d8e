"""One good release passes; every way we know of making a release look better than it is fails."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.privacy.accounting import plan_sha256
from rpsg.privacy.claims import claim_text
from rpsg.privacy.signing import seal
from rpsg.privacy.verify import CANNOT_SHOW, verify_ledger, verify_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.privacy.conftest import Release

    from rpsg.privacy.verify import Check

Ledger = dict[str, Any]


def verified(release: Release, **changed: Path) -> list[Check]:
    given: dict[str, Any] = {"corpus": release.corpus, "evidence": release.evidence, **changed}
    return verify_release(release.ledger_file, **given)


def failed(checks: list[Check]) -> set[str]:
    return {c.name for c in checks if not c.ok}


def test_a_good_release_passes_every_check(release: Release) -> None:
    checks = verified(release)
    assert all(c.ok for c in checks)
    assert len(checks) == 17


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
    ledger["reads"] = "records"
    ledger["claim"]["type"] = "no_formal_guarantee"


def hidden_flow(ledger: Ledger) -> None:
    ledger["non_dp_flows"] = [{"from": "records", "to": "prompt", "what": "raw text"}]


def raw_egress(ledger: Ledger) -> None:
    ledger["egress"] = [{"endpoint_class": "remote_llm", "carries": "raw_private"}]


def understated_cost(ledger: Ledger) -> None:
    ledger["cost"]["mu2"] = 0.0


def cost_of_other_runs(ledger: Ledger) -> None:
    ledger["cost"]["mu2"] *= 2.0


def thresholds_for_nothing(ledger: Ledger) -> None:
    ledger["cost"]["delta_fail"] = 0.0


def unbounded_cost(ledger: Ledger) -> None:
    ledger["cost"] = {"mu2": None, "delta_fail": None}


def total_over_runs(ledger: Ledger) -> None:
    ledger["cumulative"] = {"releases": 2}


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
    (halve_sigma, {"stage plan", "epsilon and delta", "cost"}),
    (many_items_as_one, {"sensitivity"}),
    (many_rows_unscaled, {"sensitivity", "claim in words"}),
    (swap_adjacency, {"sensitivity", "stage plan", "epsilon and delta", "cost", "claim in words"}),
    (drop_first_mechanism, {"numbering", "stage plan", "cost"}),
    (drop_last_mechanism, {"stage plan", "cost"}),
    (drop_last_mechanism_and_recount, {"stage plan", "cost"}),
    (lower_epsilon, {"stage plan", "epsilon and delta", "claim in words"}),
    (lower_epsilon_everywhere, {"epsilon and delta"}),
    (lower_delta, {"stage plan", "epsilon and delta", "claim in words"}),
    (lower_threshold, {"threshold", "stage plan", "epsilon and delta"}),
    (lower_threshold_in_the_plan_too, {"threshold", "epsilon and delta"}),
    (drop_threshold, {"threshold", "stage plan", "cost"}),
    (seeded_noise, {"form"}),
    (unknown_noise, {"randomness"}),
    (understated_sampler, {"randomness"}),
    (paper_with_epsilon, {"form"}),
    (hidden_flow, {"form"}),
    (raw_egress, {"form"}),
    (understated_cost, {"cost"}),
    (cost_of_other_runs, {"cost"}),
    (thresholds_for_nothing, {"cost"}),
    (unbounded_cost, {"cost"}),
    (total_over_runs, {"form"}),
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
    (absurd_sigma, {"stage plan", "epsilon and delta", "cost"}),
    (impossible_rule, {"sensitivity", "stage plan", "epsilon and delta", "cost"}),
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
