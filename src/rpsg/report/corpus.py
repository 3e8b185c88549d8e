"""For the analyst: what is in the texts, who is in them, and who may be missing."""

from __future__ import annotations

from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from rpsg.markup import Html, foreign, joined, tag
from rpsg.release.coverage import CONFIDENT
from rpsg.report.html import block, figure, folded, listed, paragraph, part, percent, table
from rpsg.report.summary import fields
from rpsg.report.svg import bar, columns, compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.markup import Child
    from rpsg.records import Candidate
    from rpsg.release.coverage import Coverage, Value
    from rpsg.release.reader import Release

EXAMPLES = 4
SHOWN = 12
NAMED = 30
FEWEST_BINS, MOST_BINS = 6, 20
MOST_LABELS = 7


def corpus_part(release: Release) -> Html:
    """The section about the texts."""
    return part(
        "texts",
        "The texts",
        "For whoever will work with them.",
        _fields(release),
        _examples(release.texts),
        lengths(release.texts),
        *sentiments(release),
        *(
            _covered(c, seeded=release.is_seeded)
            for c in release.coverage
            if c.texts or c.counted is not None
        ),
        _uses(release),
    )


def _fields(release: Release) -> Html:
    rows = fields(label=release.plan.data.label is not None, seeded=release.is_seeded)
    return block(
        "What a record holds",
        table("Fields of corpus.jsonl", ("field", "what it is"), rows),
        paragraph(
            "Every text is written by a language model. "
            + ("It was made from a private record." if release.is_seeded else "None is a record of a person.")
        ),
    )


