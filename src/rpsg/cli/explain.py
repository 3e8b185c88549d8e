"""``rpsg explain``: what an epsilon means for the people in the data, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from rpsg.cli.console import Screen


def explain(
    epsilon: Annotated[
        float,
        typer.Option("--epsilon", metavar="E", help="The privacy budget. Default: 2.", show_default=False),
    ] = 2.0,
    delta: Annotated[
        float,
        typer.Option(
            "--delta",
            metavar="D",
            help="Probability that the guarantee fails. Default: 1e-06.",
            show_default=False,
        ),
    ] = 1e-6,
    as_json: AsJson = False,
) -> None:
    """Explain what epsilon and delta mean: how well the best possible attacker can do."""
    from rpsg.cli.console import Screen, print_json

    facts = facts_of(epsilon, delta)
    if as_json:
        print_json({"explanation": facts})
    else:
        show(Screen.stdout(), facts)


def facts_of(epsilon: float, delta: float) -> dict[str, Any]:
    """mu, the optimal attack, and epsilon for a replaced person and for groups, all at the same delta.

    A group of g is protected by (g mu)-GDP (Dong, Roth, Su, 2022). Replacing one person is removing one and
    adding one, so it is at most (2 mu)-GDP; for counts, which are never negative, it is (sqrt(2) mu)-GDP.
    """
    from rpsg.privacy.claims import GROUPS
    from rpsg.privacy.gaussian import attack_success, epsilon_of, mu_for

    if not (math.isfinite(epsilon) and 0 < epsilon <= 1000):
        raise UsageError("Epsilon must be above 0 and at most 1000.", hint="Try: rpsg explain --epsilon 2")
    if not 0 < delta < 1:
        raise UsageError("Delta must be above 0 and below 1.", hint="Try: rpsg explain --delta 1e-6")
    mu = mu_for(epsilon, delta)
    best = attack_success(mu)
    return {
        "epsilon": epsilon,
        "delta": delta,
        "mu": mu,
        "odds_at_most": math.exp(min(epsilon, 700.0)),
        "auc": best.auc,
        "tpr_at_fpr_1_percent": best.tpr_at_fpr_1_percent,
        "tpr_at_fpr_01_percent": best.tpr_at_fpr_01_percent,
        "epsilon_replace_one": epsilon_of(2 * mu, delta),
        "epsilon_replace_one_in_counts": epsilon_of(math.sqrt(2) * mu, delta),
        "epsilon_of_groups": {g: epsilon_of(g * mu, delta) for g in GROUPS},
    }


def show(screen: Screen, facts: dict[str, Any]) -> None:
    screen.heading(f"Epsilon {facts['epsilon']:g} at delta {facts['delta']:g}")
    screen.line(
        "An attacker knows everything about the data except whether one person is in it, and sees what was "
        "released. With any method and any computer, the attacker can do no better than this:"
    )
    screen.items(_attacks(facts))
    screen.heading("The mathematics behind it")
    screen.items(_background(facts))
    screen.heading("Groups of people")
    screen.line("The promise is for one person. For several at once, as in a family, it is weaker:")
    rows = [(str(g), _epsilon(e)) for g, e in facts["epsilon_of_groups"].items()]
    screen.table(("people", "epsilon"), rows, numbers=("people", "epsilon"))


def _attacks(facts: dict[str, Any]) -> list[str]:
    auc, first, second = facts["auc"], facts["tpr_at_fpr_1_percent"], facts["tpr_at_fpr_01_percent"]
    pairs = "Given one person who took part and one who did not, the attacker picks the right one"
    return [
        f"{pairs} in at most {_percent(auc)} of the cases (AUC); guessing is right in 50%.",
        (
            f"If 1 in 100 of the others may be wrongly accused, the attacker finds at most "
            f"{_percent(first)} of the members."
        ),
        (
            f"If 1 in 1000 may be wrongly accused, the attacker finds at most {_percent(second, 2)} of the "
            f"members."
        ),
    ]


def _background(facts: dict[str, Any]) -> list[str]:
    odds, delta, mu = facts["odds_at_most"], facts["delta"], facts["mu"]
    replaced, counts = (_epsilon(facts[f"epsilon_replace_one{of}"]) for of in ("", "_in_counts"))
    seen = f"Every result is at most {odds:.3g} times as likely with a person as without"
    if_replaced = "If one person is replaced by another, instead of added or removed"
    noise = f"In other words, mu = {mu:.4g}: an attacker has to tell apart two bell curves"
    return [
        f"{seen}, except with probability {delta:g}.",
        f"{noise} that are {mu:.2g} standard deviations apart.",
        (
            f"{if_replaced}: epsilon is at most {replaced}; it is {counts} if only counts are released, and "
            "between the two if a sketch is released."
        ),
    ]


def _epsilon(value: float) -> str:
    from rpsg.privacy.gaussian import rounded_up

    return rounded_up(value, 3) if math.isfinite(value) else "no useful bound"


def _percent(share: float, decimals: int = 1) -> str:
    from rpsg.privacy.gaussian import rounded_up

    return f"{rounded_up(100 * share, decimals)}%"
