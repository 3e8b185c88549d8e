"""An audit that is published on purpose, as an entry of the ledger.

Its counts were read from private texts without noise. Whether its bounds and verdicts follow from them is
checked in ``rpsg.privacy.audit_figures``, and whether they fit the release in
``rpsg.pipeline.verification.audited``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from rpsg.disk.json_text import canonical_json
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Line = Mapping[str, Any]

FORM = "rpsg-published-audit/3"
#: The error rate of all tests of an audit together.
LEVEL = 0.05
THIS, LIKE_IT = (
    "the corpus of this release",
    "another corpus of the same plan, with canaries, destroyed since",
)
WORDS = (
    "Every figure of this audit was counted in private texts, without noise and without a budget: how many "
    "people were used and held out, and how many of them each attack named. No claim covers it. That nothing "
    "was seen proves nothing."
)
NOT_COVERED = "the figures of the published audit: they were counted in private texts without noise"
#: The reason of an audit that says "no violation seen".
NOTHING_SEEN = "No attack named more members than chance would explain if the claim holds."
#: What no verifier can show about a published audit: in every case, and if another corpus was attacked.
CANNOT_SHOW = (
    (
        "that the counts of the published audit were counted, in these private texts, and that its attacks "
        "found the leaks planted as a test as clearly as it says: the publisher says so"
    ),
    (
        "that nothing else takes the verdict of the published audit away, such as people or canaries that "
        "were held out and are in the corpus all the same, or a corpus in another language: the publisher "
        "says so"
    ),
    "that an attack for which the published audit has no figures had none: the publisher says so",
    (
        "that no other audit of these texts was made, for example with another seed, of which the best was "
        "published"
    ),
)
CANNOT_SHOW_LIKE_IT = (
    "that the corpus of the published audit, which is destroyed, was made from the same private texts: the "
    "publisher's machine compared them when it published, and nobody else can"
)
#: The attack that ranks canaries and not people.
OF_CANARIES = "exposure"
#: The names of the controls in the stored results, and in the block: the members' own texts, for which the
#: AUC counts too, and the leak planted among other texts.
CONTROLS = {"fitted on members": "in_own_texts", "leaky": "in_planted_leak"}
_NAMED = ("units", "members", "guesses", "right")
#: The figures that decide the bound of an attack, if the attack does not name people.
FIGURES = {"extraction": ("planted", "chance", "right"), "noise": ("entries", "squares", "added")}


def published(found: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """The block for a ledger, from the stored results of an audit. An attack without figures is only named.

    Raises:
        UsageError: the audit did not count, or did not test a claim.
    """
    if found["verdict"] == "not run" or _is_void(found) or not found["claim"]["is_made"]:
        raise UsageError(
            "An audit that tested no claim, or that has no verdict, cannot be published.",
            hint="The reason is in its private report: rpsg report RUN --private, or "
            "AUDIT/private/audit.html.",
        )
    if unknown := [each["name"] for each in found["findings"] if not each["basis"] and _has_figures(each)]:
        raise UsageError(
            f"Nobody could check the bounds of {', '.join(unknown)}, because these attacks do not record "
            "what their bounds follow from.",
            hint="Audit without these attacks: rpsg audit RUN --attacks A,B",
        )
    if of == THIS and any((each["basis"] or {}).get("kind") == "noise" for each in found["findings"]):
        raise UsageError(
            "This release has the noisy answers, and together with the size of the noise they would reveal "
            "the exact answers.",
            hint="Publish an audit run of the same plan instead: rpsg audit-run.",
        )
    base, about, counts = found["baseline"], found["about"], found["counts"]
    corpus = {"texts": counts["synthetic texts"]}
    return {
        "form": FORM,
        "of": of,
        "plan": about["plan"],
        "corpus": corpus | ({"sha256": about["texts"]} if of == THIS else {}),
        "people": {
            "members": counts["members"],
            "held_out": counts["held out"],
            "share_held_out": about["held out"],
            # With many equal texts, members are left out, and the audit would seem to be about other people.
            **({"left_out": counts["members left out"]} if counts.get("members left out") else {}),
        },
        "verdict": found["verdict"],
        "claim": {name: found["claim"][name] for name in ("epsilon", "delta")},
        "level": LEVEL,
        "tested": max(round(LEVEL / each["basis"]["level"]) for each in found["findings"] if each["basis"]),
        "told_apart": {"auc": base["auc"], "low": base["interval"][0], "high": base["interval"][1]},
        "seed": found["seed"],
        "attacks": [_line(each, found["controls"]) for each in found["findings"]],
        "words": WORDS,
    }


def texts_digest(texts: Sequence[str]) -> str:
    """The SHA-256 of the texts of a corpus, in their order, as hexadecimal digits."""
    return hashlib.sha256(canonical_json(list(texts))).hexdigest()


def _is_void(found: Mapping[str, Any]) -> bool:
    """Whether the stored results have a reason why nothing was seen, or why nothing follows from them."""
    counted = [each for each in found["findings"] if each["verdict"] != "not run"]
    return (
        (found["verdict"] == "no violation seen" and found["reason"] != NOTHING_SEEN)
        or bool(found["baseline"]["signs"])
        or any(each["epsilon_if_swapped"] for each in counted)
    )


def _has_figures(each: Mapping[str, Any]) -> bool:
    return each["verdict"] != "not run" or each["epsilon_lower"] is not None


def _line(each: Mapping[str, Any], controls: Mapping[str, Any]) -> dict[str, Any]:
    """The line of one attack: its figures, whether it counts or not, and what it found in the controls."""
    told = {"name": each["name"], "verdict": each["verdict"]}
    if not each["basis"]:
        return told
    about = {**each["basis"], **each}
    names = ("kind", "tests", *FIGURES.get(about["kind"], _NAMED), "epsilon_lower", "epsilon_most", "limit")
    told |= {name: about[name] for name in names}
    for control, entry in CONTROLS.items():
        seen = next((one for one in controls[control] if one["name"] == each["name"]), None)
        if seen is not None and seen["outcome"] != "not tried":
            told[entry] = {"epsilon_lower": seen["epsilon_lower"] or 0.0}
            if control == "fitted on members" and seen["auc"] is not None:
                told[entry]["auc"] = seen["auc"]
    return told


def summary_of(found: Line) -> dict[str, Any]:
    """The entry ``audit`` of a ledger with this published audit."""
    verdict = "violation" if found["verdict"] == "refuted" else "no_violation_found"
    return {"ran": True, "published": "figures", "verdict": verdict}
