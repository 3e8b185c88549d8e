"""Histograms from the corpus alone: lengths of the synthetic texts, and sentiments of their cards."""

from __future__ import annotations

from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined
from rpsg.report.fields import is_from_records
from rpsg.report.html import block, figure, paragraph, percent, table
from rpsg.report.svg import columns
from rpsg.textstats.words import word_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.display import Child
    from rpsg.records import Candidate
    from rpsg.release.coverage import Value
    from rpsg.release.reader import Release

FEWEST_BINS, MOST_BINS = 6, 20
MOST_LABELS = 7
#: First and last number of words of a bin, and its number of texts.
Bin = tuple[int, int, int]


def bins_of(words: Sequence[int]) -> list[Bin]:
    """A histogram of whole numbers, with adjacent bins of equal width (1, 2, 5, 10, 20, ...).

    The number of bins is at most twice the cube root of the number of values (Rice's rule), clipped to 6 to
    20.
    """
    most = min(max(round(2 * len(words) ** (1 / 3)), FEWEST_BINS), MOST_BINS)
    widths = (step * 10**power for power in count() for step in (1, 2, 5))
    low, high = min(words), max(words)
    width = next(w for w in widths if high // w - low // w < most)
    counts = [0] * (high // width - low // width + 1)
    for number in words:
        counts[number // width - low // width] += 1
    start = low // width * width
    return [(start + i * width, start + (i + 1) * width - 1, n) for i, n in enumerate(counts)]


def lengths(texts: Sequence[Candidate], *, name: str = "lengths") -> Html | None:
    """How many words the texts have: a sentence, a picture and a table.

    ``name`` is the picture's name, which no other picture on the page may have.
    """
    words = sorted(word_count(text.text) for text in texts)
    if not words:
        return None
    said = (
        f"The texts have {words[0]} to {words[-1]} words, and half of them at most {median(words):.0f}. "
        f"Together they have {sum(words):,} words."
    )
    bins = bins_of(words)
    names = [_name(first, last) for first, last, _ in bins]
    counts = [n for _, _, n in bins]
    fullest = counts.index(max(counts))
    step = -(-len(bins) // MOST_LABELS)
    edges = [first for first, _, _ in bins] + [bins[-1][1] + 1]
    picture = columns(
        name,
        [n / len(words) for n in counts],
        title="Words per synthetic text",
        desc=f"A histogram. {said} The highest bar shows the texts of {names[fullest]} words: "
        f"{percent(counts[fullest] / len(words))} of all.",
        axes=("words per text", "share of the texts"),
        labels=[(i / len(bins), f"{edges[i]:,}") for i in range(0, len(edges), step)],
    )
    head = ("words", "synthetic texts", "share")
    data = table("Words per synthetic text", head, _rows(names, counts), head[1:])
    caption = "The synthetic texts by length, computed from the corpus alone."
    return block("How long they are", paragraph(said), figure(picture, caption, data))


def _name(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _rows(names: Sequence[str], counts: Sequence[int]) -> list[tuple[Child, ...]]:
    total = sum(counts)
    return [(isolate(name), f"{n:,}", percent(n / total, 1)) for name, n in zip(names, counts, strict=True)]


def sentiments(release: Release) -> list[Html]:
    """For each sentiment attribute, the texts by the sentiment on their card, which is not measured."""
    found = {a.name for a in release.pack.attributes if a.kind == "sentiment"}
    return [
        _sentiment(covered.attribute, covered.values, from_records=is_from_records(release))
        for covered in release.coverage
        if covered.attribute in found and covered.texts
    ]


def _sentiment(attribute: str, values: Sequence[Value], *, from_records: bool) -> Html:
    title = (
        "Which sentiment the private texts had" if from_records else "Which sentiment they were written for"
    )
    whose = (
        "of the private text that a text was made from"
        if from_records
        else "that the prompt of a text asked for"
    )
    said = f"The sentiment {whose}. The sentiment of the text itself was not measured, and may differ."
    names, counts = [value.name for value in values], [value.texts for value in values]
    shares = [n / sum(counts) for n in counts]
    told = "; ".join(f"{name}: {percent(share)}" for name, share in zip(names, shares, strict=True))
    step = -(-len(names) // MOST_LABELS)
    picture = columns(
        f"texts-by-{attribute}",
        shares,
        title=f"Synthetic texts by {attribute}",
        desc=f"A bar for each sentiment {whose}. {told}.",
        axes=(attribute, "share of the texts"),
        labels=[((i + 0.5) / len(names), names[i]) for i in range(0, len(names), step)],
        gap=0.4,
    )
    head = (attribute, "synthetic texts", "share")
    data = table(joined("Synthetic texts by ", isolate(attribute)), head, _rows(names, counts), head[1:])
    caption = "The synthetic texts by sentiment, computed from the corpus alone."
    return block(title, paragraph(said), figure(picture, caption, data))
