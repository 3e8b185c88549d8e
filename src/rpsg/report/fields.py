"""What each field of ``corpus.jsonl`` holds, for the data card, the report and the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.release.reader import Release


def fields(
    *, label: bool, seeded: bool, columns: Sequence[str] = (), turns: bool = False
) -> list[tuple[str, str]]:
    """The fields of ``corpus.jsonl`` with their meaning. ``seeded``: whether rows were made from private
    records.
    """
    spoken = [("turns", "the turns of the conversation: who speaks, and the words")] if turns else []
    beside = [(name, f"the {name} it was written for: a declared value of this column") for name in columns]
    if seeded:
        return [
            ("id", "number of the row in this file"),
            ("text", "the synthetic text"),
            *([("label", "the label of the private record it was made from")] if label else []),
            (
                "attributes",
                "values of the private record it was made from, without noise; the text may not keep to them",
            ),
            ("claim", "what is claimed about the privacy of this text"),
            *spoken,
        ]
    return [
        ("id", "number of the text in the run that wrote it"),
        ("text", "the synthetic text"),
        *([("label", "the label it was written for")] if label else []),
        *beside,
        ("attributes", "the values of the card it was written from; the text may not keep to all of them"),
        *spoken,
    ]


def held_fields(release: Release) -> list[tuple[str, str]]:
    """The fields of this release's ``corpus.jsonl``, with their meaning."""
    data = release.plan.data
    return fields(
        label=data.label is not None,
        seeded=release.is_seeded,
        columns=[name for name, _ in data.column_values],
        turns=bool(release.pack.speakers),
    )


def attribute(name: str, *, seeded: bool) -> str:
    """One value of the attributes, in words."""
    return (
        f"the {name} of the private record it was made from" if seeded else f"the {name} that was asked for"
    )
