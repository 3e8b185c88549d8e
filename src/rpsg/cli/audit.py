"""``rpsg audit``: attack a synthetic corpus, and say what the attacks could have detected."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.attack_options import (
    Attacks,
    RecogniserModel,
    Reference,
    WithEmbedder,
    WithRecogniser,
    WithShadows,
    WithSurrogate,
    chosen_aids,
    chosen_attacks,
)
from rpsg.cli.audit_figures import COLUMNS, RARELY, allowed_by, figures, found_rarely, meanings, with_reach
from rpsg.cli.options import AsJson, Quiet  # noqa: TC001  # typer reads them at run time
from rpsg.errors import RpsgError, UsageError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.audit.report import AuditReport
    from rpsg.cli.console import Screen

#: The exit code of an audit that could not have found a leak: a script must not take that for a pass.
NOT_RUN = 12
#: A file with this ending is written as a page, any other as JSON.
PAGE = ".html"
PRIVATE = "This page is private: its figures come from private texts, without noise. Do not share it."


def audit(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A finished run that held people out (--audit-holdout)."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="With RUN: where its private texts are now."),
    ] = None,
    donors: Annotated[
        bool,
        typer.Option(
            "--donors", metavar="", help="With RUN in split mode: test the donors, whom no claim protects."
        ),
    ] = False,
    synthetic: Annotated[
        Path | None,
        typer.Option("--synthetic", metavar="FILE", help="Synthetic texts made by any tool, instead of RUN."),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option("--members", metavar="FILE", help="The private texts that the corpus was made from."),
    ] = None,
    nonmembers: Annotated[
        Path | None,
        typer.Option(
            "--nonmembers",
            metavar="FILE",
            help="Private texts of people who were held out at random, before the corpus was made.",
        ),
    ] = None,
    reference: Reference = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="COLUMN", help="Column that holds the text. Default: text."),
    ] = None,
    synthetic_text: Annotated[
        str | None,
        typer.Option(
            "--synthetic-text",
            metavar="COLUMN",
            help="Column of the text in the synthetic file, if it has another name.",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="COLUMN",
            help="Column that names the person; without it each text counts as one person.",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding", metavar="NAME", help="Encoding of real files that are not UTF-8, such as cp1252."
        ),
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            "--epsilon", metavar="E", help="The claim to test, as its epsilon; --delta gives its delta."
        ),
    ] = None,
    delta: Annotated[
        float | None, typer.Option("--delta", metavar="D", help="The delta of the claim to test. Default: 0.")
    ] = None,
    mu: Annotated[
        float | None,
        typer.Option("--mu", metavar="M", help="The claim to test, as the mu of Gaussian DP."),
    ] = None,
    attacks: Attacks = None,
    with_embedder: WithEmbedder = None,
    with_recogniser: WithRecogniser = None,
    with_recogniser_model: RecogniserModel = None,
    with_surrogate: WithSurrogate = None,
    with_shadows: WithShadows = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of draws and resampling.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=(
                "Write the whole report into this file: as a page if its name ends in .html, otherwise as "
                "JSON. Private."
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Attack a synthetic corpus: does it reveal who was in its data? The output is as private as the data.

    A run is tested against the claim of its ledger, and the outcome is kept in RUN/private. For another
    corpus give the claim; without a claim the audit tests whether anything distinguishes members from the
    others. The exit code is 8 if the claim is refuted, and 12 if the audit could not have found a leak and so
    has no verdict.
    """
    from rpsg import audit as attacking
    from rpsg.cli.progress import progress_for

    files = {"synthetic": synthetic, "members": members, "nonmembers": nonmembers}
    about = {"text": text, "synthetic_text": synthetic_text, "user": user, "encoding": encoding}
    claim = {"epsilon": epsilon, "delta": delta, "mu": mu}
    given: dict[str, Any] = {
        name: value for name, value in {**files, **about, **claim}.items() if value is not None
    }
    _refuse(run, given, of_run=data is not None or donors or with_shadows)
    target = _target(run, out, [*files.values(), reference, data])
    more: dict[str, Any] = {
        "reference": reference,
        "aids": chosen_aids(with_embedder, with_recogniser, with_recogniser_model, with_surrogate),
        "attacks": chosen_attacks(attacks),
        "seed": seed,
    }
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        if run is not None:
            report = attacking.audit_run(
                run, data=data, donors=donors, shadows=with_shadows, progress=progress, **more
            )
        else:
            report = attacking.audit(**given, progress=progress, **more)
    failed = _keep(report, target)
    tell(report, target if failed is None else None, failed, as_json=as_json)


