"""An audit that is published on purpose: an entry of the ledger that ``verify`` recomputes."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.audit import audit_run, canary_run
from rpsg.cli import main
from rpsg.errors import UsageError
from rpsg.json_text import strict_json
from rpsg.privacy.checks import form
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.published_audit import CANNOT_SHOW, LIKE_IT, NOT_COVERED, THIS, WORDS, audit_holds
from rpsg.privacy.signing import make_pair, seal
from rpsg.testing.planted import texts
from rpsg.verification.sign import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

FEW = ("near-copies", "copies", "refer", "extraction", "exposure")


@dataclass
class Published:
    """A run at epsilon 2 whose audit was published, and what its ledger says."""

    run: Path
    key: Path
    before: dict[str, Any]
    caution: str

    @property
    def ledger(self) -> dict[str, Any]:
        return dict(strict_json((self.run / "release" / "ledger.json").read_bytes()))


def plan_of(lab: Lab, **data: Any) -> Any:
    """Half of those among whom a control leaks are canaries, so one of its few leaks certainly is."""
    public = lab.file([{"text": text} for text in texts(500, 3)], "public.jsonl")
    about = {"audit_holdout": 0.5, "account": "shop", "audit_canaries": 400, "canary_texts": str(public)}
    return lab.plan(
        lab.file(lab.rows(200)), corpus={"size": 150}, privacy={"epsilon": 2.0}, data={**about, **data}
    )


def pair(lab: Lab) -> Path:
    key = lab.folder / "key"
    make_pair(key, lab.folder / "key.pub")
    return key


def kept(run: Path, report: Any) -> None:
    (run / "private" / "audit.json").write_text(report.to_json(with_matches=True))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Published:
    lab = lab_of(tmp_path_factory.mktemp("published"))
    run = api.run(plan_of(lab), lab.folder / "run").path
    before = dict(strict_json((run / "release" / "ledger.json").read_bytes()))
    key = pair(lab)
    kept(run, audit_run(run, attacks=FEW))
    publish(run, key, audit=run)
    return Published(run, key, before, Odometer().statement("shop").caution())


def test_a_published_audit_is_an_entry_of_the_ledger_and_the_release_verifies(published: Published) -> None:
    ledger = published.ledger
    found = api.verify(published.run, key=published.key.with_suffix(".pub"))
    assert found.ok, [check for check in found.checks if not check.ok]
    assert CANNOT_SHOW in found.cannot_show
    assert any(check.name.startswith("how often a canary") for check in found.checks)
    assert ledger["audit"] == {"ran": True, "published": "figures", "verdict": "no_violation_found"}
    told = ledger["published_audit"]
    assert (told["of"], told["verdict"], told["words"]) == (THIS, "no violation seen", WORDS)
    assert told["claim"] == {"epsilon": 2.0, "delta": 1e-6}
    assert {line["name"] for line in told["attacks"]} == set(FEW)
    assert NOT_COVERED in ledger["not_covered"]
    assert ledger["chain"]["prev_sha256"] == published.before["chain"]["entry_sha256"]


def test_the_words_of_the_release_say_what_the_figures_are(published: Published) -> None:
    for name in ("README.md", "summary.md"):
        page = (published.run / "release" / name).read_text()
        assert "## An audit: no violation seen" in page
        assert WORDS in page
    assert "1 run of the method published audit read records" in published.caution


def test_nothing_but_the_entry_and_its_words_changes_the_ledger(published: Published) -> None:
    before, after = published.before, published.ledger
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {"audit", "published_audit", "not_covered", "signer", "chain", "outputs"}
    assert after["claim"] == before["claim"]


def test_no_text_place_or_person_is_in_it(published: Published) -> None:
    told = json.dumps(published.ledger["published_audit"])
    assert "matches" not in told
    assert "person-" not in told


def line(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["attacks"] if each["name"] == name)


def run_lines(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in found["attacks"] if each["verdict"] != "not run"]


def _more_right(found: dict[str, Any]) -> None:
    each = next(e for e in run_lines(found) if e["kind"] == "ranked")
    each["right"] = each["guesses"] - 1 if each["right"] < each["guesses"] // 2 + 20 else 3


def _lower(found: dict[str, Any]) -> None:
    run_lines(found)[0]["epsilon_lower"] += 0.5


def _stronger(found: dict[str, Any]) -> None:
    run_lines(found)[0]["epsilon_most"] += 0.5


def _fewer_attacks(found: dict[str, Any]) -> None:
    found["tested"] -= 1


def _dropped(found: dict[str, Any]) -> None:
    found["attacks"].remove(run_lines(found)[0])


def _claim(found: dict[str, Any]) -> None:
    found["claim"]["epsilon"] = 1.0


def _verdict(found: dict[str, Any]) -> None:
    found["verdict"] = "refuted"


def _of_attack(found: dict[str, Any]) -> None:
    run_lines(found)[0]["verdict"] = "refuted"


def _words(found: dict[str, Any]) -> None:
    found["words"] = "The corpus is safe."


def _void(found: dict[str, Any]) -> None:
    found["told_apart"]["low"] = 0.6


def _canary(found: dict[str, Any]) -> None:
    line(found, "extraction")["right"] = 1


def _impossible(found: dict[str, Any]) -> None:
    each = next(e for e in run_lines(found) if e["kind"] == "ranked")
    each["members"] = each["units"]


def _free_words(found: dict[str, Any]) -> None:
    found["attacks"][0]["name"] = "the corpus is anonymous!"


def _smuggled(found: dict[str, Any]) -> None:
    each = run_lines(found)[0]
    for name in each.keys() - {"name", "verdict", "right"}:
        del each[name]
    each["verdict"] = "not run"


def _huge(found: dict[str, Any]) -> None:
    next(e for e in run_lines(found) if e["kind"] == "ranked")["units"] = 10**12


@pytest.mark.parametrize(
    "forge",
    [
        *(_more_right, _lower, _stronger, _fewer_attacks, _dropped, _claim, _verdict, _of_attack, _words),
        *(_void, _canary, _impossible, _free_words, _smuggled, _huge),
    ],
)
def test_a_forged_figure_does_not_fit_even_if_the_ledger_is_sealed_again(
    published: Published, forge: Callable[[dict[str, Any]], None]
) -> None:
    body = copy.deepcopy({name: value for name, value in published.ledger.items() if name != "chain"})
    assert not [*form(seal(body)), *audit_holds(body)]
    forge(body["published_audit"])
    assert [*form(seal(body))] or [*audit_holds(body)]


@pytest.mark.parametrize("name", ["published_audit", "audit", "not_covered"])
def test_an_entry_cannot_be_taken_back_in_one_place_alone(published: Published, name: str) -> None:
    body = copy.deepcopy(published.ledger)
    if name == "not_covered":
        body[name].remove(NOT_COVERED)
    else:
        del body[name]
    assert list(audit_holds(body))


def test_a_second_audit_is_not_published(published: Published) -> None:
    with pytest.raises(UsageError, match="has a published audit"):
        publish(published.run, published.key, audit=published.run)


def test_signing_anew_keeps_the_audit(published: Published) -> None:
    before = published.ledger
    publish(published.run, published.key)
    assert published.ledger["published_audit"] == before["published_audit"]
    assert api.verify(published.run).ok


def test_an_audit_run_of_the_same_plan_can_be_published_with_a_release(lab: Lab) -> None:
    key = pair(lab)
    audited, other = lab.folder / "audit", lab.folder / "other"
    canary_run(plan_of(lab), audited, attacks=FEW)
    run = api.run(plan_of(lab, audit_holdout=0.0, audit_canaries=0), lab.folder / "run").path
    assert main(["publish", str(run), "--sign", str(key), "--audit", str(audited)]) == 0
    ledger = strict_json((run / "release" / "ledger.json").read_bytes())
    assert ledger["published_audit"]["of"] == LIKE_IT
    assert api.verify(run).ok
    changed = plan_of(lab, audit_holdout=0.0, audit_canaries=0)
    changed = changed.model_copy(update={"corpus": changed.corpus.model_copy(update={"size": 140})})
    with pytest.raises(UsageError, match="not one of this release"):
        publish(api.run(changed, other).path, key, audit=audited)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"about": {"ledger_id": 3}, "verdict": "refuted"}'])
def test_a_damaged_audit_is_not_published(lab: Lab, content: str) -> None:
    run = api.run(plan_of(lab), lab.folder / "run").path
    (run / "private" / "audit.json").write_text(content)
    with pytest.raises(UsageError):
        publish(run, pair(lab), audit=run)
    assert "audit" not in str(Odometer().statement("shop").caution())


def test_an_audit_that_did_not_count_is_not_published(lab: Lab) -> None:
    run = api.run(plan_of(lab), lab.folder / "run").path
    kept(run, audit_run(run, attacks=["identities"]))
    with pytest.raises(UsageError, match="did not count"):
        publish(run, pair(lab), audit=run)
