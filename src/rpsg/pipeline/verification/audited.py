"""Whether a published audit can be one of its release: what anybody can compare without the private texts.

Only the operator can count again, and anybody who has a release can put any counts into it. But an audit of a
few invented rows, of another plan or of another corpus does not fit the sizes of the release, and is
detected.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rpsg.pipeline.planting import tested_plan
from rpsg.privacy.evidence import evidence_file, parse_evidence
from rpsg.privacy.published_audit import THIS, texts_digest
from rpsg.privacy.verify import Check
from rpsg.stages.canaries import chance_of_hit
from rpsg.stages.sanitize import as_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.plan import Plan

    Line = Mapping[str, Any]

PLAN = "the published audit is of the plan of this release"
CORPUS = "the published audit is of this corpus"
LIKE = "the corpus of the published audit had about as many texts, and as long, as this one"
PEOPLE = "the people of the published audit are about as many as the release counted"
CANARIES = "the canaries of the published audit are those that the plan drew"
CHANCE = "how often a canary is in the corpus by chance"
#: How many standard deviations a count may be off. By chance, fewer than one honest audit in a hundred
#: million is off by more.
SPREAD = 6.0
#: The largest ratio between the sizes of two corpora of the same plan. An audit may also have this many times
#: fewer people than were counted, because some people may have written no word.
FACTOR = 2.0


def audit_fits(
    found: Line, ledger: Line, plan: Plan, pack: Pack, texts: Sequence[str], evidence: Path
) -> Iterator[Check]:
    """The checks of a published audit against the release that it is in.

    ``found`` is the entry of the ledger, ``texts`` are those of the corpus, ``evidence`` is the folder of the
    noisy answers. Counts may differ as far as chance, and texts that several people wrote, explain it.
    """
    same = found["plan"] == tested_plan(plan, pack)
    yield Check(
        PLAN,
        ok=same,
        detail="pack, method, models, epsilon and size" if same else "it is an audit of another plan",
    )
    if found["of"] == THIS:
        told = (found["corpus"]["texts"], found["corpus"].get("sha256"))
        same = told == (len(texts), texts_digest(texts))
        yield Check(CORPUS, ok=same, detail="every text" if same else "it was an audit of other texts")
        yield from _as_planned(found, plan)
    else:
        count = int(found["corpus"]["texts"])
        same = "sha256" not in found["corpus"] and _is_near(count, len(texts))
        yield Check(LIKE, ok=same, detail=f"its corpus had {count:,} texts, and this one has {len(texts):,}")
    yield from _chance(found, texts)
    yield from _people(found, ledger, plan, evidence)


def _as_planned(found: Line, plan: Plan) -> Iterator[Check]:
    """The share held out and the canaries, which the release's own plan names."""
    drawn, planted = plan.data.audit_canaries, _extraction(found, "planted")
    reach = SPREAD * math.sqrt(drawn) / 2
    same = found["people"]["share_held_out"] == plan.data.audit_holdout
    if planted is not None:
        same = same and abs(planted - drawn / 2) <= reach
    detail = f"{drawn:,} drawn, {planted or 0:,} planted" if same else "the numbers in the plan are different"
    yield Check(CANARIES, ok=same, detail=detail)


def _chance(found: Line, texts: Sequence[str]) -> Iterator[Check]:
    """How often a canary is in a corpus by chance grows with the number and length of its texts."""
    told = _extraction(found, "chance")
    if told is None:
        return
    here = chance_of_hit([as_shown(text) for text in texts])  # the texts as the audit compares them
    if found["of"] == THIS:
        yield Check(CHANCE, ok=math.isclose(told, here, rel_tol=1e-9), detail="from the texts of the corpus")
    else:
        yield Check(CHANCE, ok=_is_near(told, here, 2 * FACTOR), detail="about as in this corpus")


def _people(found: Line, ledger: Line, plan: Plan, evidence: Path) -> Iterator[Check]:
    """Compare the members with the noisy number of people, both as they would be if nobody had been held out.

    The number includes the canaries that were planted. The members include those who were left out because
    others wrote the same. There is no such check if the release did not count people.
    """
    line = next((line for line in ledger["mechanisms"] if line["stage"] == "size"), None)
    if line is None:
        return
    values = parse_evidence(evidence_file(evidence, int(line["seq"])).read_bytes()).values or (0,)
    drawn, kept = plan.data.audit_canaries, 1 - plan.data.audit_holdout
    people, left_out = found["people"], int(found["people"].get("left_out", 0))
    share, members = 1 - float(people["share_held_out"]), int(people["members"]) + left_out
    counted, had = max(values[0] - drawn / 2, 0.0) / kept, members / share
    noise = float(line["sigma"]) + math.sqrt(drawn) / 2 + math.sqrt(counted * kept * (1 - kept))
    reach = SPREAD * (noise / kept + math.sqrt(members * (1 - share)) / share)
    same = counted / FACTOR - reach <= had <= counted + reach
    detail = f"{round(had):,} people including those held out; {round(counted):,} were counted with noise"
    if left_out:
        detail += (
            f"; {left_out:,} of them were used but left out of the audit, because others wrote the same text"
        )
    yield Check(PEOPLE, ok=same, detail=detail)


def _extraction(found: Line, name: str) -> Any:
    """A figure of the attack ``extraction``; None if it was not run."""
    return next((line[name] for line in found["attacks"] if line.get("kind") == "extraction"), None)


def _is_near(one: float, other: float, factor: float = FACTOR) -> bool:
    return one <= factor * other and other <= factor * one
