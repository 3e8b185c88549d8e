"""For the analyst: what is in the texts, who is in them, and who may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.release.coverage import CONFIDENT
from rpsg.report.blocks import block, folded, listed, paragraph, part, percent, table
from rpsg.report.fields import fields
from rpsg.report.histograms import lengths, sentiments
from rpsg.report.html import Html, foreign, joined, tag
from rpsg.report.svg import bar, compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.records import Candidate
    from rpsg.release.coverage import Coverage, Value
    from rpsg.release.reader import Story
    from rpsg.report.html import Child

EXAMPLES = 4
SHOWN = 12
NAMED = 30


def corpus_part(story: Story) -> Html:
    """All about the texts."""
    return part(
        "texts",
        "The texts",
        "For whoever will work with them.",
        _fields(story),
        _examples(story.texts),
        lengths(story.texts),
        *sentiments(story),
        *(_covered(c, seeded=story.is_seeded) for c in story.coverage if c.texts or c.counted is not None),
        _uses(story),
    )


def _fields(story: Story) -> Html:
    rows = fields(label=story.facts.plan.data.label is not None, seeded=story.is_seeded)
    return block(
        "What a record holds",
        table("Fields of corpus.jsonl", ("field", "what it is"), rows),
        paragraph(
            "Every text is written by a language model. "
            + ("It was made from a private record." if story.is_seeded else "None is a record of a person.")
        ),
    )


def _examples(texts: Sequence[Candidate]) -> Html:
    """Some texts, evenly from the first to the last: nobody chose them."""
    count = min(EXAMPLES, len(texts))
    chosen = [texts[i * (len(texts) - 1) // max(count - 1, 1)] for i in range(count)]
    return block(
        "Some of them",
        paragraph("Taken evenly from the first to the last, not chosen."),
        listed((text_and_card(text) for text in chosen), kind="plain"),
    )


def text_and_card(text: Candidate) -> Html:
    """A text as it was written, and the values that stand with it."""
    values = [joined(foreign(name), ": ", foreign(value)) for name, value in sorted(text.card.values.items())]
    return joined(
        tag("blockquote", tag("p", foreign(text.text), class_="text")),
        tag("p", f"Text {text.id}. ", joined(*((value, "; ") for value in values[:-1]), *values[-1:])),
    )


def _covered(covered: Coverage, *, seeded: bool) -> Html:
    ranked = sorted(covered.values, key=_rank)
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


def _rank(value: Value) -> tuple[float, int]:
    return (-value.noisy.count if value.noisy is not None else 0, -value.texts)


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
    columns = ("value", "synthetic texts", "private data, counted with noise")
    has_counts = covered.counted is not None
    rows = [_row(covered, value, _widest(covered)) for value in values]
    shown = columns if has_counts else columns[:2]
    caption = joined(foreign(covered.attribute), f": {which}")
    return table(caption, shown, [row[: len(shown)] for row in rows], shown[1:])


def _widest(covered: Coverage) -> float:
    """The largest share there is to show: it fills the width of the picture."""
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
    """Who disappears: noise hides the rare, and that must be seen."""
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


def _has_counts(story: Story) -> bool:
    return any(covered.counted is not None for covered in story.coverage)


def _uses(story: Story) -> Html:
    lines = [
        "Do not estimate rates or rare events from these texts"
        + ("; the noisy counts above are the better source." if _has_counts(story) else "."),
        "Small groups, rare topics and unusual wordings are under-represented or missing"
        + (", by design: noise hides the rare." if story.is_private else "."),
        "The writer may state facts that are false, or that it remembers from its own training.",
    ]
    data = story.facts.plan.data
    if data.label is not None and not data.labels:
        lines.append("Labels that few people carry were not found, and do not appear.")
    return block("What they are not good for", listed(lines))
