"""``rpsg audit-run``: a run with planted canaries, whose corpus is attacked and destroyed."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated, Any

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
from rpsg.cli.options import AsJson, Config, Quiet, takes_settings


@takes_settings
def audit_run(
    given: dict[str, Any],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="AUDIT",
            help="Folder of the audit run; an unfinished audit run in it is resumed.",
        ),
    ],
    config: Config = None,
    reference: Reference = None,
    attacks: Attacks = None,
    with_embedder: WithEmbedder = None,
    with_recogniser: WithRecogniser = None,
    with_recogniser_model: RecogniserModel = None,
    with_surrogate: WithSurrogate = None,
    with_shadows: WithShadows = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Test a plan: run it with canaries among the private texts, attack the corpus, then destroy the corpus.

    Unless --audit-canaries and --audit-holdout say otherwise, there are 200 canaries, and half of the people
    are held out. The audit spends budget of the account, as a run does. In the end only its report is left,
    in AUDIT/private, and this report is as private as the data. If the audit stops, the same command resumes
    it. The exit codes are those of `rpsg audit`.
    """
    from rpsg.audit import canary_run
    from rpsg.cli.audit import tell
    from rpsg.cli.progress import progress_for
    from rpsg.cli.settings import gather, make_plan
    from rpsg.storage.layout import AUDIT_PAGE, PRIVATE

    resolved = make_plan(gather(given, config, os.environ))
    aids = chosen_aids(with_embedder, with_recogniser, with_recogniser_model, with_surrogate)
    with progress_for(quiet=quiet, as_json=as_json) as progress:
        report = canary_run(
            resolved,
            out,
            reference=reference,
            aids=aids,
            shadows=with_shadows,
            attacks=chosen_attacks(attacks),
            progress=progress,
        )
    tell(report, out / PRIVATE / AUDIT_PAGE, None, as_json=as_json)
