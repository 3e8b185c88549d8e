"""What may leave of a run that began with private seeds: the corpus, and the truth about it.

No prompt and no reply is in the release, and rows are numbered anew, so that gaps do not tell what was
dropped: all of that was made from private texts. So nobody but the operator can derive the corpus again.
Every row carries the claim with it. How many texts are left is there to count; in split mode the ledger
also tells how many candidates, all of them made from donors, the voters were asked about.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

from rpsg.methods.budget import noise_decides
from rpsg.methods.seeded import carries, egress_of
from rpsg.models.catalog import licence_of
from rpsg.privacy.cautions import counted_units
from rpsg.privacy.checks import row_claim
from rpsg.privacy.claims import PrivacyUnit, paper_claim_text
from rpsg.privacy.egress import host_of
from rpsg.privacy.facts import Facts as LedgerFacts
from rpsg.privacy.facts import Output, PublicInput
from rpsg.privacy.sources import supports_claims

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.pipeline.publish import Made


_SIGMA = re.compile(r"Gaussian noise of standard deviation ([0-9][0-9.e+-]{0,20}); this")


def short_claim(made: Made) -> str:
    """One sentence that goes with every row."""
    return row_claim(claim_of(made), testing=not supports_claims(made.noise))


def claim_of(made: Made) -> Literal["voters_only_dp", "no_formal_guarantee"]:
    """The type of the claim: what is asked of voters has a budget, and what is read of seeds has none."""
    return "no_formal_guarantee" if made.budget is None else "voters_only_dp"


def seeded_facts(
    made: Made, outputs: Mapping[str, str], changed: tuple[PublicInput, ...] = ()
) -> LedgerFacts:
    """What the ledger says about a run besides its account; ``changed`` is told of generation."""
    plan, texts, split = made.plan, len(made.pool.alive()), made.budget is not None
    counted = counted_units(made.performed, made.evidence)
    return LedgerFacts(
        reads="donors" if split else "records",
        method=plan.method.name,
        claim=claim_of(made),
        unit=PrivacyUnit(
            plan.unit,
            plan.privacy.adjacency,
            plan.records_per_unit,
            "random_subset_csprng" if split else "none_asserted_by_user",
            seed_units_disjoint_from_voters=True if split else None,
            unusable_rows=plan.data.unusable,
        ),
        outputs=tuple(Output(name, sha, texts) for name, sha in sorted(outputs.items())),
        generation_seed=plan.generation.seed,
        public_inputs=(*_public_inputs(made), *changed),
        egress=egress_of(plan, made.tools),
        flows=made.flows,
        claim_words="" if split else claim_words(made),
        noise_source=made.noise,
        in_the_clear=plan.vault.key == "none",
        n_public=plan.privacy.n_public,
        counted=counted,
        noise_decides=noise_decides(plan, made.pack, made.budget, counted),
    )


def claim_words(made: Made) -> str:
    """The sentences of a run that claims nothing."""
    where = f"{made.tools.writer.name} on {host_of(made.tools.writer)}"
    sent: Any = "The text" if carries(made.plan) == "raw_private" else "Abstracted text"
    return paper_claim_text(made.sigma, where, "not run", sent)


def _public_inputs(made: Made) -> tuple[PublicInput, ...]:
    plan, budget = made.plan, "epsilon, delta, " if made.budget is not None else ""
    inputs = [
        PublicInput(f"domain pack {made.pack.name}", "schema and prompts", made.pack.sha256),
        PublicInput("prompts", "all prompts as they were used", made.pack.prompts_sha256),
        PublicInput("about", "one line about the corpus, in the prompts"),
        PublicInput(f"{budget}size and method", "fixed in the plan, not computed from the data"),
        PublicInput(
            made.tools.writer.name,
            f"writer; licence: {licence_of(plan.models.writer) or 'not known here'}",
            declared_by="plan",
        ),
        PublicInput(made.tools.embedder.name, "embedder", declared_by="plan"),
        PublicInput(made.tools.sentiment.name, "sentiment classifier", declared_by="plan"),
    ]
    if plan.data.labels:
        inputs.append(PublicInput("labels", "declared label values"))
    if plan.privacy.n_public is not None:
        inputs.append(PublicInput("n_public", "declared number of people"))
    return tuple(inputs)


def sigma_told(words: str) -> float:
    """The noise of the choice, as the words of a release that claims nothing tell it; 0 where they do not."""
    found = _SIGMA.search(words)
    value = float(found.group(1)) if found else 0.0
    return value if math.isfinite(value) else 0.0
