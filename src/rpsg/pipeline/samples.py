"""A few texts as a plan's writer writes them from the public pack alone. No private data is named or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.domains import find_pack
from rpsg.methods.named import method_of
from rpsg.methods.trial import trial_requests
from rpsg.pipeline.models_of_run import writer_of
from rpsg.plan.previews import Sample, Samples
from rpsg.records import Pool
from rpsg.stages.candidates import candidate_of
from rpsg.stages.dialogue import as_conversations

if TYPE_CHECKING:
    from rpsg.plan import Plan
    from rpsg.protocols import Reply, Request
    from rpsg.records import Candidate


def samples(plan: Plan, count: int = 5) -> Samples:
    """``count`` texts for cards that are drawn evenly, as in the trial with which a run begins.

    Raises:
        ModelError: the writer is not there, or gives nothing.
        UsageError: a setting does not fit, or there is no such pack.
    """
    method_of(plan).check_plan(plan)
    pack = plan.data.added_to(find_pack(plan.corpus.domain))
    cards, asked = trial_requests(plan, pack, count)
    replies = writer_of(plan).write(asked)
    made = Pool(tuple(candidate_of(i, cards[i], reply, None, asked[i]) for i, reply in enumerate(replies)))
    kept = as_conversations(made, pack.speakers)
    return Samples(_sample(*each) for each in zip(kept, replies, asked, strict=True))


def _sample(candidate: Candidate, reply: Reply, request: Request) -> Sample:
    """The sample from one reply; a reply that cannot be used is shown unchanged."""
    dropped = candidate.dropped
    text = candidate.text if dropped is None else reply.text.strip()
    reason = "" if dropped is None else reply.error or dropped.reason
    card = {name: str(value) for name, value in candidate.card.values.items()}
    return Sample(text, card, request.messages[-1].content, reason)
