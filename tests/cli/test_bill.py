"""``rpsg calls`` tells what was asked and what it took, and never a private text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from rpsg.models.fake import FakeWriter
from rpsg.protocols import Message, Request
from rpsg.storage.cached_writer import CachedWriter
from rpsg.storage.call_store import CallStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.cli.conftest import Rpsg
    from tests.conftest import Lab

    from rpsg.protocols import OnReply, Reply

SECRET = "ZQXSECRET"


class Remote(FakeWriter):
    endpoint: Literal["local_model", "remote_llm"] = "remote_llm"
    host = "llm.example.org"
    at_once = 2


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of these tests charge an account of their own: the plain environment has no state folder."""
    monkeypatch.setenv("RPSG_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def run(lab: Lab) -> Path:
    """A finished run whose writer failed on some texts, with requests on private text besides."""
    plan = lab.plan(lab.file(lab.rows(300)))
    made = lab.run(plan, writer=Remote(fails=lambda request: request.seed % 5 == 0)).path
    private = Request((Message("user", f"Rewrite: {SECRET} likes tea."),), max_tokens=20, seed=5)
    with CallStore(made / "private" / "calls.sqlite", key=b"k" * 32) as store:
        CachedWriter(FakeWriter(lambda _: f"{SECRET} likes coffee."), store).write([private])
    return made


def test_the_calls_of_a_run_are_listed_with_what_they_took(rpsg: Rpsg, run: Path) -> None:
    facts = rpsg("calls", str(run), "--json").json
    finishes = facts["finishes"]
    assert set(finishes) == {"error", "stop"}
    assert facts["bill"]["requests"] == len(facts["calls"]) + 1
    assert facts["failures"] == {"the fake was told to fail": finishes["error"]["requests"]}
    assert {call["stage"] for call in facts["calls"]} == {"testing the writer", "writing candidates"}
    assert {call["host"] for call in facts["calls"]} == {"llm.example.org"}
    assert facts["bill"]["prompt_tokens"] >= sum(call["prompt_tokens"] for call in facts["calls"]) > 0
    page = rpsg("calls", str(run)).out
    assert "the fake was told to fail" in page
    assert "writing candidates" in page


def test_of_requests_with_private_text_only_totals_are_told(rpsg: Rpsg, run: Path) -> None:
    for options in ((), ("--json",), ("--show", "1000"), ("--show", "1000", "--all", "--json")):
        told = rpsg("calls", str(run), *options).out
        assert SECRET.lower() not in told.lower()
    assert rpsg("calls", str(run), "--json").json["private"] == {"stop": 1}
    assert "held private text" in rpsg("calls", str(run)).out


def test_prompt_and_answer_of_public_calls_are_shown_when_asked_for(rpsg: Rpsg, run: Path) -> None:
    calls = rpsg("calls", str(run), "--json", "--show", "2").json["calls"]
    assert all("prompt" in call and "text" in call for call in calls[-2:])
    assert not any("prompt" in call for call in calls[:-2])
    assert "Topic: " in calls[-1]["prompt"]
    assert "Topic: " in rpsg("calls", str(run), "--show", "1").out
    assert "Topic: " not in rpsg("calls", str(run)).out


def test_money_is_told_where_a_price_is_known(rpsg: Rpsg, run: Path, tmp_path: Path) -> None:
    assert rpsg("calls", str(run), "--json").json["bill"]["cost"] is None
    prices = tmp_path / "prices.toml"
    prices.write_text('[[models]]\nname = "fake"\nprompt = 1.0\ncompletion = 3.0\nseen = 2026-01-31\n')
    bill = rpsg("calls", str(run), "--json", "--prices", str(prices)).json["bill"]
    assert bill["cost"] == pytest.approx((bill["prompt_tokens"] + 3 * bill["completion_tokens"]) / 1e6)
    assert bill["at_most_cost"] > bill["cost"]  # failures of a server may have been charged
    page = " ".join(rpsg("calls", str(run), "--prices", str(prices)).out.split())
    assert "2026-01-31; check your provider" in page
    assert "seconds of writing" not in page  # of which some went into private prompts


def test_a_writer_of_this_machine_costs_nothing(rpsg: Rpsg, lab: Lab) -> None:
    made = lab.run(lab.plan(lab.file(lab.rows(300)))).path
    assert rpsg("calls", str(made), "--json").json["bill"]["cost"] == 0
    assert "nothing" in rpsg("calls", str(made)).out


def test_requests_that_were_lost_with_a_process_are_told_apart(rpsg: Rpsg, lab: Lab) -> None:
    class Dying(Remote):
        def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
            if not self.requests:  # the trial comes whole
                return super().write(requests, on_reply)
            super().write(requests[:9], on_reply)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.run(lab.plan(lab.file(lab.rows(300))), writer=Dying())
    bill = rpsg("calls", str(lab.folder / "run"), "--json").json["bill"]
    assert (bill["requests"], bill["lost"]) == (8 + 9, 4)
    assert "4 requests had no answer" in rpsg("calls", str(lab.folder / "run")).out.replace("\n", " ")


def test_a_folder_without_calls_is_a_sentence(rpsg: Rpsg, tmp_path: Path) -> None:
    failed = rpsg("calls", str(tmp_path))
    assert failed.code == 7
    assert "has no calls to a writer" in " ".join(failed.err.split())


def test_a_run_with_nothing_but_private_requests_has_totals_and_a_bill(rpsg: Rpsg, run: Path) -> None:
    for file in (run / "evidence").glob("calls.sqlite*"):
        file.unlink()
    facts = rpsg("calls", str(run), "--json").json
    assert (facts["calls"], facts["private"], facts["bill"]["requests"]) == ([], {"stop": 1}, 1)


def test_a_store_that_is_no_store_is_a_sentence(rpsg: Rpsg, run: Path) -> None:
    for file in (run / "evidence").glob("calls.sqlite*"):
        file.unlink()
    (run / "evidence" / "calls.sqlite").write_bytes(b"this is no database" * 100)
    assert rpsg("calls", str(run)).code == 7
