"""What each field of ``corpus.jsonl`` holds, for the data card, the report and the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.release.reader import Release


def fields(
    *,
    label: bool,
    seeded: bool,
    from_records: bool = False,
    columns: Sequence[str] = (),
    turns: bool = False,
) -> list[tuple[str, str]]:
    """The fields of ``corpus.jsonl`` with their meaning.

    ``seeded`` says whether private texts were read without a mechanism, and ``from_records`` whether each
    text was made from one of them.
    """
    spoken = [("turns", "the turns of the conversation: who speaks, and the words")] if turns else []
    beside = [
        (name, f"the {name} that it was written for: a declared value of this column") for name in columns
    ]
    if seeded:
        values = "values that go with the text; the text itself may differ"
        named = "the label that goes with the text"
        if from_records:
            values = "values of the private text that it was made from, without noise; "
            values += "the text itself may differ"
            named = "the label of the private text that it was made from"
        return [
            ("id", "number of the row in this file"),
            ("text", "the synthetic text"),
            *([("label", named)] if label else []),
            ("attributes", values),
            ("claim", "what is claimed about the privacy of this text"),
            *spoken,
        ]
    return [
        ("id", "number of the text among all drafts of the run"),
        ("text", "the synthetic text"),
        *([("label", "the label that it was written for")] if label else []),
        *beside,
        ("attributes", "the values that its prompt asked for; the text itself may differ"),
        *spoken,
    ]


def held_fields(release: Release) -> list[tuple[str, str]]:
    """The fields of this release's ``corpus.jsonl``, with their meaning."""
    data = release.plan.data
    return fields(
        label=data.label is not None,
        seeded=release.is_seeded,
        from_records=is_from_records(release),
        columns=[name for name, _ in data.column_values],
        turns=bool(release.pack.speakers),
    )


def attribute(name: str, *, seeded: bool, from_records: bool) -> str:
    """One value of the attributes, in words."""
    if from_records:
        return f"the {name} of the private text that it was made from"
    return f"the {name} that goes with the text" if seeded else f"the {name} that its prompt asked for"


def is_from_records(release: Release) -> bool:
    """Whether each text was made from a private text of its own."""
    return any(flow["to"] == "seeds" for flow in release.ledger["non_dp_flows"])


def origin_of_texts(release: Release) -> str:
    """Where every text comes from."""
    if is_from_records(release):
        return "Every text was written by a language model from a private text."
    if release.is_seeded:
        return "Every text was written by a language model that had access to private texts."
    return "Every text was written by a language model. None is a record of a person."
