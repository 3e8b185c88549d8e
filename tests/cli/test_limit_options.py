"""Limits are options of plan and run, and a dry run does nothing but show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.conftest import PREVIEW

from rpsg.errors import LimitError
from rpsg.models.fake import FakeWriter
from rpsg.plan.previews import Forecast

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Rpsg
    from tests.conftest import Lab

OPTIONS = ("--max-tokens", "9000", "--max-requests", "40", "--max-cost", "2.5", "--max-seconds", "60")
USED = (
    Forecast("tokens", "--max-tokens", 168_000.0, 400_000.0, 9000.0),
    Forecast("cost", "--max-cost", None, None, None),
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of these tests charge an account of their own: the plain environment has no state folder."""
    monkeypatch.setenv("RPSG_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("command", [("plan",), ("run", "-o", "out")], ids=["plan", "run"])
def test_limits_arrive_in_the_plan(fake: Api, rpsg: Rpsg, command: tuple[str, ...]) -> None:
    assert rpsg(*command, "a.csv", *OPTIONS, "--prices", "p.toml").code == 0
    limits = fake.plan.limits
    assert (limits.tokens, limits.requests, limits.cost, limits.seconds) == (9000, 40, 2.5, 60.0)
    assert limits.prices == "p.toml"


@pytest.mark.parametrize("option", ["--max-tokens", "--max-requests", "--max-cost", "--max-seconds"])
def test_a_limit_of_nothing_is_refused(fake: Api, rpsg: Rpsg, option: str) -> None:
    failed = rpsg("plan", "a.csv", option, "0")
    assert failed.code == 2
    assert option in failed.err


def test_a_page_holds_what_is_used_against_the_limits(fake: Api, rpsg: Rpsg) -> None:
    fake.previewed = replace(PREVIEW, forecasts=USED, prices="1 and 2 USD; check your provider")
    page = rpsg("plan", "a.csv").out
    for words in ("168,000", "400,000", "9,000", "none (--max-cost)", "not known", "check your provider"):
        assert words in page


def test_a_page_without_limits_and_prices_does_not_speak_of_them(fake: Api, rpsg: Rpsg) -> None:
    fake.previewed = replace(PREVIEW, forecasts=(replace(USED[0], cap=None),))
    assert "limits" not in rpsg("plan", "a.csv").out


def test_a_dry_run_shows_the_page_of_the_plan_and_runs_nothing(fake: Api, rpsg: Rpsg) -> None:
    page = rpsg("plan", "a.csv", "-o", "out").out
    shown = rpsg("run", "a.csv", "-o", "out", "--dry-run")
    assert (shown.code, shown.out) == (0, page)
    assert rpsg("run", "a.csv", "-o", "out", "--dry-run", "--json").json["preview"]["llm_calls"] == 600
    assert not Path("out").exists()


def test_a_dry_run_reads_no_row_asks_no_model_and_spends_nothing(
    rpsg: Rpsg, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("the writer was asked")

    monkeypatch.setattr(FakeWriter, "write", refuse)
    lab.file([{"text": "a row without a user"}, {"user": "a row without a text"}], "data.jsonl")
    (lab.folder / "plan.toml").write_text(lab.plan(lab.folder / "data.jsonl").to_toml())
    before = sorted(lab.folder.rglob("*"))
    shown = rpsg("run", "-o", str(lab.folder / "run"), "--config", str(lab.folder / "plan.toml"), "--dry-run")
    assert shown.code == 0, shown.err
    assert "Nothing was spent" in shown.out
    assert sorted(lab.folder.rglob("*")) == before


def test_a_limit_that_is_reached_ends_in_11_and_says_what_to_type(fake: Api, rpsg: Rpsg) -> None:
    fake.error = LimitError(
        "The run stopped before its limit of 9 tokens.", hint="--max-tokens 90 is enough."
    )
    failed = rpsg("run", "a.csv", "-o", "out")
    assert failed.code == 11
    assert "--max-tokens 90" in failed.err
