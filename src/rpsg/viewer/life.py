"""The life of one text: its request to the writer, the filters that it passed, and similar drafts.

Everything is taken from what the release publishes. The prompt is made again from the card, as ``rpsg
verify`` does, and is shown only if the published replies include a reply to exactly this request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.display import counted, isolate, joined, tag
from rpsg.errors import RpsgError
from rpsg.records import Candidate, Pool
from rpsg.report.front import excerpt
from rpsg.report.html import block, folded, listed, pairs, paragraph, table
from rpsg.stages.candidates import candidate_of
from rpsg.stages.dialogue import as_conversations
from rpsg.stages.prompts import candidate_request, variant_request
from rpsg.storage.call_store import request_key
from rpsg.viewer.guard import log_failure
from rpsg.viewer.links import link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.display import Child, Html
    from rpsg.domains import Pack
    from rpsg.protocols import Reply, Request
    from rpsg.records import Candidate
    from rpsg.viewer.opened import OpenRelease

#: How many other drafts are shown; if there are more, only their number is shown.
MOST_DRAFTS = 12
NO_REQUEST = "The request is not shown: "
PRIVATE_PROMPTS = f"{NO_REQUEST}it held private text, and such prompts are not published."
NOT_FOUND = (
    f"{NO_REQUEST}it cannot be made again from the card alone. rpsg verify checks it with everything else."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent to the writer, its key among the replies, and its reply."""

    request: Request
    key: str
    reply: Reply


def request_of(opened: OpenRelease, text: Candidate) -> Asked | None:
    """The request whose reply became this candidate; None if it does not follow from the card alone."""
    release = opened.release
    if not opened.replies:
        return None
    labels, columns = release.labels, release.plan.data.column_values
    packs = (release.pack, release.pack.with_label(labels)) if labels else (release.pack,)
    for pack in (each.with_columns(columns) for each in packs):
        for request in _requests(opened, pack, text):
            key = request_key(release.writer, request)
            if key in opened.replies:
                return Asked(request, key, opened.replies[key])
    return None


def _requests(opened: OpenRelease, pack: Pack, text: Candidate) -> Iterator[Request]:
    """What may have been sent for a candidate; for a variant, the text of its parent must be known."""
    plan = opened.release.plan
    try:
        if text.parent is None:
            yield candidate_request(pack, plan, text.card, text.id)
        elif parent := _written(opened, text.parent):
            yield variant_request(pack, plan, text.card, parent, text.id)
    except RpsgError:
        return  # a pack and a plan that do not belong together
    except (LookupError, ValueError) as error:  # as above, or a mistake in this program
        log_failure("A request could not be made again", error)


def _written(opened: OpenRelease, number: int) -> str:
    """The text of a candidate, also of a dropped one if its reply is published; else ""."""
    chain: list[Candidate] = []
    draft = opened.by_id.get(number)
    while draft is not None and not draft.text and draft.id not in opened.written:
        chain.append(draft)
        parent = draft.parent
        # A parent must come before its candidate, so this loop ends even for a forged release.
        draft = opened.by_id.get(parent) if parent is not None and parent < draft.id else None
    for one in reversed(chain):  # the first ancestor first: each needs its parent's text
        opened.written[one.id] = _made_again(opened, one)
    found = opened.by_id.get(number)
    return "" if found is None else found.text or opened.written[number]


def _made_again(opened: OpenRelease, draft: Candidate) -> str:
    if draft.parent is not None and draft.parent >= draft.id:
        return ""
    asked = request_of(opened, draft)
    if asked is None:
        return ""
    made = candidate_of(draft.id, draft.card, asked.reply, draft.parent, asked.request)
    (cut,) = as_conversations(Pool((made,)), opened.release.pack.speakers)
    return cut.text


