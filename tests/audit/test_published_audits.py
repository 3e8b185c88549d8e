"""An audit that is published on purpose: an entry of the ledger that ``verify`` recomputes."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.publishing import FEW, Published, counted_audit, counted_run, kept, pair, plan_of, rows

from rpsg import api
from rpsg.audit import audit, audit_run
from rpsg.cli import main
from rpsg.disk.json_text import strict_json
from rpsg.errors import UsageError
from rpsg.pipeline.verification import audited
from rpsg.pipeline.verification.sign import publish
from rpsg.plan import resolve
from rpsg.privacy.audit_figures import audit_holds
from rpsg.privacy.checks import form
from rpsg.privacy.evidence import Evidence
from rpsg.privacy.odometer import Odometer
from rpsg.privacy.published_audit import (
    CANNOT_SHOW,
    CANNOT_SHOW_LIKE_IT,
    LIKE_IT,
    NOT_COVERED,
    NOTHING_SEEN,
    THIS,
    WORDS,
)
from rpsg.privacy.published_audit import published as block_of
from rpsg.privacy.signing import seal
from rpsg.release.reader import Release
from rpsg.stages.canaries import chance_of_hit, make_canaries
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Published:
    lab = lab_of(tmp_path_factory.mktemp("published"))
    run = api.run(plan_of(lab), lab.folder / "run").path
    before = dict(strict_json((run / "release" / "ledger.json").read_bytes()))
    key = pair(lab)
    kept(run, counted_audit(run))
    publish(run, key, audit=run)
    return Published(run, key, before, Odometer().statement("shop").caution())


def test_a_published_audit_is_an_entry_of_the_ledger_and_the_release_verifies(published: Published) -> None:
    ledger = published.ledger
    found = api.verify(published.run, key=published.key.with_suffix(".pub"))
    assert found.ok, [check for check in found.checks if not check.ok]
    assert set(CANNOT_SHOW) <= set(found.cannot_show)
    assert CANNOT_SHOW_LIKE_IT not in found.cannot_show
    assert {audited.PLAN, audited.CORPUS, audited.CANARIES, audited.CHANCE, audited.PEOPLE} <= {
        check.name for check in found.checks
    }
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
        assert "## An audit: no violation seen, with limits" in page
        assert WORDS in page
        assert "This planted leak was found by extraction, but not by " in page
        assert "So this audit relies on its canaries" in page
        seen = r"\| extraction \| no violation seen \| 0\.00 \| yes \| 0\.\d % of the planted canaries \|"
        assert re.search(seen, page)
        assert "| noise-left | not run |  |  |  |" in page
    page = (published.run / "release" / "report.html").read_text()
    assert "An audit: no violation seen, with limits" in page
    assert re.search(r"0\.\d % of the planted canaries</span>", page)
    assert "1 run of the method published audit read texts" in published.caution


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


def _other_people(found: dict[str, Any]) -> None:
    found["people"]["members"] += 1


def _huge(found: dict[str, Any]) -> None:
    next(e for e in run_lines(found) if e["kind"] == "ranked")["units"] = 10**12


@pytest.mark.parametrize(
    "forge",
    [
        *(_more_right, _lower, _stronger, _fewer_attacks, _dropped, _claim, _verdict, _of_attack, _words),
        *(_void, _canary, _impossible, _free_words, _smuggled, _huge, _other_people),
    ],
)
def test_a_forged_figure_does_not_fit_even_if_the_ledger_is_sealed_again(
    published: Published, forge: Callable[[dict[str, Any]], None]
) -> None:
    body = copy.deepcopy({name: value for name, value in published.ledger.items() if name != "chain"})
    assert not [*form(seal(body)), *audit_holds(body)]
    forge(body["published_audit"])
    assert [*form(seal(body))] or [*audit_holds(body)]


def test_the_noise_of_answers_that_the_release_has_is_not_published(published: Published) -> None:
    """The first answer is the number of people: less the size of its noise it would be the exact number."""
    assert line(published.ledger["published_audit"], "noise-left") == {
        "name": "noise-left",
        "verdict": "not run",
    }
    measured = {"kind": "noise", "tests": 1, "entries": [1], "squares": [0.9], "added": [0.01]}
    nothing = {"verdict": "no violation seen", "reason": NOTHING_SEEN, "baseline": {"signs": []}}
    nothing["claim"] = {"is_made": True}
    finding = {"name": "noise-left", "verdict": "no violation seen", "epsilon_if_swapped": None}
    with pytest.raises(UsageError, match="would reveal the exact answers"):
        block_of({**nothing, "findings": [{**finding, "basis": measured}]}, of=THIS)
    body = copy.deepcopy(published.ledger)
    line(body["published_audit"], "noise-left").update(
        measured, verdict="no violation seen", epsilon_lower=0.0, epsilon_most=40.0, limit=None
    )
    assert any("reveals the exact answers" in reason for reason in audit_holds(body))


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
    apart, other = counted_run(lab, plan_of(lab)), lab.folder / "other"
    run = api.run(plan_of(lab, audit_holdout=0.0, audit_canaries=0), lab.folder / "run").path
    lab.file(rows(lab, 199))  # in the place of the rows that both have read
    with pytest.raises(UsageError, match="not the rows that the run read") as moved:
        publish(run, key, audit=apart)
    assert "--data FILE" in moved.value.hint
    data = str(lab.file(rows(lab, 200), "moved.jsonl"))
    assert main(["publish", str(run), "--sign", str(key), "--audit", str(apart), "--data", data]) == 0
    ledger = strict_json((run / "release" / "ledger.json").read_bytes())
    assert ledger["published_audit"]["of"] == LIKE_IT
    for name in ("squares", "added", "entries", "right"):
        body = copy.deepcopy({name: value for name, value in ledger.items() if name != "chain"})
        assert not [*form(seal(body)), *audit_holds(body)]
        line(body["published_audit"], "noise-left")[name] = [0.1] * 3
        assert [*form(seal(body))] or [*audit_holds(body)]
    assert "sha256" not in ledger["published_audit"]["corpus"]
    found = api.verify(run)
    assert found.ok
    assert CANNOT_SHOW_LIKE_IT in found.cannot_show
    assert {audited.PLAN, audited.LIKE, audited.PEOPLE} <= {check.name for check in found.checks}
    assert "nobody else can check this" in (run / "release" / "summary.md").read_text()
    changed = plan_of(lab, audit_holdout=0.0, audit_canaries=0)
    changed = changed.model_copy(update={"corpus": changed.corpus.model_copy(update={"size": 140})})
    with pytest.raises(UsageError, match="not one of this release"):
        publish(api.run(changed, other).path, key, audit=apart)


def test_an_audit_run_of_other_rows_is_not_published_as_one_like_the_release(lab: Lab) -> None:
    toy = lab.file([{**row, "text": f"{row['text']} toy"} for row in rows(lab, 200)], "toy.jsonl")
    apart = counted_run(lab, plan_of(lab, path=str(toy)))
    run = api.run(plan_of(lab, audit_holdout=0.0, audit_canaries=0), lab.folder / "run").path
    with pytest.raises(UsageError, match="other private rows"):
        publish(run, pair(lab), audit=apart)
    assert "published audit" not in Odometer().statement("shop").caution()
    assert "published_audit" not in strict_json((run / "release" / "ledger.json").read_bytes())


def fits(published: Published, change: Callable[[dict[str, Any]], None]) -> dict[str, bool]:
    """The checks of the release's audit after a change, by name."""
    release, texts_of = Release(published.run), api.read_run(published.run).texts
    found = copy.deepcopy(published.ledger["published_audit"])
    change(found)
    evidence = published.run / "release" / "evidence"
    made = audited.audit_fits(found, published.ledger, release.plan, release.pack, texts_of, evidence)
    return {check.name: check.ok for check in made}


