"""``rpsg budget``: what each account has spent over all its runs, and on whom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.cli.console import Screen
    from rpsg.privacy.odometer import Odometer
    from rpsg.privacy.units import Statement, Total


def budget(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A file of private data. Shows the account that is named by the path of the file.",
        ),
    ] = "",
    account: Annotated[
        str,
        typer.Option(
            "--account", metavar="NAME", help="Show only the account that plans declare under this name."
        ),
    ] = "",
    give_back: Annotated[
        str,
        typer.Option(
            "--give-back",
            metavar="RUN_ID",
            help="Release the budget reserved by a run that will never be finished.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", metavar="", help="Do not ask for confirmation.")] = False,
    cells: Annotated[
        bool,
        typer.Option("--cells", metavar="", help="Also list the accounts of comparisons, one for each cell."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what accounts have spent, on people or rows, and what unfinished runs have reserved. No data is
    read.

    Without a file or a name all accounts are shown. For accounts that comparisons of public texts made, only
    their number is shown.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.privacy.odometer import Odometer, account_name

    if file and account:
        raise UsageError(
            ("Both a file and --account were given, which name two accounts."), hint="Give only one of them."
        )
    book = Odometer() if Odometer.is_there() else None
    if give_back:
        _give_back(book, give_back, yes=yes or as_json)
    wanted = [account_name(account, file)] if file or account else book.names() if book else []
    statements = [book.statement(name) for name in wanted] if book else []
    if as_json:
        print_json({"accounts": [statement.to_json() for statement in statements]})
        return
    screen = Screen.stdout()
    shown = [statement for statement in statements if statement.totals or statement.unbounded]
    if not shown:
        one = file or account
        screen.line(
            f"The account {wanted[0]} has spent nothing." if one else "No account has spent anything yet."
        )
        if file and not Path(file).exists():
            screen.line(f"There is no file {file} either. To list all accounts: rpsg budget")
    grouped = {} if cells or file or account else _by_comparison(shown)
    for statement in shown:
        if not any(statement in group for group in grouped.values()):
            _show(screen, statement)
    for data, group in grouped.items():
        _show_comparison(screen, data, group)
    if book and not wanted and book.has_old_charges():
        screen.line(
            "An earlier version of RPSG recorded charges without a name. To see those of a file: rpsg "
            "budget FILE"
        )


def _give_back(book: Odometer | None, run_id: str, *, yes: bool) -> None:
    if book is None or not any(run_id in book.statement(name).waiting for name in book.names()):
        raise UsageError(
            f"No run {run_id!r} has reserved budget.",
            hint="`rpsg budget` lists the runs that have reserved some.",
        )
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "This must be confirmed, but there is no terminal to ask on.",
                hint=f"To release it: rpsg budget --give-back {run_id} --yes",
            )
        typer.confirm(
            f"Release the budget that run {run_id} has reserved? If it is still running, its next draws "
            "will need budget from the account again",
            abort=True,
            err=True,
        )
    book.give_back(run_id)


def _by_comparison(statements: Sequence[Statement]) -> dict[str, list[Statement]]:
    """The accounts of each compared corpus, by its name; "" for charges of versions that wrote no name."""
    from rpsg.privacy.odometer import COMPARISON

    found: dict[str, list[Statement]] = {}
    for statement in statements:
        if statement.name.startswith(COMPARISON):
            data, colon, _ = statement.name.removeprefix(COMPARISON).rpartition(": ")
            found.setdefault(data if colon else "", []).append(statement)
    return found


def _show_comparison(screen: Screen, data: str, group: Sequence[Statement]) -> None:
    from rpsg.privacy.gaussian import rounded_up

    screen.heading(f"Comparison of {data}" if data else "Comparisons")
    most = max((total.epsilon_with_reserved for each in group for total in each.totals), default=0.0)
    cells = f"{len(group)} accounts, one for each cell" if len(group) > 1 else "1 account, of one cell"
    screen.line(
        f"{cells}; the largest epsilon of one is {rounded_up(most, 2)}. See each: rpsg budget --cells"
    )


def _show(screen: Screen, statement: Statement) -> None:
    screen.heading(f"Account {statement.name}")
    if statement.totals:
        rows = [_row(total) for total in statement.totals]
        columns = ("for", "neighbours", "epsilon", "at delta", "with reserved")
        screen.table(columns, rows, numbers=columns[2:])
    for total in statement.totals:
        if taken := total.delta_fail + total.reserved_delta_fail:
            screen.line(f"Finding labels or phrases used {taken:.2g} of delta ({total.unit.who}).")
    if len(statement.totals) > 1:
        screen.line("These lines protect different units, so they cannot be added up.")
    if statement.waiting:
        screen.line(
            "Budget that unfinished runs have reserved; to release it: rpsg budget --give-back RUN_ID"
        )
        screen.items(statement.waiting)
    if caution := statement.caution():
        screen.items([caution], sign="!", style="yellow")


def _row(total: Total) -> tuple[str, ...]:
    from rpsg.privacy.gaussian import rounded_up

    return (
        total.unit.who,
        total.unit.adjacency,
        rounded_up(total.epsilon, 2),
        f"{total.delta:g}",
        rounded_up(total.epsilon_with_reserved, 2),
    )
