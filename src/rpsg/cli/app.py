"""The commands of ``rpsg``, put together."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
from typer.main import get_command

from rpsg import __version__
from rpsg.cli import logs
from rpsg.cli.audit import NOT_RUN, audit
from rpsg.cli.audit_run import audit_run
from rpsg.cli.budget import budget
from rpsg.cli.calls import calls
from rpsg.cli.check import check
from rpsg.cli.commands import plan, run, verify
from rpsg.cli.compare import CELLS_FAILED, compare
from rpsg.cli.doctor import doctor
from rpsg.cli.embed import embed
from rpsg.cli.evaluate import evaluate
from rpsg.cli.explain import explain
from rpsg.cli.init import init
from rpsg.cli.ledger import ledger
from rpsg.cli.listing import list_names
from rpsg.cli.models import models
from rpsg.cli.preview import preview
from rpsg.cli.propose import propose
from rpsg.cli.publish import keygen, publish
from rpsg.cli.purge import purge
from rpsg.cli.report import report
from rpsg.cli.shards import count, merge, shards
from rpsg.cli.streams import UNWRITTEN
from rpsg.cli.view import view

EXIT_CODES = (
    (0, "success"),
    (1, "a bug in RPSG, a worker process that was ended (verify), or something to fix before a run (doctor)"),
    (2, "a wrong option, setting or name, or a plug-in that fails"),
    (3, "data that cannot be read"),
    (4, "the plan cannot produce a corpus, for example with too few people or too little budget"),
    (5, "the account of these data has too little budget left, or cannot be read"),
    (6, "a model is missing, damaged or too large, or the writer gives no usable text"),
    (7, "the run folder belongs to another plan, cannot be written, or was purged"),
    (8, "a claim does not hold (verify), or is refuted (audit)"),
    (9, "an optional package is missing"),
    (10, "something private was about to leave this machine and was stopped"),
    (11, "a limit of the plan is reached; raise it to resume"),
    (NOT_RUN, "the audit was not able to detect a leak, so it has no verdict (audit)"),
    (CELLS_FAILED, "some cells of a comparison failed; the others are done (compare)"),
    (UNWRITTEN, "done, but the output could not be written"),
    (130, "stopped with Ctrl-C or by a signal"),
)
_EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES) + "."

app = typer.Typer(
    help="Make a synthetic text corpus from a private one, with a privacy claim that can be checked.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rpsg {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_show_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    log_level: Annotated[
        logs.Level | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="Log to stderr instead of showing progress: debug (adds each public request to a server),"
            " info, warning or error.",
        ),
    ] = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", metavar="", help="Log to stderr, with one JSON object per line.")
    ] = False,
) -> None:
    """From a private text corpus to a synthetic one with a privacy claim that can be checked."""
    logs.start(log_level, as_json=log_json)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("init")(init)
app.command("plan")(plan)
app.command("preview")(preview)
app.command("check")(check)
app.command("embed")(embed)
app.command("run")(run)
app.command("verify")(verify)
app.command("evaluate")(evaluate)
app.command("audit")(audit)
app.command("audit-run")(audit_run)
app.command("compare")(compare)
app.command("report")(report)
app.command("view")(view)
app.command("shards")(shards)
app.command("count")(count)
app.command("merge")(merge)
app.command("calls")(calls)
app.command("publish")(publish)
app.command("keygen")(keygen)
app.command("purge")(purge)
app.command("budget")(budget)
app.command("doctor")(doctor)
app.command("explain")(explain)
app.command("propose")(propose)
app.command("list")(list_names)
for command in (*app.registered_commands, *models.registered_commands, *ledger.registered_commands):
    # Typer keeps the line ends of a docstring, and a narrow terminal would break the lines once more.
    paragraphs = inspect.cleandoc(command.callback.__doc__ or "").split("\n\n") if command.callback else []
    command.help = "\n\n".join(" ".join(lines.split()) for lines in paragraphs)
app.add_typer(models, name="models")
app.add_typer(ledger, name="ledger")
#: The parser of all commands. Building it takes longer than most commands, so it is built once.
parser = get_command(app)