def _examples(texts: Sequence[Candidate]) -> Html:
    """Some texts, evenly spaced from the first to the last."""
    count = min(EXAMPLES, len(texts))
    chosen = [texts[i * (len(texts) - 1) // max(count - 1, 1)] for i in range(count)]
    return block(
        "Some of them",
        paragraph("Taken evenly from the first to the last, not chosen."),
        listed((text_and_card(text) for text in chosen), kind="plain"),
    )


def text_and_card(text: Candidate) -> Html:
    """A text as it was written, with the values of its card."""
    values = [joined(foreign(name), ": ", foreign(value)) for name, value in sorted(text.card.values.items())]
    return joined(
        tag("blockquote", tag("p", foreign(text.text), class_="text")),
        tag("p", f"Text {text.id}. ", joined(*((value, "; ") for value in values[:-1]), *values[-1:])),
    )


def _covered(covered: Coverage, *, seeded: bool) -> Html:
    ranked = sorted(covered.values, key=lambda v: (-v.noisy.count if v.noisy is not None else 0, -v.texts))
    shown, rest = ranked[:SHOWN], ranked[SHOWN:]
    return tag(
        "div",
        tag("h3", "Coverage: ", foreign(covered.attribute)),
        paragraph(_how(covered, seeded=seeded)),
        _table(covered, shown, f"the {len(shown)} most common" if rest else "all values"),
        folded(f"{len(rest)} more values", _table(covered, rest, "the others")) if rest else None,
        _hidden(covered),
        class_="block",
    )


def _how(covered: Coverage, *, seeded: bool) -> str:
    asked = "as the record of each text has it" if seeded else "as the card of each text asked for it"
    texts = "as the texts are" if covered.measured else asked
    edges = f" The steps are at {', '.join(map(str, covered.edges))} words." if covered.edges else ""
    if covered.counted is None:
        none = "Nothing was counted with noise." if seeded else "No private data were counted."
        return f"Bar: share of the synthetic texts, {texts}. {none}{edges}"
    return (
        f"Bar: share of the synthetic texts, {texts}. Upright mark: share in the private data, as counted "
        "with noise; the shade around it is where the count without its noise lies with 95 % confidence. "
        f"Counted is what a public model said of each text, and that can be wrong.{edges}"
    )


def _table(covered: Coverage, values: Sequence[Value], which: str) -> Html:
    head = ("value", "synthetic texts", "private data, counted with noise")
    has_counts = covered.counted is not None
    rows = [_row(covered, value, _widest(covered)) for value in values]
    shown = head if has_counts else head[:2]
    caption = joined(foreign(covered.attribute), f": {which}")
    return table(caption, shown, [row[: len(shown)] for row in rows], shown[1:])


def _widest(covered: Coverage) -> float:
    """The largest share in the table, which is drawn at full width."""
    total, texts = covered.counted or 1.0, max(covered.texts, 1)
    shares = [v.texts / texts for v in covered.values]
    shares += [(v.noisy.count + CONFIDENT * v.noisy.sigma) / total for v in covered.values if v.noisy]
    return max([*shares, 0.01])


def _row(covered: Coverage, value: Value, widest: float) -> tuple[Child, ...]:
    share = value.texts / max(covered.texts, 1)
    said = f"{percent(share)} ({value.texts:,})"
    if value.noisy is None or covered.counted is None:
        return foreign(value.name), joined(bar(share / widest), said), ""
    reach, total = CONFIDENT * value.noisy.sigma, covered.counted
    ends = ((value.noisy.count - reach) / total / widest, (value.noisy.count + reach) / total / widest)
    picture = compared(share / widest, max(value.noisy.count, 0) / total / widest, *ends)
    hidden = "" if value.noisy.is_seen else ", within its noise"
    noisy = f"{percent(max(value.noisy.count, 0) / total)} ({value.noisy.count:,} ± {reach:.0f}{hidden})"
    return foreign(value.name), joined(picture, said), noisy


def _hidden(covered: Coverage) -> Html | None:
    """The values that the noise hides."""
    if covered.counted is None:
        return None
    unseen = covered.unseen
    if not unseen:
        return paragraph("Every value stands out of its noise.")
    names: list[Child] = []
    for value in unseen[:NAMED]:
        names += [foreign(value.name), ", "]
    more = [f"and {len(unseen) - NAMED} more"] if len(unseen) > NAMED else []
    return tag(
        "p",
        tag("strong", f"Hidden by the noise ({len(unseen)} of {len(covered.values)} values): "),
        *(names if more else names[:-1]),
        *more,
        ". Whether these are rare or absent cannot be told, and few texts or none have them.",
        class_="warning",
    )


def _has_counts(release: Release) -> bool:
    return any(covered.counted is not None for covered in release.coverage)


def _uses(release: Release) -> Html:
    lines = [
        "Do not estimate rates or rare events from these texts"
        + ("; the noisy counts above are the better source." if _has_counts(release) else "."),
        "Small groups, rare topics and unusual wordings are under-represented or missing"
        + (", by design: noise hides the rare." if release.is_private else "."),
        "The writer may state facts that are false, or that it remembers from its own training.",
    ]
    data = release.plan.data
    if data.label is not None and not data.labels:
        lines.append("Labels that few people carry were not found, and do not appear.")
    return block("What they are not good for", listed(lines))


#: First and last number of words of a bin, and its number of texts.
Bin = tuple[int, int, int]


def bins_of(words: Sequence[int]) -> list[Bin]:
    """A histogram of whole numbers, with adjacent bins of equal width (1, 2, 5, 10, 20, ...).

    At most twice the cube root of the number of values (Rice's rule), clipped to 6 to 20.
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


def lengths(texts: Sequence[Candidate]) -> Html | None:
    """Words per text, in words, as a picture and as a table."""
    words = sorted(len(text.text.split()) for text in texts)
    if not words:
        return None
    said = (
        f"From {words[0]} to {words[-1]} words, half of them up to {median(words):.0f}; "
        f"{sum(words):,} words in all."
    )
    bins = bins_of(words)
    names = [_name(first, last) for first, last, _ in bins]
    counts = [n for _, _, n in bins]
    fullest = counts.index(max(counts))
    step = -(-len(bins) // MOST_LABELS)
    edges = [first for first, _, _ in bins] + [bins[-1][1] + 1]
    picture = columns(
        "lengths",
        [n / len(words) for n in counts],
        title="Words per synthetic text",
        desc=f"A histogram. {said} The highest bar, {percent(counts[fullest] / len(words))} of the texts, "
        f"stands for {names[fullest]} words.",
        axes=("words per text", "share of the texts"),
        labels=[(i / len(bins), f"{edges[i]:,}") for i in range(0, len(edges), step)],
    )
    head = ("words", "synthetic texts", "share")
    data = table("Words per synthetic text", head, _rows(names, counts), head[1:])
    caption = "How many of the synthetic texts have so many words, counted from the corpus alone."
    return block("How long they are", paragraph(said), figure(picture, caption, data))


def _name(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _rows(names: Sequence[str], counts: Sequence[int]) -> list[tuple[Child, ...]]:
    total = sum(counts)
    return [(foreign(name), f"{n:,}", percent(n / total, 1)) for name, n in zip(names, counts, strict=True)]


def sentiments(release: Release) -> list[Html]:
    """For each sentiment attribute, the texts by the sentiment on their card, which is not measured."""
    found = {a.name for a in release.pack.attributes if a.kind == "sentiment"}
    return [
        _sentiment(covered.attribute, covered.values, seeded=release.is_seeded)
        for covered in release.coverage
        if covered.attribute in found and covered.texts
    ]


def _sentiment(attribute: str, values: Sequence[Value], *, seeded: bool) -> Html:
    title = "Which sentiment their records had" if seeded else "Which sentiment they were written for"
    whose = "that the record of each text had" if seeded else "that the card of each text asked for"
    said = f"The sentiment {whose}. The texts themselves were not measured and may have another."
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
    data = table(joined("Synthetic texts by ", foreign(attribute)), head, _rows(names, counts), head[1:])
    caption = "How many of the synthetic texts stand with which sentiment, counted from the corpus alone."
    return block(title, paragraph(said), figure(picture, caption, data))
