"""The public ledger of a run, which anyone can check, and a private one for the operator.

The public ledger holds public inputs, hashes of DP outputs, and numbers derived from them; nothing else
computed from private data, no row count, no time, no plain hash, and nothing about other runs. Its schema is
``ledger.schema.json``, version "rpsg-ledger/2".
"""

from __future__ import annotations

import hashlib
import math
import platform
import secrets
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rpsg.errors import PrivacyError
from rpsg.privacy.cautions import cautions
from rpsg.privacy.checks import CHECKS, form
from rpsg.privacy.claims import (
    IN_THE_CLEAR,
    NOT_PRIVATE,
    Threshold,
    assumptions,
    claim_numbers,
    claim_text,
    rests_on_data,
    taken_at_its_word,
)
from rpsg.privacy.claims import not_covered as uncovered
from rpsg.privacy.facts import Free
from rpsg.privacy.first_words import as_in
from rpsg.privacy.published_audit import NOT_COVERED, summary_of
from rpsg.privacy.signing import seal
from rpsg.privacy.sources import NOISY_ANSWER, TOKENS, sampler_tv, supports_claims
from rpsg.privacy.token_sampling import RULE
from rpsg.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rpsg.privacy.commitment import Commitment
    from rpsg.privacy.facts import Facts
    from rpsg.privacy.released import Performed

SCHEMA = "rpsg-ledger/2"


def build_public_ledger(
    facts: Facts,
    performed: Performed | None,
    *,
    free: Free | None = None,
) -> dict[str, Any]:
    """The sealed public ledger as JSON values.

    ``performed`` is None for methods without private queries. ``free`` are the facts that cannot be derived;
    if None, those of a new ledger without commitment.

    Raises:
        PrivacyError: the run does not support the claim it asks for; no ledger is written.
    """
    drawn_from = performed.source if performed is not None else facts.noise_source
    testing = bool(drawn_from) and not supports_claims(drawn_from)
    unit = facts.unit.to_json()
    free = free or new_free(None)
    has_data = rests_on_data(facts.reads, free.code["version"])
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "ledger_id": free.ledger_id,
        "reads": facts.reads,
        "method": facts.method,
        "status": "not_private_testing" if testing else facts.status,
        "claim": _claim(facts, performed, testing=testing),
        "privacy_unit": unit,
        "assumptions": assumptions(unit, on_data=has_data),
        "public_inputs": [_without_empty(asdict(p)) for p in facts.public_inputs],
        "mechanisms": list(_mechanisms(performed, facts.reads)) if performed else [],
        "non_dp_flows": [{"from": f.origin, "to": f.to, "what": f.what} for f in facts.flows],
        "egress": [_without_empty(asdict(e)) for e in facts.egress],
        "rng": _rng(facts, performed, testing=testing),
        "code": dict(free.code),
        "outputs": [asdict(o) for o in facts.outputs],
        "audit": _audit(facts),
        "cost": _cost(facts, performed),
        "not_covered": uncovered(unit, claims=claims_something(facts, testing), on_data=has_data),
    }
    body["cautions"] = _cautions(facts, body["claim"], unit)
    body["not_covered"] += map(taken_at_its_word, free.code.get("extensions", ()))
    _add_what_some_have(body, facts, performed, free)
    return _checked(seal(as_in(free.code["version"], body), free.previous_sha256))


def _add_what_some_have(body: dict[str, Any], facts: Facts, performed: Performed | None, free: Free) -> None:
    """Add the fields that only some ledgers have, and what they say is not covered."""
    if facts.in_the_clear:
        body["vault"] = "none"
        body["not_covered"].append(IN_THE_CLEAR)
    if free.audit is not None:
        body["audit"] = summary_of(free.audit)
        body["published_audit"] = dict(free.audit)
        body["not_covered"].append(NOT_COVERED)
    if free.signer is not None:
        body["signer"] = dict(free.signer)
    if free.commitment is not None:
        body["private_commitment"] = dict(free.commitment)
    if performed is not None:
        body |= _plan(performed)


def new_free(commitment: Commitment | None, extensions: Sequence[Mapping[str, str]] = ()) -> Free:
    """The free facts of a new ledger: a random id, the code, and the commitment.

    The code is the version of RPSG and the ``extensions`` of other packages that the run used, if any.
    """
    told = None if commitment is None else commitment.to_json()
    code = {**code_facts(), **({"extensions": list(extensions)} if extensions else {})}
    return Free(secrets.token_hex(16), code, told)


def claims_something(facts: Facts, testing: bool) -> bool:
    """Whether a ledger with these facts makes a claim."""
    return not testing and facts.claim != "no_formal_guarantee"


