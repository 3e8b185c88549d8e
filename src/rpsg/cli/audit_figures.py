"""The figures of an audit as ``rpsg audit`` shows them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rpsg.audit.finding import Finding
    from rpsg.audit.report import AuditReport
    from rpsg.audit.roc import Interval

COLUMNS = ("attack", "AUC", "found at 1 %", "epsilon", "detects", "verdict")
#: A table of its own, since one more column would not fit on a terminal.
RARELY = "found at 0.1 %"


def figures(found: Finding) -> tuple[str, ...]:
    """The figures of an attack, in the order of ``COLUMNS``; no figures for an attack that was not run."""
    if found.verdict == "not run":
        return (found.name, "", "", "", "", found.verdict)
    rate = found.rates[0] if found.rates else None
    return (
        found.name,
        "" if found.auc is None else with_reach(found.auc, found.auc_interval),
        "" if rate is None or rate.value is None else with_reach(rate.value, rate.interval, percent=True),
        "" if found.epsilon_lower is None else f"≥ {math.floor(100 * found.epsilon_lower) / 100:.2f}",
        "" if found.limit is None else f"{100 * found.limit:.2g} %",
        found.verdict,
    )


def found_rarely(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """The share of members found at ``RARELY``, for each attack for which enough people were held out."""
    return [
        (found.name, with_reach(rate.value, rate.interval, percent=True))
        for found in findings
        for rate in found.rates[1:]
        if found.verdict != "not run" and rate.value is not None
    ]


def meanings(*, with_rarely: bool) -> list[str]:
    """What the columns mean, one after the other."""
    return [
        (
            "AUC: 0.5 is guessing. It is an average over all people, so a complete leak of a few people "
            "hardly changes it."
        ),
        "found at 1 %: the share of members found if 1 % of the people held out are wrongly accused."
        + (" At 0.1 %: if only 0.1 % of them are." if with_rarely else ""),
        (
            "epsilon: the true epsilon is at least this, at 95 % confidence for all attacks together. "
            "Only epsilon can refute the claim."
        ),
        (
            "detects: the smallest leak that the attack would have detected in 95 of 100 cases, as the "
            "share of members, or of canaries for the attacks on canaries."
        ),
        "±: the longer side of the 95 % interval.",
    ]


def with_reach(value: float, interval: Interval | None, *, percent: bool = False) -> str:
    """A value, and its distance to the farther end of its interval: "0.71 ±0.04"."""
    times, digits = (100, 1) if percent else (1, 2)
    reach = (
        "" if interval is None else f" ±{times * max(value - interval[0], interval[1] - value):.{digits}f}"
    )
    return f"{times * value:.{digits}f}{reach}" + (" %" if percent else "")


def allowed_by(report: AuditReport) -> Iterator[tuple[str, str]]:
    """What was claimed, and the best that the claim allows against one person."""
    claim, allowed = report.claim, report.allowed
    if not claim.is_made:
        yield "claimed", "nothing, so the test is whether members can be told from the others"
    elif claim.mu is not None:
        yield "claimed", f"mu {claim.mu:g}, tested as epsilon {claim.epsilon:.3g} at delta {claim.delta:g}"
    else:
        yield "claimed", f"epsilon {claim.epsilon:g}, delta {claim.delta:g}"
    yield "best AUC", f"{allowed['auc']:.3f}"
    yield "best found at 1 %", f"{100 * allowed['tpr at fpr 1 %']:.1f} %"
    yield "best found at 0.1 %", f"{100 * allowed['tpr at fpr 0.1 %']:.2f} %"
