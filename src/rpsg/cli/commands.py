"""``rpsg plan``, ``rpsg run`` and ``rpsg verify``."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated, Any

import typer

from rpsg.cli.options import AsJson, Config, takes_settings
from rpsg.errors import UsageError, VerificationError


@takes_settings
def plan(
    given: dict[str, Any],
    config: Config = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="RUN", help="Folder that the run would get; nothing is written."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would claim, cost and send where. Nothing is spent, no private row is read."""
    _show_plan(given, config, out, as_json=as_json)


def _show_plan(given: dict[str, Any], config: Path | None, out: Path | None, *, as_json: bool) -> None:
    """The page of ``rpsg plan`` and of ``rpsg run --dry-run``."""
    from rpsg import api  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli import render as pages  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli import settings as layers  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick

    stack = layers.gather(given, config, os.environ)
    resolved = layers.make_plan(stack)
    preview, written = api.preview(resolved), layers.origins(stack)
    if as_json:
        values = layers.settings(resolved)
        settings = {key: {"value": v, "from": written.get(key, "default")} for key, v in values.items()}
        print_json({"preview": preview, "settings": settings})
    else:
        again = ["rpsg", "run", *layers.retyped(given, config), "-o", str(out or "RUN")]
        pages.show_preview(Screen.stdout(), preview, resolved, written, again)


@takes_settings
def run(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder of the run; an unfinished run in it is continued."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="No progress.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", metavar="", help="Only show what `rpsg plan` shows: no model is asked."),
    ] = False,
) -> None:
    """Write the synthetic corpus, its ledger and its evidence into a folder.

    The same command goes on where a stopped run left off. RUN/release is the half that may be shared, but
    for the method paper, whose release no guarantee covers, and split, which does not protect its donors.
    """
    from rpsg import api  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli import render as pages  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli import settings as layers  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.progress import teller  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.methods.base import cautions_of  # noqa: PLC0415  # only when it is needed: the help must be quick

    if dry_run:
        _show_plan(given, config, out, as_json=as_json)
        return
    resolved = layers.make_plan(layers.gather(given, config, os.environ))
    with teller(quiet=quiet, as_json=as_json) as progress:
        finished = api.run(resolved, out, progress)
    if as_json:
        print_json({"run": pages.run_facts(finished, cautions_of(resolved))})
    else:
        pages.show_run(Screen.stdout(), finished, cautions_of(resolved))


def verify(
    release: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or the release folder of one.")
    ],
    regenerate: Annotated[
        bool,
        typer.Option(
            "--regenerate", metavar="", help="Write all texts again with the same model and compare. Slow."
        ),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ROLE=NAME",
            help="Where a model is that the release cannot name, e.g. writer=mine.gguf. As often as needed.",
        ),
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-plugin",
            metavar="NAME",
            help="A method or model of another package that may be loaded. As often as needed.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PUB", help="The public key that must have signed the release."),
    ] = None,
    second_opinion: Annotated[
        bool,
        typer.Option("--second-opinion", metavar="", help="Every epsilon again by dp-accounting's PLD."),
    ] = False,
    with_vault: Annotated[
        bool,
        typer.Option(
            "--with-vault",
            metavar="",
            help="For the operator: open the commitment, and test the noise on the private data.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="With --with-vault: where the private texts are now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a release, also a stranger's: it is made again from its plan, pack and evidence, and compared.

    No private data is needed, and nothing that the release names is opened. Exit code 8 when a check fails.
    """
    from rpsg import api  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli import render as pages  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.cli.progress import teller  # noqa: PLC0415  # only when it is needed: the help must be quick

    if data is not None and not with_vault:
        raise UsageError("--data is read with --with-vault alone.", hint="Add --with-vault, or leave it out.")
    named = {}
    for given in model or ():
        role, equals, name = given.partition("=")
        if not (equals and name):
            hint = "For instance: --model writer=mine.gguf"
            raise UsageError(f"{given!r} does not name a model.", hint=hint)
        named[role] = name
    with teller(quiet=not regenerate, as_json=as_json) as progress:
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
        )
    if as_json:
        print_json({"verification": {"ok": found.ok, **asdict(found)}})
    else:
        pages.show_verification(Screen.stdout(), found, is_private=with_vault)
    if not found.ok:
        raise typer.Exit(VerificationError.exit_code)