def request_part(opened: OpenRelease, text: Candidate) -> Html:
    """The block with the prompt of a text, message by message, or the reason why it is not shown."""
    asked = request_of(opened, text)
    if asked is None:
        return block("The request", paragraph(PRIVATE_PROMPTS if opened.replies is None else NOT_FOUND))
    request, reply = asked.request, asked.reply
    facts: list[tuple[Child, Child]] = [
        ("Writer", isolate(opened.release.writer)),
        *([("Begins with", isolate(request.begins))] if request.begins else []),
        ("Seed", str(request.seed)),
        ("Temperature, top p", f"{request.temperature:g}, {request.top_p:g}"),
        ("Tokens", f"{reply.prompt_tokens:,} read, {reply.completion_tokens:,} written"),
    ]
    messages = [
        joined(tag("strong", message.role), tag("blockquote", tag("p", isolate(message.content))))
        for message in request.messages
    ]
    before = len(messages) - 1
    return block(
        "The request",
        paragraph(_sources(text)),
        folded(
            f"What comes before: instructions and invented examples ({before})",
            listed(messages[:-1], kind="plain"),
        )
        if before
        else None,
        messages[-1],
        pairs(facts),
        paragraph("Key among the published replies: ", tag("code", asked.key)),
    )


def _sources(text: Candidate) -> str:
    """What the prompt was made from, in a sentence."""
    if text.parent is None:
        return "The prompt was made from the card, the plan and the domain pack alone."
    return f"The prompt was made from the card, the plan, the domain pack and text {text.parent} alone."


def filters_part(opened: OpenRelease) -> Html | None:
    """The block with what dropped other drafts; None if their history is not published."""
    release = opened.release
    if not release.is_whole:
        return None
    drops = sorted(release.pool.drops().items())
    lines = [
        joined(tag("strong", stage), ": ", isolate(reason), f" ({counted(count, 'draft')})")
        for (stage, reason), count in drops
    ]
    said = f"Of {len(release.pool):,} drafts these were dropped; this one passed each step."
    return block("What it passed", paragraph(said), listed(lines)) if lines else None


def drafts_part(opened: OpenRelease, text: Candidate, home: str) -> Html | None:
    """The block with the drafts of the same kind, each kept or dropped; None if there are none.

    Variants are of the same kind if they are of one text; other drafts, if they have the same value of the
    first attribute. ``home`` is the address of the texts of the release.
    """
    release = opened.release
    if not release.is_whole:
        return None
    name, drafts = _beside(opened, text)
    if not drafts:
        return None
    rows = [
        (_name(draft, home), _fate(draft), isolate(excerpt(_written(opened, draft.id)) or "not published"))
        for draft in drafts[:MOST_DRAFTS]
    ]
    more = len(drafts) - MOST_DRAFTS
    return tag(
        "div",
        tag("h3", "Other drafts of the same kind"),
        table(name, ("draft", "outcome", "as it was written"), rows),
        paragraph(f"... and {more:,} more.") if more > 0 else None,
        class_="block wide",
    )


def _beside(opened: OpenRelease, text: Candidate) -> tuple[str, list[Candidate]]:
    pool, attributes = opened.release.pool, opened.release.pack.attributes
    if text.parent is not None:
        drafts = [c for c in pool if text.parent in {c.id, c.parent}]
        name = f"Text {text.parent} and its variants"
    else:
        main = attributes[0].name if attributes else ""
        value = text.card.values.get(main)
        drafts = [c for c in pool if value is not None and c.card.values.get(main) == value]
        name = f"Drafts with the same {main}"
    return name, sorted((c for c in drafts if c.id != text.id), key=lambda c: (-_score(c), c.id))


def _score(draft: Candidate) -> float:
    return draft.scores.get("votes", draft.scores.get("sketch", float("-inf")))


def _name(draft: Candidate, home: str) -> Child:
    return f"{draft.id}" if draft.dropped else link(f"{draft.id}", f"{home}/{draft.id}")


def _fate(draft: Candidate) -> Child:
    scores = ", ".join(
        f"{name} {value:.3g}" for name, value in draft.scores.items() if name in {"votes", "sketch"}
    )
    said = (
        "released"
        if draft.dropped is None
        else joined(draft.dropped.stage, ": ", isolate(draft.dropped.reason))
    )
    return joined(said, " ", tag("small", scores) if scores else None)
