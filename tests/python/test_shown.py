"""Results fit a screen: an element in a notebook, some lines on a terminal, one line in a list."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.audit.claim import Claim
from rpsg.audit.finding import Finding
from rpsg.audit.report import AuditReport
from rpsg.compare.keys import CellKey
from rpsg.compare.outcome import CellOutcome, Comparison
from rpsg.display import Overview, Shown
from rpsg.measures import Line, Measure, Report
from rpsg.plan.previews import Preview, Sample, Samples
from rpsg.privacy.verify import Check
from rpsg.release.run import Run, Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

HOSTILE = '<script>alert("x")</script><img src=x onerror=y>\x1b[31m\u202e'
QUITE_LONG = "a text of many words that does not end " * 40


def a_run(text: str, claim: str = "end_to_end_dp") -> Run:
    ledger = {"claim": {"type": claim, "epsilon": 2.0, "text": f"It holds. {text}"}, "method": text}
    return Run(Path("run"), Path("run/release"), (text,) * 50, ({"text": text},), ledger, text)


def a_verification(text: str) -> Verification:
    checks = (Check("seal", ok=True, detail="holds"), Check(text, ok=False, detail=text))
    return Verification(Path(text[:200]), checks * 40, (text,) * 4, claims=True)


def a_report(text: str) -> Report:
    of_corpus = Measure("mauve", 0.61234, (0.5, 0.7), 50, n_real=50, higher_is_better=True, model=text)
    line = Line("mauve", of_corpus, Measure("mauve", 0.1), Measure("mauve", 0.9))
    return Report((line,) * 30, 50, 50, {"synthetic": 50}, "halves", text, 0, notes=(text,))


def a_preview(text: str) -> Preview:
    nothing: dict[str, Any] = dict.fromkeys(
        ("epsilon_replace_one", "smallest_people", "people", "candidates", "llm_calls"), None
    )
    return Preview(
        method=text,
        claim=text,
        epsilon=2.0,
        delta=1e-6,
        attacker={},
        stages=(),
        flows=(),
        attributes=(),
        cells=0,
        asked="people",
        prompt_tokens=7,
        new_tokens=5,
        seconds=3.0,
        odometer={text: 2.0},
        warnings=(text,),
        obstacles=(text,),
        **nothing,
    )


def a_comparison(text: str) -> Comparison:
    key = CellKey(text, "fake", "strict", 2.0, None, 20, None, 0)
    cell = CellOutcome("id", key, "dp", "noisy answers", is_ceiling=False, state="failed", reason=text)
    return Comparison(text, internal=True, machine={}, versions={}, settings={}, cells=(cell,) * 40)


def an_audit(text: str) -> AuditReport:
    finding = Finding(text, "no violation seen", auc=0.51, epsilon_lower=0.239)
    claim = Claim(2.0, 1e-6, is_made=True)
    baseline: Any = None
    return AuditReport(
        "no violation seen",
        text,
        claim,
        {},
        (finding,) * 30,
        baseline,
        {},
        {"synthetic texts": 40, "members": 30},
        0,
        notes=(text,),
    )


RESULTS: dict[str, Callable[[str], Shown]] = {
    "run": a_run,
    "verification": a_verification,
    "evaluation": a_report,
    "line": lambda text: Line("mauve", Measure("mauve", None, reason=text, n_real=3)),
    "measure": lambda text: Measure("mauve", 0.5, (0.4, 0.6), model=text),
    "preview": a_preview,
    "plan": lambda text: rpsg.make_plan(about=re.sub(r"[^ -~]", "", text), size=30),
    "sample": lambda text: Sample(text, {"topic": text}, text, text),
    "samples": lambda text: Samples([Sample(text, {"topic": text}, text)] * 30),
    "comparison": a_comparison,
    "audit": an_audit,
}


class Elements(HTMLParser):
    """The elements and the attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names, self.attributes, self.said = set[str](), set[str](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.mark.parametrize("text", [HOSTILE, QUITE_LONG, ""], ids=["hostile", "long", "empty"])
@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_fits_a_terminal_and_controls_nothing_on_it(kind: str, text: str) -> None:
    shown = RESULTS[kind](text)
    assert isinstance(shown, Shown)
    lines = str(shown).splitlines()
    assert 1 <= len(lines) <= 60
    assert max(map(len, lines)) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", str(shown) + repr(shown))


@pytest.mark.parametrize("kind", RESULTS)
def test_a_usual_result_fits_one_screen(kind: str) -> None:
    assert len(str(RESULTS[kind]("a name")).splitlines()) <= 24


@pytest.mark.parametrize("text", [HOSTILE, QUITE_LONG, ""], ids=["hostile", "long", "empty"])
@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_in_a_list_is_one_line(kind: str, text: str) -> None:
    line = repr(RESULTS[kind](text))
    assert "\n" not in line
    assert len(line) <= 80
    assert (line[0], line[-1]) == ("<", ">")


@pytest.mark.parametrize("text", [HOSTILE, QUITE_LONG], ids=["hostile", "long"])
@pytest.mark.parametrize("kind", RESULTS)
def test_the_card_of_a_notebook_runs_and_loads_nothing(kind: str, text: str) -> None:
    page = RESULTS[kind](text)._repr_html_()
    found = Elements(page)
    assert found.names <= {"div", "style", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.attributes <= {"class", "scope"}
    assert not re.search(r"url\(|@import|https?://|expression", page)
    assert len(page) < 40_000


def test_what_a_stranger_wrote_is_text() -> None:
    found = Elements(a_run(HOSTILE)._repr_html_())
    assert '<script>alert("x")</script>' in found.said
    assert "\u27e8U+202E\u27e9" in found.said


def test_the_card_has_no_colour_of_text_and_none_behind_it() -> None:
    """So both are those of the page, light or dark."""
    page = a_run("tea")._repr_html_()
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"(?<![-\w])color:|background:(?!none)|background-color", style)


def test_a_long_table_says_how_much_is_left_out() -> None:
    rows = tuple((str(number),) for number in range(1000))
    overview = Overview("numbers", columns=("number",), rows=rows)
    assert "... and 990 more." in overview.text()
    assert "... and 980 more." in Elements(overview.html()).said
    assert "more" not in Overview("numbers", columns=("number",), rows=rows[:10]).text()


def test_a_run_says_how_many_texts_it_has_and_what_is_claimed() -> None:
    run = a_run("tea is good")
    assert repr(run) == "<Run: 50 synthetic texts, epsilon 2, in run>"
    assert "It holds. tea is good" in str(run)
    assert str(run).count("tea is good") == 5  # the claim, the method, and the first three texts


@pytest.mark.parametrize("claim", ["no_formal_guarantee", "voters_only_dp"])
def test_a_run_that_leaves_somebody_unprotected_says_so_before_anything_else(claim: str) -> None:
    run = a_run("tea", claim)
    first = str(run).splitlines()[1]
    assert first.startswith(("! No guarantee covers these texts", "! The donors of this run"))
    assert first.removeprefix("! ")[:30] in Elements(run._repr_html_()).said
    assert "may be shared  no" in str(run)


def test_a_failed_check_comes_first() -> None:
    checks = (Check("seal", ok=True, detail="holds"), Check("form", ok=False, detail="a key is missing"))
    found = Verification(Path("run"), checks, ())
    assert repr(found) == "<The release does not hold: 1 of 2 checks failed.>"
    rows = str(found).splitlines()
    assert rows.index("  ✗  form     a key is missing") < rows.index("  ✓  seal     holds")


@pytest.mark.parametrize(
    ("checks", "claims", "verdict"),
    [
        ((), True, "Nothing was checked, so nothing about this release is proved."),
        ((Check("seal", ok=True),), True, "The claim holds: all 1 checks passed."),
        (
            (Check("seal", ok=True),),
            False,
            "All 1 checks passed. This release makes no differential-privacy claim.",
        ),
    ],
    ids=["none", "claim", "no claim"],
)
def test_the_verdict_is_one_sentence(checks: tuple[Check, ...], claims: bool, verdict: str) -> None:
    assert Verification(Path("run"), checks, (), claims).verdict == verdict


def test_figures_of_private_texts_are_marked_in_every_form() -> None:
    for shown in (a_report("tea"), an_audit("tea"), a_comparison("tea")):
        assert re.match(r"! (Internal|Private):", str(shown).splitlines()[1])
        assert re.search("Internal:|Private:", Elements(shown._repr_html_()).said)
    opened = Verification(Path("run"), (Check("noise", ok=True),), (), claims=True, private=True)
    assert "! Private: noise was tested" in str(opened)
    assert "Private" not in str(Verification(Path("run"), (Check("noise", ok=True),), (), claims=True))


def test_a_plan_shows_what_is_not_left_at_its_default() -> None:
    plan = rpsg.make_plan(writer="fake", label="mood", labels=("good", "bad"), size=30)
    assert repr(plan) == "<Plan: method strict, epsilon 2, delta 1e-06, 30 texts>"
    assert "  models.writer  fake" in str(plan)
    assert "  data.labels    good, bad" in str(plan)
    assert "embedder" not in str(plan)


def test_real_results_are_shown(lab: Lab) -> None:
    plan = rpsg.make_plan(
        {"data": {"path": str(lab.file(lab.rows(300)))}}, writer="fake", embedder="fake", epsilon=4.0, size=20
    )
    run = rpsg.run(plan, lab.folder / "run")
    assert run.texts[0][:40] in str(run)
    seen, checked = rpsg.preview(plan), rpsg.verify(run.release)
    assert repr(seen) == "<Preview of a run: method strict, epsilon 4, delta 1e-06. Nothing was spent.>"
    assert repr(checked).startswith("<The claim holds: all ")
    measured = rpsg.evaluate(run.path, metrics=["self_bleu"], embedder="fake", write_floor=False)
    assert "self_bleu" in str(measured)
    for shown in (run, seen, checked, measured, rpsg.samples(plan)):
        assert len(str(shown).splitlines()) <= 40
        assert Elements(shown._repr_html_()).names


def test_the_rows_of_a_private_file_are_in_no_repr(lab: Lab) -> None:
    """A notebook keeps what it shows."""
    rows = lab.rows(300)
    reading = rpsg.check(lab.plan(lab.file([*rows, {"text": ""}])))
    assert repr(reading).startswith("<Reading of lines, not shown as they are private: .corpus")
    assert repr(list(reading.corpus)[:1]) == "[Document(id=0)]"
    assert "300" not in repr((reading, reading.corpus, reading.left_out))
