"""``rpsg plan``, ``rpsg run`` and ``rpsg verify``."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated, Any

import typer

from rpsg.cli.options import AsJson, Config, Quiet, takes_settings
from rpsg.errors import UsageError, VerificationError


@takes_settings
def plan(
    given: dict[str, Any],
    config: Config = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="RUN",
            help="Run folder to put into the command shown at the end; nothing is written to it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would claim, spend and send to whom. No budget is spent, no private row is used.

    If a run could not start now, the exit code is the one with which it would end.
    """
    _show_plan(given, config, out, as_json=as_json)


def _show_plan(given: dict[str, Any], config: Path | None, out: Path | None, *, as_json: bool) -> None:
    """The output of ``rpsg plan`` and ``rpsg run --dry-run``."""
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.render import show_preview
    from rpsg.cli.settings import gather, make_plan, origins, retyped, values_of

    layers = gather(given, config, os.environ)
    resolved = make_plan(layers)
    preview = api.preview(resolved)
    usual, values = values_of(type(resolved)()), values_of(resolved)
    written = {key: origin for key, origin in origins(layers).items() if values.get(key) != usual.get(key)}
    if as_json:
        settings = {
            key: {"value": value, "from": written.get(key, "default")} for key, value in values.items()
        }
        print_json({"preview": preview, "settings": settings})
    else:
        command = ["rpsg", "run", *retyped(given, config), "-o", str(out or "RUN")]
        show_preview(Screen.stdout(), preview, resolved, written, command)
    if preview.exit_code:
        raise typer.Exit(preview.exit_code)


@takes_settings
def run(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder of the run; an unfinished run in it is resumed."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", metavar="", help="Only show what `rpsg plan` shows; no model is called."),
    ] = False,
) -> None:
    """Write the synthetic corpus, its ledger and its evidence into a folder.

    If a run stops, the same command resumes it. RUN/release is made to be shared, with two exceptions: no
    guarantee covers a release of the method paper, and the method split does not protect its donors.
    """
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.progress import progress_for
    from rpsg.cli.render import run_facts, show_run
    from rpsg.cli.settings import gather, make_plan
    from rpsg.methods.named import cautions_of

    if dry_run:
        _show_plan(given, config, out, as_json=as_json)
        return
    resolved = make_plan(gather(given, config, os.environ))
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        finished = api.run(resolved, out, progress)
    if as_json:
        print_json({"run": run_facts(finished, cautions_of(resolved))})
    else:
        show_run(Screen.stdout(), finished, cautions_of(resolved))


def verify(
    release: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or the release folder of one.")
    ],
    regenerate: Annotated[
        bool,
        typer.Option(
            "--regenerate",
            metavar="",
            help="Write all texts again with the same model and compare them. Slow.",
        ),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ROLE=NAME",
            help="Where your copy of a model of the release is, such as writer=mine.gguf. May be repeated.",
        ),
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-plugin",
            metavar="NAME",
            help="Name of a method or model from another package that may be loaded. May be repeated.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PUB", help="The public key that the release must be signed with."),
    ] = None,
    second_opinion: Annotated[
        bool,
        typer.Option(
            "--second-opinion",
            metavar="",
            help="Compute every epsilon again with another accountant: the PLD of dp-accounting.",
        ),
    ] = False,
    with_vault: Annotated[
        bool,
        typer.Option(
            "--with-vault",
            metavar="",
            help="For the operator: check that the private data are those of the run, and test the noise.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="With --with-vault: where the private texts are now."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="How many processes share the work. Default: one for each core, at most 8; for a release of "
            "fewer than 5,000 texts, 1.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check any release: rebuild it from its plan, pack and evidence, and compare the two.

    This needs no private data and opens nothing that the release names. The exit code is 8 if a check fails.
    """
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.progress import progress_for
    from rpsg.cli.render import show_verification

    if data is not None and not with_vault:
        raise UsageError(
            "--data can only be used with --with-vault.", hint="Add --with-vault, or leave --data out."
        )
    named = {}
    for given in model or ():
        role, equals, name = given.partition("=")
        if not (equals and name):
            hint = "For instance: --model writer=mine.gguf"
            raise UsageError(f"{given!r} does not name a model.", hint=hint)
        named[role] = name
    with progress_for(quiet=not regenerate, as_json=as_json) as progress:
        found = api.verify(
            release,
            regenerate=regenerate,
            models=named,
            plugins=plugins or (),
            progress=progress,
            key=key,
            second_opinion=second_opinion,
            with_vault=with_vault,
            data=data,
            workers=workers,
        )
    if as_json:
        print_json({"verification": {"ok": found.ok, **asdict(found)}})
    else:
        show_verification(Screen.stdout(), found, is_private=with_vault)
    if not found.ok:
        raise typer.Exit(VerificationError.exit_code)
