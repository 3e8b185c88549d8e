"""A run without a guarantee says so, and no edit makes it say more."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import PrivacyError, RunError
from rpsg.privacy.claims import NO_GUARANTEE, NOT_PRIVATE, PrivacyUnit, paper_claim_text
from rpsg.privacy.facts import Egress, Facts, Output, UnprotectedFlow
from rpsg.privacy.ledger import build_public_ledger
from rpsg.privacy.noise import RoundedGaussian
from rpsg.privacy.private import Private, withheld
from rpsg.privacy.signing import seal
from rpsg.privacy.unprotected_reads import UnprotectedReads
from rpsg.privacy.verify import verify_ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Ledger = dict[str, Any]
FLOW = UnprotectedFlow("records", "seeds", "their texts")


def facts(**changes: Any) -> Facts:
    told: dict[str, Any] = {
        "reads": "records",
        "method": "paper",
        "claim": "no_formal_guarantee",
        "unit": PrivacyUnit("record", "add_remove", 1, "random_subset_csprng"),
        "outputs": (Output("corpus.jsonl", "0" * 64, 3),),
        "generation_seed": 0,
        "flows": (FLOW,),
        "egress": (Egress("local_model", "raw_private", "writer"),),
        "claim_words": paper_claim_text(1.06, "writer on this machine", "not run"),
        "noise_source": RoundedGaussian.name,
    }
    return Facts(**{**told, **changes})


def ledger_of(**changes: Any) -> Ledger:
    return build_public_ledger(facts(**changes), None)


def test_a_paper_ledger_is_accepted_and_speaks_of_no_budget() -> None:
    ledger = ledger_of()
    assert all(c.ok for c in verify_ledger(ledger))
    assert ledger["claim"] == {"type": "no_formal_guarantee", "text": facts().claim_words}
    told = json.dumps(ledger, ensure_ascii=False).lower()
    assert "epsilon" not in told
    assert "\u03b5" not in told


def claim(key: str, value: Any) -> Callable[[Ledger], None]:
    return lambda ledger: ledger["claim"].update({key: value})


def put(key: str, value: Any) -> Callable[[Ledger], None]:
    return lambda ledger: ledger.update({key: value})


MECHANISM = {
    "seq": 0,
    "stage": "choice",
    "kind": "pure_dp",
    "epsilon0": 1.0,
    "data": "seeds",
    "charged": True,
}
TAMPERED = {
    "an epsilon": claim("epsilon", 1.0),
    "a delta": claim("delta", 1e-6),
    "a mu": claim("mu", 0.1),
    "another type": claim("type", "end_to_end_dp"),
    "voters only": claim("type", "voters_only_dp"),
    "an epsilon in words": claim("text", f"{NO_GUARANTEE} But epsilon is 1."),
    "a Greek one": claim("text", f"{NO_GUARANTEE} But \u03b5 = 1."),
    "a curly one": claim("text", f"{NO_GUARANTEE} But \u03f5 = 1."),
    "a mathematical one": claim("text", f"{NO_GUARANTEE} But \U0001d700 = 1."),
    "no word of it": claim("text", "Private."),
    "a stage plan": put(
        "stage_plan", {"epsilon": 1.0, "delta": 1e-6, "adjacency": "add_remove", "releases": []}
    ),
    "a mechanism": put("mechanisms", [MECHANISM]),
    "hidden flows": put("non_dp_flows", []),
    "a public input": put("public_inputs", [{"name": "epsilon", "role": "fixed"}]),
    "a flow": put("non_dp_flows", [{"from": "a", "to": "b", "what": "at \u03b5 = 2"}]),
    "caveats of others": put("not_covered", ["a", "b", "c"]),
    "another mode": put("reads", "noisy_answers"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_paper_ledger_is_refused_even_when_it_is_sealed_anew(
    change: Callable[[Ledger], None],
) -> None:
    ledger = copy.deepcopy(ledger_of())
    change(ledger)
    body = {key: value for key, value in ledger.items() if key != "chain"}
    assert not all(c.ok for c in verify_ledger(seal(body)))


def test_the_tampering_itself_is_not_what_is_refused() -> None:
    body = {key: value for key, value in ledger_of().items() if key != "chain"}
    assert all(c.ok for c in verify_ledger(seal(body)))


@pytest.mark.parametrize("changes", [{"claim_words": "epsilon 1"}, {"flows": ()}, {"claim_words": ""}])
def test_a_run_that_would_say_more_or_less_gets_no_ledger(changes: dict[str, Any]) -> None:
    with pytest.raises(PrivacyError):
        ledger_of(**changes)


def test_a_choice_under_test_noise_says_that_it_is_not_private() -> None:
    ledger = ledger_of(noise_source="testing:fixed")
    assert (ledger["status"], ledger["claim"]["text"]) == ("not_private_testing", NOT_PRIVATE)
    assert ledger["rng"]["noise"] == "seeded_testing_only"
    assert all(c.ok for c in verify_ledger(ledger))


def test_a_choice_without_noise_says_so() -> None:
    assert "chosen without noise" in paper_claim_text(0.0, "writer", "not run")


def door(folder: Path) -> UnprotectedReads:
    return UnprotectedReads(folder / "disclosures.jsonl", {"rows": lambda: Private("a private text")})


def test_a_door_writes_down_what_it_gives_before_it_gives_it(tmp_path: Path) -> None:
    opened = door(tmp_path)
    assert not opened.flows
    assert opened.read("rows", FLOW) == "a private text"
    assert opened.flows == (FLOW,)
    assert "a private text" not in (tmp_path / "disclosures.jsonl").read_text()


def test_what_an_earlier_process_read_is_still_told_and_nothing_twice(tmp_path: Path) -> None:
    door(tmp_path).read("rows", FLOW)
    again = door(tmp_path)
    again.read("rows", FLOW)
    again.note(UnprotectedFlow("seeds", "writer", "one in a call"))
    assert door(tmp_path).flows == (FLOW, UnprotectedFlow("seeds", "writer", "one in a call"))


def test_a_reading_that_fails_is_told_all_the_same(tmp_path: Path) -> None:
    def broken() -> Private[str]:
        raise PrivacyError("no rows")

    opened = UnprotectedReads(tmp_path / "disclosures.jsonl", {"rows": broken})
    with pytest.raises(PrivacyError, match="no rows"):
        opened.read("rows", FLOW)
    assert opened.flows == (FLOW,)


def test_a_door_opens_no_other_box(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="without a mechanism"):
        door(tmp_path).read("voters", FLOW)
    assert door(tmp_path).flows == ()


def test_a_damaged_journal_of_disclosures_is_refused(tmp_path: Path) -> None:
    door(tmp_path).read("rows", FLOW)
    file = tmp_path / "disclosures.jsonl"
    file.write_text('{"what": "else"}\n')
    with pytest.raises(RunError, match="damaged"):
        door(tmp_path)


def test_the_words_of_an_error_on_private_text_are_withheld() -> None:
    def fail() -> None:
        raise ValueError("a private text")

    with pytest.raises(PrivacyError, match="withheld") as caught:
        withheld(fail)
    assert "a private text" not in str(caught.value)
    assert caught.value.__context__ is None
