"""What the ledger of a release says about it, besides what the kernel has charged.

A release from private seeds contains no prompts and no replies, because these were made from private texts.
So only the operator can derive the corpus again. Each of its rows carries the claim. The number of its texts
is public; in split mode the ledger also has the number of candidates, all made from donors, that the voters
were asked about.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.methods.budget import noise_decides
from rpsg.methods.named import method_of
from rpsg.models.catalog import licence_of
from rpsg.pipeline.made import roles
from rpsg.privacy.cautions import counted_units
from rpsg.privacy.checks import row_claim
from rpsg.privacy.claims import ADVERSARIES, Bounding, PrivacyUnit, paper_claim_text
from rpsg.privacy.egress import RAY_CLUSTER, host_of
from rpsg.privacy.facts import Egress, Facts, Output, PublicInput
from rpsg.privacy.sources import supports_claims
from rpsg.storage.layout import CHANGED, EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpsg.methods.base import Method
    from rpsg.pipeline.made import Made
    from rpsg.plan import Plan

_SIGMA = re.compile(r"Gaussian noise of standard deviation ([0-9][0-9.e+-]{0,20}); this")


def ledger_facts(made: Made, outputs: Mapping[str, str]) -> Facts:
    """All that a ledger states about a release; ``outputs`` are the SHA-256 of its files by name."""
    plan, method = made.plan, made.method
    texts, counted = len(made.pool.alive()), counted_units(made.performed, made.evidence)
    return Facts(
        reads=method.reads,
        method=method.name,
        claim=method.claim,
        unit=PrivacyUnit(
            plan.unit,
            plan.privacy.adjacency,
            plan.records_per_unit,
            _bounding(plan, method),
            seed_units_disjoint_from_voters=True if method.has_donors else None,
            unusable_rows=plan.data.unusable,
            shards=plan.data.shards or None,
            divided_by=plan.data.divided_by if plan.data.shards else None,
        ),
        outputs=tuple(Output(name, sha, texts) for name, sha in sorted(outputs.items())),
        generation_seed=plan.generation.seed,
        public_inputs=(*_public_inputs(made), *_changed_inputs(outputs)),
        egress=tuple(_egress(made)),
        flows=made.flows,
        claim_words=_claim_words(made) if method.claim == "no_formal_guarantee" else "",
        noise_source=made.noise,
        status=method.status,
        protects_against=_protects_against(made),
        in_the_clear=plan.vault.key == "none",
        n_public=plan.privacy.n_public,
        counted=counted,
        noise_decides=noise_decides(made.budget, counted),
    )


def extensions(plan: Plan) -> list[dict[str, str]]:
    """The method and the models of a plan that come from other packages, as a ledger names them."""
    named: list[tuple[registry.Kind, str]] = [("methods", plan.method.name), *named_models(plan)]
    return [found for kind, name in named if (found := registry.extension(kind, name)) is not None]


def named_models(plan: Plan) -> list[tuple[registry.Kind, str]]:
    """The kind and the name of each model that a plan names."""
    models, method = plan.models, method_of(plan)
    named: list[tuple[registry.Kind, str | None]] = [
        ("writers", models.writer),
        ("embedders", models.embedder),
        ("classifiers", models.sentiment),
        ("scorers", models.scorer),
        ("recognizers", plan.paper.recogniser if "recogniser" in method.models(plan) else None),
    ]
    return [(kind, name) for kind, name in named if name]


def _protects_against(made: Made) -> tuple[str, ...]:
    """The attackers against whom the claim holds; a writer that reads private text is not among them."""
    ways = made.method.egress_of(made.plan)
    reads = made.method.claim == "end_to_end_dp" and any(
        way.role == "writer" and way.kind == "private" for way in ways
    )
    return tuple(who for who in ADVERSARIES if not (reads and who == "llm_provider"))


def short_claim(made: Made) -> str:
    """The sentence in every row that was made from private seeds."""
    claim: Any = made.method.claim
    return row_claim(claim, testing=not supports_claims(made.noise))


def _egress(made: Made) -> Iterator[Egress]:
    """Which model was sent what, as far as a ledger lists it."""
    models: Mapping[str, Any] = roles(made.tools)
    # A run that continued here may have begun on a cluster, with the same writer.
    left = {name for host, name in made.earlier if host.startswith(RAY_CLUSTER)}
    for way in made.method.egress_of(made.plan):
        model = models.get(way.role)
        if way.carries is not None and model is not None:
            went = way.role == "writer" and model.name in left
            yield Egress("remote_llm" if went else model.endpoint, way.carries, model.name)


def _bounding(plan: Plan, method: Method) -> Bounding:
    """How it was decided which rows of a unit take part."""
    if method.reads == "records":
        return "none_asserted_by_user"
    return "random_subset_public_key" if plan.data.shards else "random_subset_csprng"


def _claim_words(made: Made) -> str:
    """What the ledger says in words about a run that claims nothing."""
    if made.method.claim_words is not None:
        return made.method.claim_words(made.plan, made.tools)
    where = f"{made.tools.writer.name} on {host_of(made.tools.writer)}"
    raw = any(r.role == "writer" and r.carries == "raw_private" for r in made.method.egress_of(made.plan))
    return paper_claim_text(
        made.sigma,
        where,
        "not run",
        "Private texts were sent to" if raw else "Abstracts of private texts were sent to",
    )


def _public_inputs(made: Made) -> Iterator[PublicInput]:
    plan, pack, tools, method = made.plan, made.pack, made.tools, made.method
    yield PublicInput(f"domain pack {pack.name}", "schema and prompts", pack.sha256)
    if method.has_seeds:
        yield PublicInput("prompts", "all prompts as they were used", pack.prompts_sha256)
    yield PublicInput("about", "one line about the corpus, in the prompts")
    budget = "" if method.claim == "no_formal_guarantee" else "epsilon, delta, "
    yield PublicInput(f"{budget}size and method", "fixed in the plan, not computed from the data")
    licence = licence_of(plan.models.writer) or "not known here"
    yield PublicInput(tools.writer.name, f"writer; licence: {licence}", declared_by="plan")
    reads = made.first_form or any(
        way.role == "embedder" and way.kind == "private" for way in method.egress_of(plan)
    )
    # Version 0.1.0 said so of every such run, even if no private text was read.
    embedder = "embedder of private texts and drafts" if reads and not method.has_seeds else "embedder"
    yield PublicInput(tools.embedder.name, embedder, declared_by="plan")
    yield PublicInput(tools.sentiment.name, "sentiment classifier", declared_by="plan")
    if plan.data.labels:
        yield PublicInput("labels", "declared label values")
    if plan.data.columns:
        yield PublicInput("columns", "declared columns beside the text, and their values")
    if plan.data.audit_holdout and method.reads_private:
        role = f"share of the people, drawn in secret, whom the run never used: {plan.data.audit_holdout:g}"
        yield PublicInput("audit_holdout", role)
    if plan.data.audit_canaries and method.reads_private:
        drawn = plan.data.audit_canaries
        role = f"{drawn} invented texts; a coin decided for each whether it was counted as a person"
        yield PublicInput("audit_canaries", f"{role}; noisy counts include them")
    if shards := plan.data.shards:
        who = "people" if plan.data.user else "rows"
        how = f"each with its own {who}" if plan.data.divided_by == "site" else "divided by a public hash"
        yield PublicInput(
            "shards", f"the {who} were counted in {shards} parts, {how}, and the exact sums were added up"
        )
    if plan.privacy.n_public is not None:
        yield PublicInput("n_public", "declared number of people")


def _changed_inputs(outputs: Mapping[str, str]) -> Iterator[PublicInput]:
    """A line that says so, if writer or prompts were changed after the first noisy answers."""
    if f"{EVIDENCE}/{CHANGED}" in outputs:
        role = "changed after the first noisy answers, before any vote, without looking at the private data"
        yield PublicInput("writer, prompts or settings of generation", role)


def sigma_told(words: str) -> float:
    """The noise of the choice, read from the words of a release that claims nothing; 0 if it is not there."""
    found = _SIGMA.search(words)
    value = float(found.group(1)) if found else 0.0
    return value if math.isfinite(value) else 0.0
