"""For the analyst: what is in the texts, who is in them, and who may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined, tag
from rpsg.report.columns import columns
from rpsg.report.fields import held_fields, origin_of_texts
from rpsg.report.histograms import lengths, sentiments
from rpsg.report.html import block, listed, paragraph, part, table
from rpsg.report.marks import told_of_marks
from rpsg.report.people import people
from rpsg.storage.layout import CORPUS

if TYPE_CHECKING:
    from rpsg.records import Candidate
    from rpsg.release.reader import Release
    from rpsg.report.marks import ShowText

EXAMPLES = 4


def corpus_part(release: Release, shown: ShowText, *, first: bool = False) -> Html:
    """The section about the texts.

    ``shown`` isolates a text, perhaps with marks in it. With ``first``, the parts are those of the first form
    of the page.
    """
    return part(
        "texts",
        "The texts",
        "For the analyst who works with them.",
        _fields(release) if first else None,
        _examples(release, shown, first=first),
        lengths(release.texts),
        *sentiments(release),
        *people(release, first=first),
        *columns(release),
        _uses(release),
        None if first else _fields(release),
    )


def _fields(release: Release) -> Html:
    rows = held_fields(release)
    return block(
        "What a record holds",
        table(f"Fields of {CORPUS}", ("field", "what it is"), rows),
        paragraph(origin_of_texts(release)),
    )


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the indices below ``count``, evenly spaced from the first to the last."""
    chosen = min(most, count)
    return [i * (count - 1) // max(chosen - 1, 1) for i in range(chosen)]


def _examples(release: Release, shown: ShowText, *, first: bool) -> Html:
    """Some texts; today's form leaves out those of the first screen, if there are enough others."""
    count = len(release.texts)
    between = dict.fromkeys((2 * i + 1) * count // (2 * EXAMPLES) for i in range(min(EXAMPLES, count)))
    chosen = [release.texts[i] for i in (evenly(count, EXAMPLES) if first else between)]
    parts = (
        tag("h3", "Some of the texts"),
        paragraph("Evenly spaced in the file, not selected."),
        told_of_marks(release, shown, chosen),
        listed((_text_and_card(text, shown, first=first) for text in chosen), kind="plain"),
    )
    return tag("div", *parts, class_="block" if first else "block wide")


def _text_and_card(text: Candidate, shown: ShowText, *, first: bool) -> Html:
    """A text as it was written, with the values of its card."""
    values = [joined(isolate(name), ": ", isolate(value)) for name, value in sorted(text.card.values.items())]
    return joined(
        tag("blockquote", tag("p", shown(text.text), class_="text")),
        tag(
            "p",
            f"Text {text.id}. ",
            joined(*((value, "; ") for value in values[:-1]), *values[-1:]),
            class_=None if first else "marked",
        ),
    )


def _has_counts(release: Release) -> bool:
    return any(covered.counted is not None for covered in release.coverage)


def _uses(release: Release) -> Html:
    lines = [
        "Do not estimate rates or rare events from these texts"
        + (". The noisy counts above are a better source." if _has_counts(release) else "."),
        "Small groups, rare topics and unusual wordings are under-represented or missing"
        + (", because noise hides what is rare." if release.is_private else "."),
        "The texts may contain false statements, and facts that the writer remembers from its own training.",
    ]
    data = release.plan.data
    if data.label is not None and not data.labels:
        lines.append("Labels that only few people have were not found, and no text has them.")
    return block("What not to use them for", listed(lines))
