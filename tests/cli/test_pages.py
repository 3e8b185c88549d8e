"""What the commands print: pages for people, objects for machines."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import PREVIEW, VERIFIED, finished

from rpsg import __version__, api, registry
from rpsg.cli.check_words import NO_CLAIM, SHOWN_BY
from rpsg.methods.base import Method
from rpsg.privacy.checks import CHECKS
from rpsg.privacy.verify import Check
from rpsg.records import Pool
from rpsg.release.run import Verification
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Rpsg

    from rpsg.plan import Plan
    from rpsg.release.run import Run


def test_the_version_is_printed(rpsg: Rpsg) -> None:
    assert rpsg("--version").out == f"rpsg {__version__}\n"


def test_no_arguments_print_the_help(rpsg: Rpsg) -> None:
    shown = rpsg()
    assert shown.code == 0
    assert "verify" in shown.out


def test_a_preview_says_what_is_claimed_what_it_costs_and_who_sees_what(fake: Api, rpsg: Rpsg) -> None:
    page = rpsg("plan", "reviews.csv", "--epsilon", "2").out
    for words in (
        "(2, 1e-06)-DP",
        "62.4%",
        "11.2",
        "seed cards; no private text",
        "tea, coffee",
        "900",
        "12 min",
    ):
        assert words in page
    assert "argument DATA" in page
    assert "Epsilon above 4 is weak." in page
    assert "8" in page.split("over all runs")[1]


def test_a_preview_of_the_floor_counts_nothing(rpsg: Rpsg) -> None:
    shown = rpsg("plan", "--method", "floor", "--writer", "fake", "--embedder", "fake")
    assert "drawn evenly: nothing is counted" in shown.out
    assert "noisy counts" not in shown.out
    assert "\n\n\n" not in shown.out


def test_pages_fit_80_columns(fake: Api, rpsg: Rpsg) -> None:
    for command in (
        ("models", "list"),
        ("plan", "x.csv"),
        ("run", "-o", "runs"),
        ("verify", "runs"),
        ("explain",),
        ("run", "--help"),
    ):
        assert max(map(len, rpsg(*command).out.splitlines())) <= 80


def test_no_switch_of_ours_is_shown_as_if_it_wanted_a_value(rpsg: Rpsg) -> None:
    for command in ("run", "plan", "verify", "evaluate", "report", "calls", "doctor"):
        lines = rpsg(command, "--help").out.splitlines()
        assert [line.split()[1] for line in lines if "<bool>" in line] == ["--help"], command


def test_a_preview_as_json_holds_every_field(fake: Api, rpsg: Rpsg) -> None:
    fake.previewed = dataclasses.replace(fake.previewed, odometer={"epsilon_left": math.inf})
    shown = rpsg("plan", "--json").json
    assert shown["format"] == "rpsg-cli/1"
    assert set(shown["preview"]) == {field.name for field in dataclasses.fields(fake.previewed)}
    assert shown["preview"]["odometer"] == {"epsilon_left": None}


def test_a_preview_ends_in_the_command_that_runs_it(fake: Api, rpsg: Rpsg) -> None:
    page = rpsg("plan", "my notes.csv", "--epsilon", "1.5", "--about", "it's").out
    assert page.splitlines()[-1] == """  rpsg run 'my notes.csv' --about 'it'"'"'s' --epsilon 1.5 -o RUN"""


def test_a_preview_that_the_account_refuses_does_not_say_that_the_command_runs(fake: Api, rpsg: Rpsg) -> None:
    fake.previewed = dataclasses.replace(PREVIEW, is_refused=True)
    page = " ".join(rpsg("plan", "notes.csv").out.split())
    assert "too little budget left for this run" in page
    assert "Run it with:" not in page


def test_files_that_passed_for_the_same_reason_share_a_line_and_failed_ones_do_not(
    fake: Api, rpsg: Rpsg
) -> None:
    passed = tuple(Check(name, ok=True, detail="as it follows") for name in ("a.json", "b.csv"))
    failed = tuple(Check(name, ok=False, detail="differs") for name in ("c.md", "d.md"))
    fake.verified = dataclasses.replace(VERIFIED, checks=(*passed, *failed))
    page = rpsg("verify", "run").out
    assert "✓ a.json, b.csv: each as it follows" in page
    assert "✗ c.md: differs" in page
    assert "✗ d.md: differs" in page


def test_every_check_of_a_ledger_is_explained_in_one_clause(fake: Api, rpsg: Rpsg) -> None:
    names = ("form", *(name for name, _ in CHECKS), "corpus", "evidence")
    passed = tuple(Check(name, ok=True, detail="holds") for name in names)
    fake.verified = dataclasses.replace(VERIFIED, checks=passed, claims=True)
    page = " ".join(rpsg("verify", "run").out.split())
    assert [name for name in names if f"✓ {name}: {SHOWN_BY[name]}" not in page] == []
    assert "holds ✓" not in page
    assert max(len(clause.split()) for clause in SHOWN_BY.values()) <= 17


def test_a_check_of_a_claim_that_was_not_made_is_not_said_to_show_anything(fake: Api, rpsg: Rpsg) -> None:
    passed = (Check("cost", ok=True, detail="holds"), Check("epsilon and delta", ok=True, detail="holds"))
    fake.verified = dataclasses.replace(VERIFIED, checks=passed, claims=False)
    page = " ".join(rpsg("verify", "run").out.split())
    assert f"✓ epsilon and delta: {NO_CLAIM}" in page
    assert f"✓ cost: {SHOWN_BY['cost']}" in page


def test_a_failed_check_says_what_is_wrong_and_nothing_else(fake: Api, rpsg: Rpsg) -> None:
    fake.verified = dataclasses.replace(VERIFIED, checks=(Check("cost", ok=False, detail="mu2 is wrong"),))
    page = rpsg("verify", "run").out
    assert "✗ cost: mu2 is wrong" in page
    assert SHOWN_BY["cost"] not in page


def test_the_options_of_a_run_can_be_planned_as_they_are(fake: Api, rpsg: Rpsg) -> None:
    options = ("reviews.csv", "--size", "50", "-o", "runs")
    rpsg("plan", *options)
    rpsg("run", *options)
    assert fake.plans[0] == fake.plans[1]


def test_a_run_ends_in_its_summary_its_time_and_the_next_command(fake: Api, rpsg: Rpsg) -> None:
    page = rpsg("run", "reviews.csv", "-o", "my runs").out
    assert "# 1 synthetic text" in page
    assert "41 s" in page
    assert "rpsg verify 'my runs'" in page
    assert "release/corpus.csv" in page
    assert "release/report.html" in page


@pytest.mark.parametrize(
    ("claim", "said", "unsaid"),
    [
        ("no_formal_guarantee", "Do not publish this: no guarantee covers it", "may be shared"),
        ("voters_only_dp", "donors are not protected", "may be shared"),
        ("end_to_end_dp", "This folder may be shared", "not publish"),
        ("no_private_data", "This folder may be shared", "not publish"),
    ],
)
def test_a_run_ends_in_what_may_be_done_with_its_release(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, claim: str, said: str, unsaid: str
) -> None:
    def run(plan: Plan, out: str | Path, progress: object = None) -> Run:
        del plan, progress
        return dataclasses.replace(finished(Path(out)), ledger={"claim": {"type": claim}})

    monkeypatch.setattr(api, "run", run)
    page = " ".join(rpsg("run", "reviews.csv", "-o", "runs").out.split())
    assert said in page
    assert unsaid not in page


def test_what_the_guard_does_not_know_is_on_the_last_page_even_of_a_quiet_run(fake: Api, rpsg: Rpsg) -> None:
    quiet = rpsg("run", "reviews.csv", "--method", "paper", "-o", "runs", "-q")
    assert "not recognize names of people" in " ".join(quiet.out.split())
    assert "Read this before you use the texts" in quiet.out
    assert "Read this before you" not in rpsg("run", "reviews.csv", "-o", "runs", "-q").out
    told = rpsg("run", "reviews.csv", "--method", "paper", "-o", "runs", "--json").json["run"]["warnings"]
    assert "not recognize names of people" in told[0]


def test_a_run_as_json_is_one_object_and_progress_goes_to_stderr(fake: Api, rpsg: Rpsg) -> None:
    shown = rpsg("run", "-o", "runs", "--json")
    assert shown.json["run"]["epsilon"] == 2.0
    assert shown.json["run"]["texts"] == 1
    assert "writing candidates: done" in shown.err


def test_quiet_means_no_progress(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("run", "-o", "runs", "--quiet").err == ""


def test_a_summary_cannot_steer_the_terminal(fake: Api, rpsg: Rpsg) -> None:
    fake.previewed = dataclasses.replace(fake.previewed, claim="\x1b]0;mine\x07[bold]claim[/bold]")
    page = rpsg("plan").out
    assert "\x1b" not in page
    assert "[bold]claim[/bold]" in page


def test_a_release_that_holds_ends_in_zero(fake: Api, rpsg: Rpsg) -> None:
    shown = rpsg("verify", "runs")
    assert shown.code == 0
    assert "✓ arithmetic: epsilon 2 from sigma" in shown.out
    assert "that the noise was drawn as said" in shown.out


@pytest.mark.parametrize(
    "checks", [(Check("a", ok=True), Check("b", ok=False, detail="differs")), ()], ids=["failed", "none"]
)
def test_a_release_that_does_not_hold_ends_in_8(fake: Api, rpsg: Rpsg, checks: tuple[Check, ...]) -> None:
    fake.verified = Verification(Path("runs"), checks, ())
    assert rpsg("verify", "runs").code == 8
    shown = rpsg("verify", "runs", "--json")
    assert (shown.code, shown.json["verification"]["ok"]) == (8, False)


def test_a_whole_release_that_claims_nothing_is_not_said_to_hold_a_claim(fake: Api, rpsg: Rpsg) -> None:
    fake.verified = Verification(Path("runs"), (Check("hash", ok=True),), (), claims=False)
    shown = rpsg("verify", "runs")
    assert shown.code == 0
    assert "claim holds" not in shown.out
    assert "makes no differential-privacy claim" in shown.out


def test_a_failed_check_is_marked(fake: Api, rpsg: Rpsg) -> None:
    fake.verified = Verification(Path("runs"), (Check("hash", ok=False, detail="differs"),), ())
    shown = rpsg("verify", "runs").out
    assert "✗ hash: differs" in shown
    assert "1 of 1 checks failed" in shown


def test_an_epsilon_is_explained_by_the_best_attack(rpsg: Rpsg) -> None:
    """Golden: mu for (2, 1e-6) is 0.4483, AUC = Phi(mu / sqrt 2) = 0.6244."""
    facts = rpsg("explain", "--epsilon", "2", "--json").json["explanation"]
    assert facts["mu"] == pytest.approx(0.4483, abs=1e-4)
    assert facts["auc"] == pytest.approx(0.6244, abs=1e-4)
    assert facts["epsilon_of_groups"]["2"] == facts["epsilon_replace_one"] > 4  # removed and added: two
    assert facts["epsilon_replace_one_in_counts"] == pytest.approx(2.93, abs=0.01)
    # 62.44 % is a bound: printed with one decimal it may not become 62.4.
    assert "62.5%" in rpsg("explain", "--epsilon", "2").out


def test_a_group_of_one_would_get_the_epsilon_itself() -> None:
    from rpsg.privacy.gaussian import epsilon_of, mu_for

    assert epsilon_of(mu_for(2.0, 1e-6), 1e-6) == pytest.approx(2.0)


@pytest.mark.parametrize("option", [("--epsilon", "0"), ("--epsilon", "nan"), ("--delta", "1")], ids=" ".join)
def test_an_impossible_budget_is_not_explained(rpsg: Rpsg, option: tuple[str, str]) -> None:
    assert rpsg("explain", *option).code == 2


def test_a_huge_epsilon_is_explained_without_overflow(rpsg: Rpsg) -> None:
    assert rpsg("explain", "--epsilon", "1000").code == 0


def test_the_domain_packs_are_listed(rpsg: Rpsg) -> None:
    assert "food-reviews" in rpsg("list", "domains").out
    assert rpsg("list", "domains", "--json").json["domains"]


@pytest.mark.parametrize("kind", registry.TABLES)
def test_every_built_in_name_is_listed_with_a_line_of_its_own(rpsg: Rpsg, kind: registry.Kind) -> None:
    rows = rpsg("list", kind, "--json").json[kind]
    assert [row["name"] for row in rows][: len(registry.built_in(kind))] == list(registry.built_in(kind))
    assert "From another package." not in [row["about"] for row in rows]


def test_a_method_of_another_package_is_listed_with_its_own_words(rpsg: Rpsg) -> None:
    theirs = Method("theirs", "texts as short as they come", "nothing", lambda _: Pool())
    with plugged("methods", {"theirs": theirs, "broken": 7}):
        rows = {row["name"]: row["about"] for row in rpsg("list", "methods", "--json").json["methods"]}
    assert rows["theirs"] == "texts as short as they come"
    assert rows["broken"].startswith("Cannot be used. The method 'broken' does not declare what it reads")


def test_a_kind_that_is_not_there_names_those_that_are(rpsg: Rpsg) -> None:
    failed = rpsg("list", "wizards")
    assert failed.code == 2
    assert "embedders" in failed.err


def test_what_was_looked_at_is_said_and_no_more(fake: Api, rpsg: Rpsg) -> None:
    fake.verified = Verification(Path("runs"), (Check("hash", ok=True),), (), claims=False)
    shown = rpsg("verify", "runs").out
    assert "No file that the ledger names was changed" in shown
    assert "Nothing was changed" not in shown


def test_models_of_a_replay_are_named_by_their_roles(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("verify", "runs", "--model", "writer=a=b.gguf", "--model", "embedder=mine").code == 0
    assert fake.models == {"writer": "a=b.gguf", "embedder": "mine"}
    for wrong in ("writer", "writer="):
        assert rpsg("verify", "runs", "--model", wrong).code == 2


def test_the_sentences_of_a_help_flow_to_the_width_of_the_terminal(rpsg: Rpsg) -> None:
    lines = [line.strip() for line in rpsg("audit-run", "--help").out.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("Unless --audit-canaries"))
    paragraph = lines[start : lines.index("", start)]
    assert len(paragraph) > 2
    for line, following in pairwise(paragraph):
        assert len(f"{line} {following.split()[0]}") > 77, "a line ends before the terminal does"
