"""The files of a release, with its ledger: corpus, evidence, and text that must be strict JSON."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.privacy.accounting import plan_sha256
from rpsg.privacy.signing import seal
from rpsg.privacy.verify import verify_ledger, verify_release

if TYPE_CHECKING:
    from pathlib import Path

    from tests.privacy.conftest import Release

    from rpsg.privacy.verify import Check

Ledger = dict[str, Any]


def verified(release: Release, **changed: Path) -> list[Check]:
    given: dict[str, Any] = {"corpus": release.corpus, "evidence": release.evidence, **changed}
    return verify_release(release.ledger_file, **given)


def failed(checks: list[Check]) -> set[str]:
    return {c.name for c in checks if not c.ok}


def line(ledger: Ledger, stage: str) -> Ledger:
    found: Ledger = next(m for m in ledger["mechanisms"] if m["stage"] == stage)
    return found


def test_dropping_a_stage_from_plan_and_list_alike_is_caught_by_the_evidence(release: Release) -> None:
    body = copy.deepcopy(release.ledger)
    dropped = body["mechanisms"].pop()
    body["stage_plan"]["releases"].pop()
    body["plan_sha256"] = plan_sha256(body["stage_plan"])
    body["replay"]["evidence_files"] -= 1
    body["cost"]["mu2"] -= dropped["sensitivity2"] / dropped["sigma"] ** 2
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
    ledger = {k: v for k, v in copy.deepcopy(release.ledger).items() if k != "chain"}
    line(ledger, "phrases")["output_sha256"] = hashlib.sha256(content).hexdigest()
    release.rewrite(seal(ledger))
    checks = verified(release)
    assert failed(checks) == {"evidence"}
    assert "did not pass the threshold" in next(c.detail for c in checks if c.name == "evidence")


def test_missing_files_are_failed_checks_not_errors(release: Release, tmp_path: Path) -> None:
    assert failed(verified(release, corpus=tmp_path / "none")) == {"corpus"}
    assert failed(verified(release, evidence=tmp_path / "none")) == {"evidence"}
    assert failed(verify_release(tmp_path / "none", release.corpus, release.evidence)) == {"file"}


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
