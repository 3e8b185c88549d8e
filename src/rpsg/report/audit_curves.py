"""The curves of an audit: how many members an attack finds, against how many people it accuses wrongly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rpsg.privacy.attack_bounds import most_true_positives
from rpsg.report.html import block, figure, percent, table
from rpsg.report.svg import curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.display import Html

#: The smallest share on the axes, and the shares at which the table reads the curves.
LEAST = 0.001
READ_AT = (0.001, 0.01, 0.1)
#: How many attacks have a curve; more curves could not be told apart.
MOST_CURVES = 3
#: Attacks whose curves are about planted canaries and those held out, in place of people.
OF_CANARIES = ("exposure", "noisy-answers")


def curves_of(found: Mapping[str, Any]) -> Html | None:
    """The curves of the attacks with the highest bounds, on log axes, and the curve that the claim allows."""
    drawn = [each for each in found["findings"] if each["curve"] and each["verdict"] != "not run"]
    drawn.sort(key=lambda each: (-(each["epsilon_lower"] or 0.0), -(each["auc"] or 0.0)))
    drawn = drawn[:MOST_CURVES]
    if not drawn:
        return None
    claim = found["claim"]

    def allowed(rate: float) -> float:
        return most_true_positives(claim["epsilon"], claim["delta"], rate)

    steps = [LEAST ** (1 - i / 60) for i in range(61)]
    marks = [(_on_log(rate), percent(rate, 0 if rate >= LEAST * 10 else 1)) for rate in (*READ_AT, 1.0)]
    guess = ("guess line", [(_on_log(s), _on_log(s)) for s in steps])
    most = ("second line", [(_on_log(s), _on_log(allowed(s))) for s in steps])
    kinds = ("first line", "first soft line", "first faint line")
    lines = [
        (kind, [(_on_log(x), _on_log(y)) for x, y in each["curve"]])
        for kind, each in zip(kinds, drawn, strict=False)
    ]
    picture = curve(
        "audit-roc",
        [guess, *([most] if claim["is_made"] else []), *reversed(lines)],
        title="Members found, against people wrongly accused",
        desc="Both axes are logarithmic. The picture has the curves of the attacks with the highest bounds, "
        "the curve that the claim allows against one person, and the diagonal of guessing.",
        axes=("people held out and accused", "members found"),
        ticks=(marks, marks),
    )
    columns = ("accused", "allowed by the claim", *(each["name"] for each in drawn))
    rows = [
        (
            percent(rate, 1),
            percent(allowed(rate), 1),
            *(percent(_read(each["curve"], rate), 1) for each in drawn),
        )
        for rate in READ_AT
    ]
    fainter = ", ".join(each["name"] for each in drawn[1:])
    limit = "The line in another colour is the limit of the claim for an attack on one person. "
    words = (
        f"The clearest line: {drawn[0]['name']}{f'; fainter: {fainter}' if fainter else ''}. "
        f"{limit if claim['is_made'] else ''}Dashed: guessing. A curve above "
        f"{'the claim' if claim['is_made'] else 'guessing'} refutes nothing by itself. Only the epsilon in "
        "the table can refute the claim."
    )
    if any(each["name"] in OF_CANARIES for each in drawn):
        words += f" The lines of {' and '.join(OF_CANARIES)} count canaries, not people."
    return block(
        "Who is found",
        figure(picture, words, table("Members found", columns, rows, columns[1:])),
    )


def _on_log(share: float) -> float:
    """A share from LEAST to 1 as a position on a log axis, 0 to 1."""
    return 1 - math.log10(max(share, LEAST)) / math.log10(LEAST)


def _read(points: Sequence[Sequence[float]], rate: float) -> float:
    """The height of a curve at the largest of its rates that is not above ``rate``."""
    return max((height for at, height in points if at <= rate + 1e-12), default=0.0)
