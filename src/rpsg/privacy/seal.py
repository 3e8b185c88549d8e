"""The seal of a ledger, and its lines of noisy answers with the figure that builder and verifier sum up."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from rpsg.privacy.files import canonical_json
from rpsg.privacy.sources import tv_bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: The kind of a ledger's line about one noisy answer: a histogram, a sum or a selection.
NOISY_ANSWER = "rounded_gaussian"


def noisy_answers(ledger: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The lines of a ledger about its noisy answers, in the order in which they were drawn."""
    return [line for line in ledger["mechanisms"] if line["kind"] == NOISY_ANSWER]


def entry_sha256(ledger: Mapping[str, Any]) -> str:
    """The hash of a ledger without its chain, with the hash of the one before when there is one."""
    body = {k: v for k, v in ledger.items() if k != "chain"}
    previous = ledger.get("chain", {}).get("prev_sha256")
    if previous is not None:
        body["prev_sha256"] = previous
    return hashlib.sha256(canonical_json(body)).hexdigest()


def seal(body: Mapping[str, Any], previous_sha256: str | None = None) -> dict[str, Any]:
    """The ledger with its chain."""
    open_ledger = {**body, "chain": {"prev_sha256": previous_sha256}}
    sealed = {"prev_sha256": previous_sha256, "entry_sha256": entry_sha256(open_ledger)}
    return {**body, "chain": sealed}


def sampler_tv(mechanisms: Sequence[Mapping[str, Any]], source: str) -> float:
    """The total variation of all draws; of an open vocabulary only the 2k strings that can differ count."""
    return math.fsum(
        tv_bound(source, m["sigma"], m["dim"] or 2 * m["sens"]["k"])
        for m in noisy_answers({"mechanisms": mechanisms})
    )
