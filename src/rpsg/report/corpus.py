"""For the analyst: what is in the texts, who is in them, and who may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.release.coverage import CONFIDENT
from rpsg.report.histograms import lengths, sentiments
from rpsg.report.html import (
    Html,
    block,
    folded,
    foreign,
    joined,
    listed,
    paragraph,
    part,
    percent,
    table,
    tag,
)
from rpsg.report.marks import told_of_marks
from rpsg.report.summary import fields
from rpsg.report.svg import bar, compared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.records import Candidate
    from rpsg.release.coverage import Coverage, Value
    from rpsg.release.reader import Release
    from rpsg.report.html import Child
    from rpsg.report.marks import Shown

EXAMPLES = 4
SHOWN = 12
NAMED = 30


def corpus_part(release: Release, shown: Shown, *, first: bool = False) -> Html:
    """The section about the texts.

    ``shown`` makes a text foreign text, perhaps with marks in it. ``first``: in the words of the first form
    of the page.
    """
    return part(
        "texts",
        "The texts",
        "For whoever will work with them.",
        _fields(release) if first else None,
        _examples(release, shown),
        lengths(release.texts, first=first),
        *sentiments(release, first=first),
        *_people(release, first=first),
        _uses(release),
        None if first else _fields(release),
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


def evenly(texts: Sequence[Candidate], most: int) -> list[Candidate]:
    """At most ``most`` texts, evenly spaced from the first to the last."""
    count = min(most, len(texts))
    return [texts[i * (len(texts) - 1) // max(count - 1, 1)] for i in range(count)]


def _examples(release: Release, shown: Shown) -> Html:
    chosen = evenly(release.texts, EXAMPLES)
    return block(
        "Some of them",
        paragraph("Taken evenly from the first to the last, not chosen."),
        told_of_marks(release, shown, chosen),
        listed((_text_and_card(text, shown) for text in chosen), kind="plain"),
    )


def _text_and_card(text: Candidate, shown: Shown) -> Html:
    """A text as it was written, with the values of its card."""
    values = [joined(foreign(name), ": ", foreign(value)) for name, value in sorted(text.card.values.items())]
    return joined(
        tag("blockquote", tag("p", shown(text.text), class_="text")),
        tag("p", f"Text {text.id}. ", joined(*((value, "; ") for value in values[:-1]), *values[-1:])),
    )


def _people(release: Release, *, first: bool) -> Iterator[Html]:
    """A table for each attribute. The first form said how to read it at each of them."""
    shown = [c for c in release.coverage if c.texts or c.counted is not None]
    counted = next((c for c in shown if c.counted is not None), None)
    if counted is not None and not first:
        told = _how(counted, seeded=release.is_seeded).removesuffix(_edges(counted))
        title = tag("h3", "Who is in them, and who may be missing")
        yield tag("div", title, paragraph(told), class_="block wide")
    for covered in shown:
        if first or covered.counted is None:
            yield _covered(covered, _how(covered, seeded=release.is_seeded))
        else:
            yield _covered(covered, f"Texts {_by(covered, seeded=release.is_seeded)}.{_edges(covered)}")


def _covered(covered: Coverage, how: str) -> Html:
    ranked = sorted(covered.values, key=lambda v: (-v.noisy.count if v.noisy is not None else 0, -v.texts))
    shown, rest = ranked[:SHOWN], ranked[SHOWN:]
    return tag(
        "div",
        tag("h3", "Coverage: ", foreign(covered.attribute)),
        paragraph(how),
        _table(covered, shown, f"the {len(shown)} most common" if rest else "all values"),
        folded(f"{len(rest)} more values", _table(covered, rest, "the others")) if rest else None,
        _hidden(covered),
        class_="block",
    )


def _by(covered: Coverage, *, seeded: bool) -> str:
    """By what a text has its value, in a clause."""
    asked = "as the record of each text has it" if seeded else "as the card of each text asked for it"
    return "as the texts are" if covered.measured else asked


def _edges(covered: Coverage) -> str:
    return f" The steps are at {', '.join(map(str, covered.edges))} words." if covered.edges else ""


def _how(covered: Coverage, *, seeded: bool) -> str:
    texts, edges = _by(covered, seeded=seeded), _edges(covered)
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