def build_private_ledger(
    public: Mapping[str, Any], commitment: Commitment, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The operator's part, for the private folder: the nonce of the commitment and any private ``facts``."""
    return {
        "schema": "rpsg-private-ledger/1",
        "ledger_id": public["ledger_id"],
        "public_entry_sha256": public["chain"]["entry_sha256"],
        "commitment": {**commitment.to_json(), "nonce": commitment.nonce.hex()},
        "facts": dict(facts),
    }


def code_facts() -> dict[str, Any]:
    """Version, and a hash over the source files in the order of their names."""
    return {
        "version": VERSION,
        "source_sha256": _source_sha256(),
        "python": platform.python_version(),
    }


@cache
def _source_sha256() -> str:
    digest = hashlib.sha256()
    for name, content in sorted(_sources(files("rpsg"), "rpsg")):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _sources(folder: Any, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, path)
        elif entry.name.endswith(".py"):
            yield path, entry.read_bytes()


def _claim(facts: Facts, performed: Performed | None, *, testing: bool) -> dict[str, Any]:
    if testing:
        return {"type": "no_formal_guarantee", "text": NOT_PRIVATE}
    if facts.claim == "no_private_data":
        return {"type": facts.claim, "text": claim_text({"type": facts.claim}, {})}
    if facts.claim == "no_formal_guarantee":
        return {"type": facts.claim, "text": facts.claim_words}
    if performed is None:
        raise PrivacyError("A claim needs the account of the mechanisms that were run.")
    return _dp_claim(facts, performed)


def _dp_claim(facts: Facts, performed: Performed) -> dict[str, Any]:
    budget = performed.budget
    lines = list(_mechanisms(performed))
    if len(performed.releases) != len(budget.releases):
        raise PrivacyError("Not every release of the plan was made, so the ledger would be incomplete.")
    thresholds = [Threshold(r.sigma, r.k, r.threshold) for r in budget.releases if r.threshold is not None]
    spent = (budget.delta_fail, sampler_tv(lines, performed.source))
    claim = {
        "type": facts.claim,
        "epsilon": budget.epsilon,
        "delta": budget.delta,
        "accountant": "gdp-closed-form",
        "protects_against": list(facts.protects_against),
        **claim_numbers(budget.mu2, budget.replaced_mu2, budget.delta, thresholds, spent),
    }
    if not claim["epsilon_by_accountant"]["gdp-closed-form"] <= budget.epsilon:
        raise PrivacyError("The noise that was drawn does not support the claim; nothing is released.")
    return {**claim, "text": claim_text(claim, facts.unit.to_json())}


def _cautions(facts: Facts, claim: Mapping[str, Any], unit: Mapping[str, Any]) -> list[str]:
    if "epsilon" not in claim:
        return []
    declared, counted, decides = facts.n_public, facts.counted, facts.noise_decides
    return cautions(claim, unit, n_public=declared, counted=counted, noise_decides=decides)


def _mechanisms(performed: Performed, reads: str = "noisy_histograms") -> Iterator[dict[str, Any]]:
    """One line for each noisy vector, and one more for each threshold."""
    seq = 0
    data = "voters" if reads == "donors" else "private"
    for released in performed.releases:
        query, planned = released.query, released.planned
        shared = {"stage": query.stage, "data": data, "charged": True, "sigma": query.sigma}
        yield {
            **shared,
            "seq": seq,
            "kind": TOKENS if query.rule == RULE else NOISY_ANSWER,
            "query": query.what,
            "dim": query.dim or None,
            "sensitivity2": query.sensitivity2(performed.budget.adjacency),
            "sens": {"rule": query.rule, "k": query.k, "w": query.w, "c": query.c},
            "output_sha256": released.output_sha256,
        }
        seq += 1
        if planned.threshold is not None:
            yield {
                **shared,
                "seq": seq,
                "stage": f"{query.stage}.select",
                "kind": "selection_threshold",
                "delta_fail": planned.delta_fail,
                "threshold": planned.threshold,
                "items_per_unit": query.k,
            }
            seq += 1


def _plan(performed: Performed) -> dict[str, Any]:
    return {
        "stage_plan": performed.budget.plan(),
        "plan_sha256": performed.budget.sha256(),
        "replay": {
            "evidence_files": len(performed.releases),
            "needs": ["evidence", "plan", "generation_seed"],
        },
    }


def _rng(facts: Facts, performed: Performed | None, *, testing: bool) -> dict[str, Any]:
    source = performed.source if performed else facts.noise_source or "none"
    tv = sampler_tv(list(_mechanisms(performed)), source) if performed and not testing else 0.0
    return {
        "noise": "seeded_testing_only" if testing else "os_csprng",
        "source": source,
        "generation_seed_public": facts.generation_seed,
        "tv_bound_total": tv,
    }


def _audit(facts: Facts) -> dict[str, Any]:
    ran = facts.audit_verdict != "not_run"
    return {"ran": ran, "published": "verdict_only" if ran else "none", "verdict": facts.audit_verdict}


def _cost(facts: Facts, performed: Performed | None) -> dict[str, Any]:
    """The cost of this run alone; null if it read records without a bound."""
    if facts.reads == "records":
        return {"mu2": None, "delta_fail": None}
    adjacency = facts.unit.adjacency
    releases = performed.releases if performed else ()
    return {
        "mu2": math.fsum(r.planned.mu2(adjacency) for r in releases),
        "delta_fail": math.fsum(r.planned.delta_fail for r in releases),
    }


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v != ""}


def _checked(ledger: dict[str, Any]) -> dict[str, Any]:
    """The ledger, if it passes every check of ``rpsg verify``."""
    for name, reasons in (("form", form), *CHECKS):
        broken = next(reasons(ledger), None)
        if broken is not None:
            raise PrivacyError(f"The run does not support the claim that it asks for ({name}): {broken}.")
    return ledger
