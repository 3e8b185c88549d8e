"""The audit on a page: attacks, curves, canaries, and the closest texts in the private report alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.report.conftest import ATTACKS, read_page

from rpsg import api
from rpsg.audit import audit, audit_run
from rpsg.audit.claim import Claim
from rpsg.audit.finding import not_run
from rpsg.cli import main
from rpsg.models.fake import FakeWriter
from rpsg.privacy.attack_bounds import most_true_positives
from rpsg.registry import built_in
from rpsg.report.audit_page import MOST_MATCHES, audit_page, audit_part
from rpsg.report.html import percent
from rpsg.stages.canaries import make_canaries
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab
    from tests.report.conftest import Element

    from rpsg.audit.report import AuditReport
    from rpsg.protocols import Request

FEW = ("near-copies", "copies", "refer", "extraction", "names")


@pytest.fixture(scope="module")
def leaky() -> AuditReport:
    """A corpus that knows twenty of its members and three of its canaries."""
    members, held = texts(100, 1), texts(100, 5)
    canaries = make_canaries(60, texts(100, 3))
    corpus = [*texts(120, 7), *members[:20], *canaries.planted[:3]]
    return audit(corpus, members, held, epsilon=1, delta=1e-6, canaries=canaries, attacks=FEW)


def page_of(report: AuditReport) -> Element:
    return read_page(audit_page(report.to_json(with_matches=True)))


def rows(page: Element, caption: str) -> list[list[str]]:
    table = next(t for t in page.all("table") if t.one("caption").text == caption)
    return [[cell.text for cell in row.all("th", "td")] for row in table.all("tr")[1:]]


def test_the_page_says_the_verdict_why_and_what_was_claimed(leaky: AuditReport) -> None:
    page = page_of(leaky)
    assert page.all("p")[0].text.startswith("PRIVATE")
    assert leaky.words()[0] in [heading.text for heading in page.all("h3")]
    assert leaky.reason in page.text
    assert "epsilon 1, delta 1e-06" in page.text
    assert "but never prove one" in page.text
    assert "safe" not in page.text


def test_every_attack_has_a_row_and_those_that_did_not_run_a_reason(leaky: AuditReport) -> None:
    page = page_of(leaky)
    found = {row[0]: row for row in rows(page, "What each attack found")}
    about = {name + built_in("attacks")[name][1]: name for name in FEW if name != "names"}
    assert found.keys() == about.keys()
    found = {about[told]: row for told, row in found.items()}
    assert found["extraction"][1] == "refuted"
    assert found["extraction"][3] == "3 of 3"
    assert re.fullmatch(r"\d+\.\d\s% \(\d+\.\d\s% to \d+\.\d\s%\)", found["refer"][5])
    assert len(found["refer"]) == 7, "0.1 % of a hundred people is nobody, so no column is about it"
    assert leaky.finding("names").reason.replace("`", "") in page.text


def test_an_audit_that_does_not_count_has_its_reasons_and_no_empty_table(leaky: AuditReport) -> None:
    lacking = not_run("closest", "It needs an embedder.")
    page = page_of(replace(leaky, findings=(*leaky.findings, lacking)))
    assert not any(row[0].startswith("closest") for row in rows(page, "What each attack found"))
    needs = not_run("names", "It needs a recogniser: --with-recogniser, or `aids` in Python.")
    needing = page_of(replace(leaky, findings=(*leaky.findings, needs)))
    assert "or aids in Python." in needing.text
    assert "aids" in {code.text for code in needing.all("code")}
    assert "It needs an embedder. (closest)" in page.text
    void = replace(
        leaky, verdict="not run", findings=(replace(leaky.findings[0], verdict="not run"), lacking)
    )
    page = page_of(void)
    assert "What each attack found" not in page.text
    assert "It needs an embedder. (closest)" in page.text


def test_without_a_claim_no_curve_is_its(leaky: AuditReport) -> None:
    page = page_of(replace(leaky, claim=Claim()))
    assert "second line" not in {line.attributes["class"] for line in page.all("polyline")}
    assert "The line in another colour" not in page.text


def test_a_curve_of_canaries_is_not_called_one_of_people(leaky: AuditReport) -> None:
    assert "count canaries, not people" not in page_of(leaky).text
    of_canaries = replace(leaky.finding("refer"), name="exposure")
    page = page_of(replace(leaky, findings=(*leaky.findings[:-2], of_canaries)))
    assert "The lines of exposure and noisy-answers count canaries, not people." in page.text


def test_the_page_says_which_test_corpora_each_attack_found(leaky: AuditReport) -> None:
    title = "Two test corpora that certainly leak, and whether each attack found the leak"
    found = {row[0]: row[1:] for row in rows(page_of(leaky), title)}
    outcomes = {"caught": "found", "missed": "not found", "not tried": "not tried"}
    assert list(found) == list(FEW)
    for name in ("fitted on members", "leaky"):
        told = [outcomes[each.outcome] for each in leaky.controls[name]]
        assert told == [row[name == "leaky"] for row in found.values()]


def test_the_end_of_a_long_text_is_folded_and_nothing_of_it_is_lost(leaky: AuditReport) -> None:
    long = " ".join(f"word{k}" for k in range(200))
    pair = {"attack": "copies", "similarity": 1.0, "private": long, "synthetic": "x" * 600}
    page = read_page(str(audit_part(json.loads(leaky.to_json()), [pair])))
    assert all(head.text for head in page.all("th"))
    first, unbroken = (cell for cell in page.all("td") if cell.all("details"))
    assert "".join(each.text for each in first.all("bdi")) == long
    assert "".join(each.text for each in unbroken.all("bdi")) == "x" * 600


def test_the_curves_have_the_claim_s_beside_them_on_log_axes(leaky: AuditReport) -> None:
    page = page_of(leaky)
    kinds = {line.attributes["class"] for line in page.all("polyline")}
    assert {"guess line", "second line", "first line"} <= kinds
    read_off = rows(page, "Members found")
    assert [row[0] for row in read_off] == [percent(rate, 1) for rate in (0.001, 0.01, 0.1)]
    assert read_off[1][1] == percent(most_true_positives(1.0, 1e-6, 0.01), 1)
    guess = next(line for line in page.all("polyline") if line.attributes["class"] == "guess line")
    first, *_, last = guess.attributes["points"].split()
    assert (first, last) == ("58.0,200.0", "338.0,12.0")


def test_each_canary_is_a_field_and_those_found_are_filled(leaky: AuditReport) -> None:
    page = page_of(leaky)
    table = next(t for t in page.all("table") if t.one("caption").text == "Canaries")
    planted, held = table.all("svg")
    found = [rect.attributes["class"] for rect in planted.all("rect")]
    assert found.count("second bar") == 3
    assert len(found) == leaky.finding("extraction").details["planted"]
    assert {rect.attributes["class"] for rect in held.all("rect")} == {"band"}


def test_without_a_hit_the_page_says_how_often_one_may_still_come_out(leaky: AuditReport) -> None:
    none = replace(
        leaky.finding("extraction"),
        right=0,
        details={"planted": 30, "held out": 30, "held out and found": 0, "at most, if none is found": 0.095},
    )
    quiet = replace(leaky, findings=(none,))
    assert "below 9.5\u00a0%" in page_of(quiet).text


def test_the_page_of_an_audit_alone_holds_no_text_of_anybody(leaky: AuditReport) -> None:
    page = audit_page(leaky.to_json(with_matches=True))
    assert leaky.closest
    assert not any(pair.private in page or pair.synthetic in page for pair in leaky.closest)


def test_the_closest_texts_are_twenty_and_written_out_harmlessly(leaky: AuditReport) -> None:
    found = json.loads(leaky.to_json())
    matches: list[dict[str, Any]] = [
        {"attack": "near-copies", "similarity": 0.5, "private": text, "synthetic": text}
        for text in ATTACKS * 3
    ]
    page = read_page(str(audit_part(found, matches)))
    assert len(rows(page, "The closest texts")) == MOST_MATCHES
    assert not page.all("script", "img", "iframe", "link", "a")


def test_the_private_report_shows_the_audit_of_its_run_and_the_public_one_does_not(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"audit_holdout": 0.5}, privacy={"epsilon": 4.0})
    own = [row["text"] for row in lab.rows(300)]

    def leaked(request: Request) -> str:
        return f"{own[request.seed % len(own)]} and {request.seed} more words of number {request.seed % 89}"

    run = lab.run(plan, writer=FakeWriter(leaked)).path
    assert "audit-title" not in private_page(run)
    report = audit_run(run, attacks=("near-copies", "copies"))
    (run / "private" / "audit.json").write_text(report.to_json(with_matches=True))
    page = private_page(run)
    assert "audit-title" in page
    assert report.closest
    assert all(pair.private in page for pair in report.closest)
    clear = [file for file in (run / "private").rglob("*") if file.is_file() and file.name != "report.html"]
    assert not any(report.closest[0].private.encode() in file.read_bytes() for file in clear)
    assert main(["report", str(run)]) == 0
    assert "audit-title" not in (run / "report.html").read_text()
    assert "audit-title" not in (run / "release" / "report.html").read_text()


def private_page(run: Path) -> str:
    assert main(["report", str(run), "--private"]) == 0
    return (run / "private" / "report.html").read_text()


@pytest.mark.parametrize("content", ["", "{}", '{"words": []}', "[1]"])
def test_an_audit_of_another_version_hides_nothing_else(lab: Lab, content: str) -> None:
    run = api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run").path
    (run / "private" / "audit.json").write_text(content)
    assert "Only for the owner of the data" in private_page(run)