def _refuse(run: Path | None, given: Mapping[str, Any], *, of_run: bool) -> None:
    """UsageError for options that do not go together."""
    if run is not None and given:
        raise UsageError(
            f"--{min(given).replace('_', '-')} cannot be used with a run, which has its own texts, people "
            "and claim.",
            hint="Try: rpsg audit RUN",
        )
    if run is None and of_run:
        raise UsageError(
            "--data, --donors and --with-shadows can only be used with a run.",
            hint="Try: rpsg audit RUN --data FILE",
        )
    if run is None and not {"synthetic", "members", "nonmembers"} <= given.keys():
        raise UsageError(
            "An audit needs a synthetic corpus, the texts it was made from, and texts that were held out.",
            hint="Try: rpsg audit RUN, or rpsg audit --synthetic FILE --members FILE --nonmembers FILE",
        )


def _target(run: Path | None, out: Path | None, reads: Sequence[Path | None]) -> Path | None:
    """The file to write. Whether it may be written is checked before anything private is read."""
    from rpsg.evaluation.output import check_output
    from rpsg.storage.layout import AUDIT, PRIVATE

    if out is None:
        return None if run is None else run / PRIVATE / AUDIT
    target = out / AUDIT if out.is_dir() else out
    check_output(target, reads, "audit")
    return target


def tell(report: AuditReport, kept: Path | None, failed: RpsgError | None, *, as_json: bool) -> None:
    """Show the report, and exit with the code of its verdict.

    ``failed`` is the error if the report could not be saved.
    """
    from rpsg.cli.console import Screen

    if as_json:
        _print(report, kept, failed)
    else:
        show(Screen.stdout(), report, kept)
    if failed is not None:
        raise typer.Exit(failed.exit_code) if as_json else failed
    if report.verdict != "no violation seen":
        raise typer.Exit(VerificationError.exit_code if report.verdict == "refuted" else NOT_RUN)


def _keep(report: AuditReport, target: Path | None) -> RpsgError | None:
    """Write the report with its worst matches: on a page with their texts, in JSON with their row numbers.

    An error is returned, not raised, so that the report is shown anyway.
    """
    from rpsg.disk.files import write_atomic
    from rpsg.report.audit_page import audit_page

    try:
        if target is not None:
            found = report.to_json(with_matches=True)
            if target.suffix == PAGE:
                found = audit_page(found, [asdict(pair) for pair in report.closest])
            write_atomic(target, found.encode())
    except RpsgError as error:
        return error
    return None


def _print(report: AuditReport, kept: Path | None, failed: RpsgError | None) -> None:
    from rpsg.cli.console import print_json
    from rpsg.cli.errors import describe

    found: dict[str, Any] = {"private": True, **json.loads(report.to_json())}
    print_json(
        {"audit": found, "file": kept, **({} if failed is None else {"error": asdict(describe(failed))})}
    )


def show(screen: Screen, report: AuditReport, kept: Path | None) -> None:
    """The verdict and why, then the attacks one by one, what the claim allows, and what was compared."""
    verdict, *reasons = report.words()
    screen.line(PRIVATE, "yellow")
    screen.heading(verdict)
    screen.items(reasons)
    _show_attacks(screen, report)
    screen.heading("What the claim allows against one person")
    screen.facts(allowed_by(report))
    screen.heading("What was compared")
    base = report.baseline
    apart = f"AUC {with_reach(base.auc, base.interval)} (guessing: 0.5)"
    counts = [(name, f"{count:,}") for name, count in report.counts.items()]
    screen.facts([*counts, ("members found without the corpus", apart)])
    silent = [f"{', '.join(names)}: {reason}" for reason, names in report.silent().items()]
    if silent:
        screen.heading("Not run, and why")
        screen.items(silent)
    if kept is not None:
        screen.line()
        what = (
            "The same report as a page for the privacy officer"
            if kept.suffix == PAGE
            else "The whole report, with row numbers of the worst matches"
        )
        screen.line(f"{what} (private):")
        screen.command(str(kept))


def _show_attacks(screen: Screen, report: AuditReport) -> None:
    """A row for each attack that has figures; nothing if no attack could be run."""
    if all(found.verdict == "not run" for found in report.findings):
        return
    tried = [found for found in report.findings if found.verdict != "not run" or found.guesses is not None]
    screen.heading("The attacks")
    screen.table(COLUMNS, [figures(found) for found in tried], numbers=COLUMNS[1:5])
    screen.line()
    if rarely := found_rarely(tried):
        screen.table(("attack", RARELY), rarely, numbers=(RARELY,))
        screen.line()
    screen.items(meanings(with_rarely=bool(rarely)))
