"""The options that ``rpsg audit`` and ``rpsg audit-run`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpsg.cli.completing import registered, several

if TYPE_CHECKING:
    from rpsg.audit.aids import Aids

Reference = Annotated[
    Path | None,
    typer.Option("--reference", metavar="FILE", help="Public texts of the same kind, to compare with."),
]
Attacks = Annotated[
    str | None,
    typer.Option(
        "--attacks",
        metavar="A,B",
        help="Run only these attacks. Choose them before you see any result. See: rpsg list attacks.",
        autocompletion=several("attacks"),
    ),
]
WithEmbedder = Annotated[
    str | None,
    typer.Option(
        "--with-embedder",
        metavar="NAME",
        help="Also run the attacks closest and closest-ratio, with this embedder. See: rpsg list embedders.",
        autocompletion=registered("embedders"),
    ),
]
WithRecogniser = Annotated[
    str | None,
    typer.Option(
        "--with-recogniser",
        metavar="NAME",
        help="Also run the attack names, with this recognizer. See: rpsg list recognizers.",
        autocompletion=registered("recognizers"),
    ),
]
RecogniserModel = Annotated[
    str | None,
    typer.Option(
        "--with-recogniser-model",
        metavar="NAME",
        help="An installed spaCy model, without which presidio finds no names.",
    ),
]
WithSurrogate = Annotated[
    str | None,
    typer.Option(
        "--with-surrogate",
        metavar="MODEL",
        help="Also run the attack tuned, which trains this causal model on the corpus. Try smollm2-135m.",
    ),
]
WithShadows = Annotated[
    bool,
    typer.Option(
        "--with-shadows",
        metavar="",
        help=(
            "Also run the attack lira-shadow. It takes hours: it runs the plan 16 more times, each time on a "
            "random half of the people."
        ),
    ),
]


def chosen_attacks(names: str | None) -> list[str]:
    """The names typed after ``--attacks``; none means all."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def chosen_aids(
    embedder: str | None, recogniser: str | None, recogniser_model: str | None, surrogate: str | None
) -> Aids | None:
    """The models that were named, loaded before anything private is read; None for each that was not named.

    Raises:
        UsageError: there is no such name, the model is on another machine, or a recogniser's model is named
            without the recogniser.
        MissingExtraError, ModelError: it cannot be loaded.
    """
    from rpsg.audit.aids import aids_of
    from rpsg.errors import UsageError

    if recogniser_model and not recogniser:
        raise UsageError(
            "--with-recogniser-model names the model of a recognizer, but no recognizer is named.",
            hint="Add: --with-recogniser presidio",
        )
    if not (embedder or recogniser or surrogate):
        return None
    return aids_of(
        embedder=embedder,
        recogniser=recogniser,
        recogniser_model=recogniser_model or "",
        surrogate=surrogate,
    )
