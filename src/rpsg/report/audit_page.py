"""The outcome of an audit for the data's owner: attacks, their curves, the canaries, the closest texts.

It is made only from ``audit.json`` and the closest texts. The closest texts are shown only if the run still
has them. All of it is private.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.registry import built_in
from rpsg.report.audit_curves import curves_of
from rpsg.report.html import (
    block,
    document,
    folded,
    listed,
    pairs,
    paragraph,
    part,
    percent,
    table,
)
from rpsg.report.page_style import page_style
from rpsg.report.svg import strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rpsg.display import Child

    Found = Mapping[str, Any]

#: The closest pairs of a private and a synthetic text that are shown.
MOST_MATCHES = 20
#: Shares of wrong accusations at which an attack says how many members it finds.
RATES = (0.01, 0.001)
#: For the closest texts: how many characters are shown before the rest is folded, and how long a rest may be
#: without being folded.
SHOWN, REST = 400, 100
EPSILON = (
    "Epsilon at least: the lower bound that follows from the right guesses, or from the noise, at 95 % "
    "confidence for all attacks together. If it is above the epsilon of the claim, the claim is refuted."
)
WRONGLY = "Found at 1 %: the share of members found if 1 % of the people held out are wrongly accused."
AUC = (
    "AUC: 0.5 is guessing. It is an average over all people, so a complete leak of a few people hardly "
    "changes it."
)
DETECTS = (
    "Detects a leak of: the smallest leak that the attack would have detected in 95 of 100 cases, as the "
    "share of members whose texts leak and stand out from all others. For extraction and exposure it is the "
    "share of planted canaries, and for noisy-answers that of all canaries. For noise-left it is the largest "
    "part of the claimed noise that the attack would have found too little."
)
TITLE = "Does the corpus reveal who was in its data?"
MARK = "PRIVATE: never share this page. An audit reads private texts without noise, and no budget covers it."
PROOF = (
    "An audit can refute a claim, but never prove one. Each figure here answers a question about private "
    "texts, so anybody who publishes it releases something about these texts."
)


def audit_page(found: str, matches: Sequence[Found] = ()) -> str:
    """The page of an audit that is not part of the report of a run; ``found`` is the text of ``audit.json``.

    ``matches`` are those of ``audit_part``; without them the page shows no text.
    """
    body = joined(
        tag("a", "To the report", href="#main", class_="skip"),
        tag("header", tag("p", MARK, class_="mark"), tag("h1", TITLE)),
        tag("main", audit_part(json.loads(found), matches), id="main"),
        tag("footer", tag("p", "This page loads nothing and runs nothing.")),
    )
    return document("PRIVATE: an audit", page_style(is_private=True), body)


def audit_part(found: Found, matches: Sequence[Found]) -> Html:
    """The section about an audit. ``matches``: attack, similarity, private and synthetic text of each."""
    return part(
        "audit",
        "The audit",
        "For the privacy officer. Private: no release contains any of it, unless it is published on purpose.",
        _verdict(found),
        _attacks(found),
        curves_of(found),
        _canaries(found),
        _matches(matches),
        _compared(found),
    )


def _verdict(found: Found) -> Html:
    claim = found["claim"]
    tested = (
        f"epsilon {claim['epsilon']:.3g}, delta {claim['delta']:g}"
        if claim["is_made"]
        else "nothing, so the test is whether members can be told from the others"
    )
    heading, *reasons = found["words"]
    kind = f"block verdict {_VERDICTS.get(found['verdict'], '')}".strip()
    told = listed(map(isolate, reasons))
    return joined(
        tag("div", tag("h3", heading), told, class_=kind),
        pairs([("claimed", tested)]),
        paragraph(PROOF),
    )


_VERDICTS = {"refuted": "refuted", "no violation seen": "unrefuted"}


def _attacks(found: Found) -> Html:
    """A row for each attack that has figures; only the reasons if no attack could be run."""
    counting = [each for each in found["findings"] if each["verdict"] != "not run"]
    if not counting:
        return block("The attacks", _quiet(found))
    rates = [rate for rate in RATES if any(_is_known(each, rate) for each in counting)]
    columns = (
        *("attack", "verdict", "epsilon at least", "right guesses", "AUC"),
        *(f"found at {100 * rate:g}\u00a0%" for rate in rates),
        "detects a leak of",
    )
    figures = ("guesses", "auc", "epsilon_lower")
    tried = [each for each in found["findings"] if any(each[name] is not None for name in figures)]
    told = (
        "Each attack names people as members, from the corpus alone. Two attacks use the noisy answers "
        "instead: noisy-answers guesses which canaries were in the data, and noise-left measures the noise. "
        "In brackets are 95 % intervals."
    )
    meanings = [EPSILON, *([WRONGLY] if rates else []), AUC, DETECTS]
    return block(
        "The attacks",
        paragraph(told),
        listed(meanings),
        table("What each attack found", columns, [_row(each, rates) for each in tried], columns[2:]),
        _quiet(found),
    )


def _is_known(each: Found, rate: float) -> bool:
    """Whether enough people were held out to say what an attack finds at a rate of wrong accusations."""
    return any(own["false_positive_rate"] == rate and own["value"] is not None for own in each["rates"])


def _row(each: Found, rates: Sequence[float]) -> tuple[Child, ...]:
    """The figures of an attack; no figures for an attack that was not run."""
    about = built_in("attacks").get(each["name"])
    name = each["name"] if about is None else joined(each["name"], tag("small", about[1]))
    if each["verdict"] == "not run":
        return (name, each["verdict"], *[""] * (4 + len(rates)))
    lower, limit, auc = each["epsilon_lower"], each["limit"], each["auc"]
    little = each["details"].get("noise that would be seen")
    seen = f"{percent(little)} of the noise" if little is not None else ""
    return (
        name,
        each["verdict"],
        "" if lower is None else f"{math.floor(100 * lower) / 100:.2f}",
        "" if each["guesses"] is None else f"{each['right']:,} of {each['guesses']:,}",
        "" if auc is None else _between(auc, each["auc_interval"], lambda value: f"{value:.2f}"),
        *(_rate(each, rate) for rate in rates),
        seen if limit is None else percent(limit, 1),
    )


def _rate(each: Found, rate: float) -> str:
    """The share of members found at a rate of wrong accusations."""
    found = next((own for own in each["rates"] if own["false_positive_rate"] == rate), None)
    if found is None or found["value"] is None:
        return ""
    return _between(found["value"], found["interval"], lambda value: percent(value, 1))


def _between(value: float, interval: Sequence[float] | None, told: Callable[[float], str]) -> str:
    return told(value) if interval is None else f"{told(value)} ({told(interval[0])} to {told(interval[1])})"


def _quiet(found: Found) -> Html | None:
    reasons: dict[str, list[str]] = {}
    for each in found["findings"]:
        if each["verdict"] == "not run":
            reasons.setdefault(each["reason"], []).append(each["name"])
    if not reasons:
        return None
    told = "Some attacks were not run:"
    lines = [f"{reason} ({', '.join(names)})" for reason, names in reasons.items()]
    return joined(paragraph(told), listed(map(_with_code, lines)))


def _with_code(words: str) -> Html:
    """A sentence of RPSG; what it has in backticks is shown as code."""
    parts = words.split("`")
    return joined(*(tag("code", part) if i % 2 else isolate(part) for i, part in enumerate(parts)))


def _canaries(found: Found) -> Html | None:
    each = next(
        (each for each in found["findings"] if each["name"] == "extraction" and each["details"]), None
    )
    if each is None:
        return None
    about = each["details"]
    sides = [
        ("planted", about["planted"], each["right"]),
        ("held out", about["held out"], about["held out and found"]),
    ]
    rows = [(side, joined(strip(hits, count), f"{hits:,} of {count:,}")) for side, count, hits in sides]
    told = (
        "A canary is a made-up text that ends in words drawn at random. Coin tosses decided which canaries "
        "went into the data. If a planted canary is in the corpus, it cannot have got there by chance."
    )
    zero = about.get("at most, if none is found")
    bound = (
        None
        if zero is None
        else paragraph(
            "None was found. So, with 95 % confidence, the probability that a canary is repeated in the "
            f"corpus is below {percent(zero, 1)}."
        )
    )
    columns = ("canaries", "found in the corpus")
    return block("The canaries", paragraph(told), table("Canaries", columns, rows), bound)


def _matches(matches: Sequence[Found]) -> Html | None:
    if not matches:
        return None
    rows = [
        (
            str(rank),
            each["attack"],
            f"{each['similarity']:.2f}",
            _shortened(each["private"]),
            _shortened(each["synthetic"]),
        )
        for rank, each in enumerate(matches[:MOST_MATCHES], start=1)
    ]
    told = (
        f"The {counted(len(rows), 'pair')} that are most similar, as found by the attacks that look for "
        "copies. These are private texts, word for word. The similarity of a copy is 1. Two texts about the "
        "same subject can be rather similar without a leak."
    )
    columns = ("rank", "attack", "similarity", "private text", "synthetic text")
    return block(
        "The closest texts", paragraph(told), table("The closest texts", columns, rows, ("similarity",))
    )


def _shortened(text: str) -> Html:
    """The text; the end of a long one can be unfolded."""
    if len(text) <= SHOWN + REST:
        return isolate(text)
    end = text.rfind(" ", 0, SHOWN)
    end = SHOWN if end < REST else end
    return joined(isolate(text[:end]), folded(f"{len(text) - end:,} characters more", isolate(text[end:])))


def _compared(found: Found) -> Html:
    base = found["baseline"]
    apart = f"AUC {base['auc']:.2f}, where 0.5 is chance"
    facts = [
        *((name, f"{count:,}") for name, count in found["counts"].items()),
        ("members found without the corpus", apart),
    ]
    title = "Two test corpora that certainly leak, and whether each attack found the leak"
    return block("What was compared", pairs(facts), table(title, _CONTROLS, _controls(found)))


_CONTROLS = ("attack", "the members' own texts", "one text in twenty copied from a member")
_OUTCOMES = {"caught": "found", "missed": "not found"}


def _controls(found: Found) -> Iterator[tuple[str, ...]]:
    seen = [
        {each["name"]: _OUTCOMES.get(each["outcome"], "not tried") for each in found["controls"][name]}
        for name in ("fitted on members", "leaky")
    ]
    for name in seen[0]:
        yield (name, *(outcomes.get(name, "not tried") for outcomes in seen))
