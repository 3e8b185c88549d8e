"""What everybody can check of texts that were drawn token by token: ledger, price, and evidence."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.privacy.tearoom import BUDGET, MOST, TEXTS, Tearoom

from rpsg.errors import VerificationError
from rpsg.privacy.evidence import parse_evidence
from rpsg.privacy.ledger import build_public_ledger
from rpsg.privacy.replay import OpeningKernel, ReplayKernel
from rpsg.privacy.second_opinion import disagreements
from rpsg.privacy.signing import seal
from rpsg.privacy.token_sampling import RULE
from rpsg.privacy.verify import verify_ledger, verify_release

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.privacy.facts import Facts


@pytest.fixture
def tearoom(tmp_path: Path) -> Tearoom:
    return Tearoom(tmp_path)


def ledger_of(tearoom: Tearoom, facts: Facts) -> dict[str, Any]:
    kernel = tearoom.kernel()
    tearoom.sample(kernel)
    ledger = build_public_ledger(facts, kernel.performed)
    kernel.close()
    return ledger


def test_the_ledger_has_the_price_of_one_text_beside_the_count(tearoom: Tearoom, facts: Facts) -> None:
    ledger = ledger_of(tearoom, facts)
    line = ledger["mechanisms"][1]
    assert (line["kind"], line["sens"]["rule"], line["dim"]) == ("token_sampling", RULE, TEXTS)
    assert line["sensitivity2"] == MOST * 2000**2
    mu2 = BUDGET.releases[0].mu2("add_remove") + MOST * (2000 / line["sigma"]) ** 2
    assert ledger["claim"]["mu"] == pytest.approx(math.sqrt(mu2))
    path = tearoom.folder / "ledger.json"
    path.write_text(json.dumps(ledger))
    checks = verify_release(path, tearoom.folder / "corpus.jsonl", tearoom.folder / "run" / "evidence")
    assert [check for check in checks if not check.ok] == []


def test_another_accountant_agrees(tearoom: Tearoom, facts: Facts) -> None:
    pytest.importorskip("dp_accounting", reason="needs the extra verify")
    assert list(disagreements(ledger_of(tearoom, facts))) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sigma": 26145.1}, "counts as less noise"),
        ({"kind": "rounded_gaussian"}, "and only tokens are"),
        ({"dim": None}, "counts as less noise"),
    ],
)
def test_a_ledger_that_prices_tokens_as_something_else_is_caught(
    tearoom: Tearoom, facts: Facts, change: dict[str, Any], reason: str
) -> None:
    ledger = ledger_of(tearoom, facts)
    ledger["mechanisms"][1].update(change)
    forged = seal({k: v for k, v in ledger.items() if k != "chain"}, None)
    assert any(reason in check.detail for check in verify_ledger(forged) if not check.ok)


def test_the_texts_come_back_from_the_evidence_alone(tearoom: Tearoom, facts: Facts) -> None:
    ledger = ledger_of(tearoom, facts)
    replay = ReplayKernel(tearoom.folder / "run" / "evidence", ledger)
    tearoom.drawn = 0
    again = tearoom.sample(replay)
    assert tearoom.drawn == 0, "the model is not asked"
    assert again == tearoom.run()
    opening = OpeningKernel(tearoom.folder / "run" / "evidence", ledger)
    assert tearoom.sample(opening) == tearoom.run()


@pytest.mark.parametrize("part", [slice(0, 2), slice(0, 0)])
def test_evidence_with_too_few_texts_is_caught(tearoom: Tearoom, facts: Facts, part: slice) -> None:
    ledger = ledger_of(tearoom, facts)
    path = tearoom.folder / "run" / "evidence" / "release-001.json"
    body = json.loads(path.read_text())
    body["texts"] = body["texts"][part]
    path.write_text(json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n")
    with pytest.raises(VerificationError):
        tearoom.sample(ReplayKernel(tearoom.folder / "run" / "evidence", ledger))


@pytest.mark.parametrize("token", [[1], [1, "\u4e00"], ["1", "a"], [1, 2], 5])
def test_evidence_with_something_that_is_no_token_is_not_read(tearoom: Tearoom, token: Any) -> None:
    tearoom.run()
    path = tearoom.folder / "run" / "evidence" / "release-001.json"
    body = json.loads(path.read_text())
    body["texts"][0][0] = token
    with pytest.raises(ValueError, match=r"token|expected|number"):
        parse_evidence((json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n").encode())