def _of_another_plan(found: dict[str, Any]) -> None:
    found["plan"] = "0" * 64


def _of_other_texts(found: dict[str, Any]) -> None:
    found["corpus"]["sha256"] = "0" * 64


def _of_fewer_texts(found: dict[str, Any]) -> None:
    found["corpus"]["texts"] -= 1


def _of_few_canaries(found: dict[str, Any]) -> None:
    line(found, "extraction")["planted"] = 20


def _of_a_longer_corpus(found: dict[str, Any]) -> None:
    line(found, "extraction")["chance"] *= 1.01


def _of_thousands(found: dict[str, Any]) -> None:
    found["people"]["members"] = 5000


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_of_another_plan, audited.PLAN),
        (_of_other_texts, audited.CORPUS),
        (_of_fewer_texts, audited.CORPUS),
        (_of_few_canaries, audited.CANARIES),
        (_of_a_longer_corpus, audited.CHANCE),
        (_of_thousands, audited.PEOPLE),
    ],
)
def test_an_audit_of_something_else_does_not_fit_the_release(
    published: Published, change: Callable[[dict[str, Any]], None], name: str
) -> None:
    assert all(fits(published, lambda _: None).values())
    seen = fits(published, change)
    assert [wrong for wrong, ok in seen.items() if not ok] == [name]


