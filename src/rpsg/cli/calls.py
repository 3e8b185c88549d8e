"""``rpsg calls``: the requests to the writers of a run, and what they used."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time

if TYPE_CHECKING:
    from rpsg.cli.console import Screen
    from rpsg.release.run import Bill
    from rpsg.storage.call_report import Call, CallReport

LAST = 20


def calls(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, finished or not.")],
    show: Annotated[
        int,
        typer.Option("--show", min=0, metavar="N", help="Show the prompt and the reply of the last N calls."),
    ] = 0,
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="List all calls, not only the last 20.")
    ] = False,
    prices: Annotated[
        str,
        typer.Option(
            "--prices",
            metavar="FILE",
            help="File with the prices of models. Default: the one that the run used.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the requests to the writers of a run: tokens, cost, failures and their reasons.

    Private text is never shown: requests that contained any appear only as totals.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.pipeline.cost import bill_of
    from rpsg.storage.call_report import (
        read_private_calls,
        read_public_calls,
    )

    public, private = read_public_calls(run), read_private_calls(run)
    bill = bill_of(run, public, private, prices)
    if as_json:
        print_json({"bill": bill, **_facts(public, private, show)})
        return
    screen = Screen.stdout()
    _show_calls(screen, public.calls if every else public.calls[-LAST:], len(public.calls))
    _show_texts(screen, public.calls[-show:] if show else ())
    _show_failures(screen, public)
    if private is not None:
        screen.heading("Requests that held private text")
        screen.table(("ended", "requests"), [(f, str(t.requests)) for f, t in private.finishes.items()])
    _show_bill(screen, bill)


def _facts(public: CallReport, private: CallReport | None, show: int) -> dict[str, Any]:
    """JSON-ready facts: every call without its texts, and the last ``show`` with them."""
    hidden = {"prompt", "text"}
    first = len(public.calls) - show
    return {
        "calls": [
            {k: v for k, v in asdict(call).items() if k not in hidden or number >= first}
            for number, call in enumerate(public.calls)
        ],
        "finishes": {finish: asdict(totals) for finish, totals in public.finishes.items()},
        "failures": dict(public.failures),
        "private": None if private is None else {f: t.requests for f, t in private.finishes.items()},
    }


def _show_calls(screen: Screen, calls: tuple[Call, ...], total: int) -> None:
    more = f", the last {len(calls)}; --all shows all" if len(calls) < total else ""
    screen.heading(f"Calls ({total}{more})")
    rows = [
        (str(c.number), c.stage, c.finish, f"{c.prompt_tokens:,}", f"{c.completion_tokens:,}", c.at)
        for c in calls
    ]
    columns = ("call", "stage", "ended", "read", "written", "at")
    screen.table(columns, rows, numbers=("call", "read", "written"))


def _show_texts(screen: Screen, calls: tuple[Call, ...]) -> None:
    for call in calls:
        screen.heading(f"Call {call.number}")
        screen.facts((("asked", call.prompt), ("answer", call.text or "none")))


def _show_failures(screen: Screen, public: CallReport) -> None:
    if public.failures:
        screen.heading("Failed requests (for each of them, the run has one text less to choose from)")
        rows = [(reason or "no reason was given", str(count)) for reason, count in public.failures.items()]
        screen.table(("reason", "requests"), rows, numbers=("requests",))


def _show_bill(screen: Screen, bill: Bill) -> None:
    screen.heading("What the calls cost")
    facts = [
        ("requests", f"{bill.requests:,}"),
        ("tokens", f"{bill.prompt_tokens:,} read, {bill.completion_tokens:,} written"),
        *(() if bill.seconds is None else [("seconds of writing", f"{bill.seconds:,.1f}")]),
        ("cost", _money(bill)),
    ]
    if bill.lost or bill.unsure_tokens:
        lost = f"{bill.lost:,} requests had no answer when a process died; " if bill.lost else ""
        facts.append(("besides", f"{lost}at most {bill.unsure_tokens:,} tokens that no reply reported"))
    screen.facts(facts)


def _money(bill: Bill) -> str:
    if bill.cost is None:
        return "not known: no table of prices names this writer; see --prices"
    if not bill.at_most_cost:
        return "nothing: the writer runs on this machine, or its price is zero"
    most = f", at most {bill.at_most_cost:,.4g}" if bill.at_most_cost > bill.cost else ""
    return f"{bill.cost:,.4g}{most} {bill.currency}; prices {bill.prices}; check your provider's bill"
