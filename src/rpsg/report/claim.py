"""For the privacy officer: the claim, what it means, what it assumes, and what it does not cover."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined, tag
from rpsg.privacy.claims import GROUPS, taken_at_its_word
from rpsg.privacy.egress import NOTHING_LEFT, hosts
from rpsg.privacy.first_words import shown_claim
from rpsg.privacy.gaussian import normal_cdf, normal_upper_quantile, rounded_up
from rpsg.privacy.sources import TOKENS
from rpsg.privacy.units import words_of
from rpsg.report.audited import COLUMNS, NUMBERS, attack_rows, heading, sentences
from rpsg.report.html import (
    block,
    commands,
    figure,
    listed,
    paragraph,
    part,
    percent,
    percent_up,
    power,
    table,
)
from rpsg.report.svg import bar, curve
from rpsg.storage.layout import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rpsg.display import Child
    from rpsg.release.reader import Release

FALSE_ALARMS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)
CHECKED = {"operator": "the operator vouches for it", "unchecked": "nobody can check it"}


def claim_part(release: Release, *, first: bool = False) -> Html:
    """The section about the claim."""
    words = release.claim["text"] if first else shown_claim(release.ledger)
    return part(
        "claim",
        "The claim",
        f"For the privacy officer. Every figure here follows from {LEDGER}.",
        block("In full", tag("blockquote", tag("p", words))),
        _cautions(release),
        _audited(release),
        _meaning(release) if release.is_private else None,
        _others(release, first=first) if release.is_private else None,
        _budget(release) if release.mechanisms else None,
        _unprotected(release),
        _hosts(release, first=first),
        _rests_on(release) if release.is_private else None,
        _not_covered(release),
        _check(release),
    )


def _cautions(release: Release) -> Html | None:
    lines = release.ledger["cautions"]
    return block("Before you rely on it", listed(lines)) if lines else None


def _audited(release: Release) -> Html | None:
    found = release.ledger.get("published_audit")
    if found is None:
        return None
    told = table("The attacks of the published audit", COLUMNS, attack_rows(found), NUMBERS)
    return block(heading(found), *map(paragraph, sentences(found)), told)


def _meaning(release: Release) -> Html:
    attack, who = release.claim["attack"], words_of(release.ledger["privacy_unit"])[0]
    words = (
        f"Suppose that an attacker knows everything about the data except whether one {who} is in them, and "
        "sees everything that was released. With any method and any computer, now or later, the attacker "
        "cannot do better than this:"
    )
    auc = percent_up(attack["auc"])
    first, second = attack["tpr_at_fpr_1_percent"], attack["tpr_at_fpr_01_percent"]
    shown = f"Shown one {who} that is in the data and one that is not,"
    accused = "non-members may be wrongly accused, the attacker finds at most"
    found = [
        f"{shown} the attacker picks the right one in at most {auc} of cases. Guessing is right in 50 %.",
        f"If 1 in 100 {accused} {percent_up(first)} of the members.",
        f"If 1 in 1000 {accused} {percent_up(second, 2)} of the members.",
    ]
    return block("What ε means here", paragraph(words), listed(found), _attack(release))


def _attack(release: Release) -> Html:
    """The best attack at every false-positive rate: TPR = Phi(Phi^-1(FPR) + mu), plus delta_fail."""
    mu = float(release.claim["mu"])
    extra = float(release.claim["delta_fail"]) + float(release.ledger["rng"]["tv_bound_total"])

    def best(alarms: float) -> float:
        return min(1.0, normal_cdf(mu - normal_upper_quantile(alarms)) + extra)

    steps = [i / 60 for i in range(1, 60)]
    ends = ((0.0, 0.0), (1.0, 1.0))
    marks = [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")]
    picture = curve(
        "attack",
        [("guess line", ends), ("first line", (ends[0], *((x, best(x)) for x in steps), ends[1]))],
        title="The best possible attack",
        desc="The share of members found, by the share of non-members wrongly accused. The curve is above "
        "the diagonal, which shows guessing. The closer it is to the diagonal, the less an attacker can "
        "learn about one member.",
        axes=("non-members wrongly accused", "members found"),
        ticks=(marks, marks),
    )
    rows = [(percent(a, 1), percent_up(best(a), 2), percent(a, 1)) for a in FALSE_ALARMS]
    columns = ("non-members wrongly accused", "members found, at most", "found by guessing")
    data = table(
        "Best possible attack",
        columns,
        rows,
        columns,
    )
    return figure(picture, "Solid: the best that any attacker can do. Dashed: guessing.", data)


def _others(release: Release, *, first: bool) -> Html:
    claim, who = release.claim, words_of(release.ledger["privacy_unit"])
    rows: list[tuple[Child, ...]] = [
        (f"one {who[0]} replaced by another", _up(claim["epsilon_replace_one"]), power(claim["delta"]))
    ]
    rows += [
        (f"{size} {who[1]} together", _up(value), _delta_up(claim["delta_group"][size], first=first))
        for size, value in claim["epsilon_group"].items()
    ]
    rows += [
        (f"{g} {who[1]} together", "unbounded", "") for g in GROUPS if str(g) not in claim["epsilon_group"]
    ]
    title, caption = "Groups", f"The claim for more than one {who[0]}"
    said = (
        f"The claim is for one {who[0]}. For a group, such as a family, it is weaker, and a large group is "
        "hardly protected."
    )
    if first:
        title, caption = "Those who belong together", "The claim for others than one"
        said = (
            f"The promise is for one {who[0]}. For several who belong together it is weaker, and for many it "
            "has in effect ended."
        )
    return block(title, paragraph(said), table(caption, ("who", "ε", "δ"), rows, ("ε", "δ")))


def _up(value: float) -> str:
    return rounded_up(value, 3) if math.isfinite(value) else "unbounded"


def _delta_up(value: float, *, first: bool) -> str:
    """Two digits, never rounded down: a power of ten today, 1e-06 in the first form of the page."""
    short = f"{value:.2g}"
    short = short if float(short) >= value else f"{1.05 * value:.2g}"
    digits, _, exponent = short.partition("e")
    if first or not exponent or digits == "1":
        return power(float(short))
    return f"{digits}\u00a0\u00d7\u00a0{power(float(f'1e{exponent}'))}"


def _budget(release: Release) -> Html:
    lines = release.mechanisms
    prices = [line["sensitivity2"] / line["sigma"] ** 2 for line in lines]
    total = math.fsum(prices)
    rows = [_asked(line, price / total) for line, price in zip(lines, prices, strict=True)]
    columns = ["step", "what was counted", "noise (sigma)"]
    columns += ["share of the budget"] if release.is_private else []
    told = (
        "Each answer is a list of numbers with Gaussian noise. Sigma is the standard deviation of the noise."
    )
    if any(line["kind"] == TOKENS for line in lines):
        told = (
            "The tokens were drawn at random. All draws together use as much of the budget as one answer "
            "with Gaussian noise whose standard deviation is sigma."
        )
    return block(
        "What was read from the private data",
        paragraph(told),
        table("Noisy answers", columns, [row[: len(columns)] for row in rows], columns[2:]),
    )


def _asked(line: Mapping[str, Any], share: float) -> tuple[Child, ...]:
    return (
        line["stage"],
        isolate(line["query"]),
        f"{line['sigma']:.3f}",
        joined(bar(share), percent(share)),
    )


def _hosts(release: Release, *, first: bool) -> Html | None:
    """Which host was sent what. The number of private texts is not published."""
    seen = release.egress
    if not seen:
        return None
    others = hosts(seen)
    said = joined("Data were sent to ", isolate(", ".join(others)), ".") if others else None
    rows = [
        (
            isolate(line.host if first else line.host.replace(" ", "\u00a0")),
            line.role,
            isolate(line.model) if line.model else "none",
            line.sees,
            "not public" if line.requests is None else f"{line.requests:,}",
        )
        for line in seen
    ]
    columns = ("host", "as", "model", "saw", "requests")
    return block(
        "Who saw what",
        paragraph(said or NOTHING_LEFT),
        table("Hosts and what each was sent", columns, rows, ("requests",)),
    )


def _rests_on(release: Release) -> Html:
    rows = [
        (a["id"], a["text"], CHECKED.get(a["checked_by"], a["checked_by"]))
        for a in release.ledger["assumptions"]
    ]
    return block("What the claim assumes", table("Assumptions", ("name", "assumption", "checked"), rows))


def _unprotected(release: Release) -> Html | None:
    """The flows of private text without a mechanism."""
    rows = [(flow["from"], flow["to"], isolate(flow["what"])) for flow in release.ledger["non_dp_flows"]]
    if not rows:
        return None
    table_of = table("Flows of private text without a mechanism", ("from", "to", "what"), rows)
    return block("What nothing protects", table_of)


def _not_covered(release: Release) -> Html:
    if not release.reads_private:
        said = "No private data were read, so there is nothing to cover."
        code = release.ledger["code"].get("extensions", ())
        trusted = listed(map(taken_at_its_word, code)) if code else None
        return block("What is not covered", paragraph(said), trusted)
    lines = release.ledger.get("not_covered", [])
    return block("What is not covered", listed(lines))


def _check(release: Release) -> Html:
    again = (
        "It cannot derive the corpus again, because that would need private texts."
        if release.is_seeded
        else "It derives the corpus again from the evidence."
    )
    return block(
        "Check it yourself",
        paragraph(
            "This command needs the release, and no private data. It checks every figure of the ledger. "
            f"{again}"
        ),
        commands("rpsg verify RELEASE"),
        *_signer(release),
    )


def _signer(release: Release) -> tuple[Html, ...]:
    """The signer's key, if the release is signed."""
    signer = release.ledger.get("signer")
    if signer is None:
        return ()
    return (
        paragraph(
            f"The release is signed with the key that has the fingerprint {signer['fingerprint']}. To check "
            "that it is the key of a person whom you know:"
        ),
        commands("rpsg verify RELEASE --key KEY.pub"),
    )
