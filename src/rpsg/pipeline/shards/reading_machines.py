"""Which machines read the private texts of a run that is counted in shards, in the words of its release.

Where shards were counted is noted in the run's journal when they are merged. A release can only say what its
public plan allows. The plan says nothing about a cluster that the run starts itself, so its workers are
called the machines that counted the shards, like any others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.privacy.egress import COUNTERS, RAY_CLUSTER, SITES

if TYPE_CHECKING:
    from rpsg.disk.journals import Journal
    from rpsg.plan import Plan

#: The roles of the models that read private texts in order to count them.
READERS = ("embedder", "sentiment")
_MERGED = "merged"


def possible_readers(plan: Plan) -> tuple[str, ...]:
    """What a release of this plan may say, the most likely first; nothing without shards."""
    if not plan.data.shards:
        return ()
    if plan.data.divided_by == "site":
        return (SITES,)
    if plan.engine.is_elsewhere and plan.engine.reads_private:
        return (RAY_CLUSTER, f"{RAY_CLUSTER} and {COUNTERS}", COUNTERS)
    return (COUNTERS,)


def note_counting(journal: Journal, *, nodes: bool) -> None:
    """Note who counted the merged shards: ``nodes`` of the plan's cluster, or people with ``rpsg count``."""
    journal.append(_MERGED, nodes=nodes)


def noted_readers(plan: Plan, journal: Journal) -> str:
    """The machines that have read the private texts of a run so far, in words; "" if there are none."""
    said = {bool(event["nodes"]) for event in journal.events(_MERGED)}
    possible = possible_readers(plan)
    if not said or len(possible) == 1:
        return possible[0] if said else ""
    cluster, both, by_hand = possible
    return both if len(said) > 1 else cluster if said == {True} else by_hand