def like_it(texts: int = 150, **people: Any) -> dict[str, Any]:
    return {
        "of": LIKE_IT,
        "plan": "0" * 64,
        "corpus": {"texts": texts},
        "people": {"members": 2000, "held_out": 2000, "share_held_out": 0.5, **people},
        "attacks": [{"name": "extraction", "kind": "extraction", "planted": 100}],
    }


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (like_it(), set()),
        (like_it(members=1200), set()),
        (like_it(members=60, held_out=60), {audited.PEOPLE}),
        (like_it(members=60, share_held_out=0.98), set()),
        (like_it(members=3000), {audited.PEOPLE}),
        (like_it(members=600), {audited.PEOPLE}),
        (like_it(members=600, left_out=1400), set()),
        (like_it(members=600, left_out=3000), {audited.PEOPLE}),
        (like_it(texts=20), {audited.LIKE}),
        ({**like_it(), "corpus": {"texts": 150, "sha256": "0" * 64}}, {audited.LIKE}),
    ],
)
def test_an_audit_of_a_few_invented_rows_is_no_audit_like_a_release_of_thousands(
    published: Published, tmp_path: Path, found: dict[str, Any], wrong: set[str]
) -> None:
    count = Evidence("0" * 64, 0, "size", "0" * 32, values=(4000,))
    (tmp_path / "release-000.json").write_bytes(count.to_bytes())
    ledger = {"mechanisms": [{"stage": "size", "sigma": 10.0, "seq": 0}]}
    plan = resolve({"data": {"audit_holdout": 0.0, "audit_canaries": 0}})
    rows = ["word " * 40] * 150
    found = {**found, "attacks": [{**found["attacks"][0], "chance": chance_of_hit(rows)}]}
    checks = audited.audit_fits(found, ledger, plan, Release(published.run).pack, rows, tmp_path)
    assert {check.name for check in checks if not check.ok} - {audited.PLAN} == wrong


def test_characters_that_nobody_sees_do_not_make_another_corpus_of_it(
    published: Published,
) -> None:
    """Writers use them, as in an emoji of several people; an audit does not compare them."""
    seen = texts(300, 1)
    corpus = [f"{text} \U0001f469\u200d\U0001f373 cafe\u0301" for text in seen[:100]]
    made = audit(corpus, seen[100:200], seen[200:], canaries=make_canaries(40, seen), attacks=["extraction"])
    chance = made.finding("extraction").basis["chance"]
    found = {**published.ledger["published_audit"], "attacks": [{"name": "extraction", "kind": "extraction"}]}
    found["attacks"][0] |= {"planted": 20, "chance": chance}
    release = Release(published.run)
    fitted = audited.audit_fits(
        found, published.ledger, release.plan, release.pack, corpus, release.path / "evidence"
    )
    assert {check.name: check.ok for check in fitted}[audited.CHANCE]


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
    with pytest.raises(UsageError, match="has no verdict"):
        publish(run, pair(lab), audit=run)
