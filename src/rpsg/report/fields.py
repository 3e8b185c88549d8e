"""What a row of a corpus holds, in the words of the card, the report and the metadata for loaders."""

from __future__ import annotations


def fields(*, label: bool, seeded: bool) -> list[tuple[str, str]]:
    """Each field of ``corpus.jsonl`` with what it is; ``seeded`` rows were made from private records."""
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
        ]
    return [
        ("id", "number of the text in the run that wrote it"),
        ("text", "the synthetic text"),
        *([("label", "the label it was written for")] if label else []),
        ("attributes", "the values of the card it was written from; the text may not keep to all of them"),
    ]


def attribute(name: str, *, seeded: bool) -> str:
    """One value of the attributes, in words."""
    return (
        f"the {name} of the private record it was made from" if seeded else f"the {name} that was asked for"
    )
