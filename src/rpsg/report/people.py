"""Who is in the texts and who may be missing: each attribute's values next to the noisy counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, isolate, joined, tag
from rpsg.domains import COLUMN
from rpsg.release.coverage import CONFIDENT
from rpsg.report.fields import is_from_records
from rpsg.report.html import folded, paragraph, percent, table
from rpsg.report.svg import bar, compared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.display import Child
    from rpsg.release.coverage import Coverage, Value
    from rpsg.release.reader import Release

#: How many values are shown before the others are folded, and how many hidden values are named. The first
#: form of the page has more.
SHOWN, FIRST_SHOWN = 6, 12
NAMED, FIRST_NAMED = 10, 30
HEAD = ("value", "synthetic texts", "private texts, with noise")
HOW = (
    "The bar shows the share of the synthetic texts. The upright mark shows the share of the private texts, "
    "as counted with noise. With 95 % confidence, the share without noise is within the shade around the "
    "mark. A public model decided which values a private text has, except for lengths and for values from a "
    "column of the private file. This model can be wrong."
)


def people(release: Release, *, first: bool) -> Iterator[Html]:
    """A table for each attribute; the longest come first, so that similar ones are side by side.

    In the first form of the page they are in the order of the pack, and each says how to read it.
    """
    shown = [c for c in release.coverage if c.texts or c.counted is not None]
    if first:
        yield from (_covered(c, _how(c, seeded=release.is_seeded), first=True) for c in shown)
        return
    if any(c.counted is not None for c in shown):
        title = tag("h3", "What the texts cover, and what may be missing")
        yield tag("div", title, paragraph(HOW), class_="block wide")
    for covered in sorted(shown, key=lambda c: -min(len(c.values), SHOWN + 1)):
        yield _covered(covered, _by(covered, release), first=False)


def _by(covered: Coverage, release: Release) -> str:
    """How it is known which value a text has."""
    if covered.attribute.startswith(COLUMN):
        said = "A column of the release. The private rows were counted by this column of their file."
    elif covered.measured:
        said = "Measured on the synthetic texts themselves."
    elif is_from_records(release):
        said = "A text is counted under the value of the private text that it was made from."
    else:
        said = "A text is counted under the value that its prompt asked for. The text itself may differ."
    if covered.counted is None:
        said += " Nothing was counted with noise." if release.is_seeded else " No private data were counted."
    return f"{said}{_edges(covered)}"


def _covered(covered: Coverage, how: str, *, first: bool) -> Html:
    ranked = sorted(covered.values, key=lambda v: (-v.noisy.count if v.noisy is not None else 0, -v.texts))
    most = FIRST_SHOWN if first else SHOWN
    shown, rest = ranked[:most], ranked[most:]
    return tag(
        "div",
        tag("h3", "Coverage: ", isolate(covered.attribute)),
        paragraph(how),
        _table(covered, shown, f"the {len(shown)} most common" if rest else "all values"),
        folded(f"{len(rest)} more values", _table(covered, rest, "the others")) if rest else None,
        _hidden(covered, first=first),
        class_="block",
    )


def _edges(covered: Coverage) -> str:
    limits = ", ".join(map(str, covered.edges))
    return f" Limits between the values: {limits} words." if covered.edges else ""


def _how(covered: Coverage, *, seeded: bool) -> str:
    """How to read a table, in the words of the first form of the page."""
    asked = "as the record of each text has it" if seeded else "as the card of each text asked for it"
    texts, edges = "as the texts are" if covered.measured else asked, _edges(covered)
    if covered.counted is None:
        none = "Nothing was counted with noise." if seeded else "No private data were counted."
        return f"Bar: share of the synthetic texts, {texts}. {none}{edges}"
    return (
        f"Bar: share of the synthetic texts, {texts}. Upright mark: share in the private data, as counted "
        "with noise; the shade around it is where the count without its noise lies with 95 % confidence. "
        f"Counted is what a public model said of each text, and that can be wrong.{edges}"
    )


def _table(covered: Coverage, values: Sequence[Value], which: str) -> Html:
    has_counts = covered.counted is not None
    rows = [_row(covered, value, _widest(covered)) for value in values]
    shown = HEAD if has_counts else HEAD[:2]
    caption = joined(isolate(covered.attribute), f": {which}")
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
        return isolate(value.name), joined(bar(share / widest), said), ""
    reach, total = CONFIDENT * value.noisy.sigma, covered.counted
    ends = ((value.noisy.count - reach) / total / widest, (value.noisy.count + reach) / total / widest)
    picture = compared(share / widest, max(value.noisy.count, 0) / total / widest, *ends)
    hidden = "" if value.noisy.is_seen else ", within its noise"
    noisy = f"{percent(max(value.noisy.count, 0) / total)} ({value.noisy.count:,} ± {reach:.0f}{hidden})"
    return isolate(value.name), joined(picture, said), noisy


def _hidden(covered: Coverage, *, first: bool) -> Html | None:
    """The values that the noise hides."""
    if covered.counted is None:
        return None
    unseen = covered.unseen
    if not unseen:
        return paragraph("No value is hidden by the noise.")
    most = FIRST_NAMED if first else NAMED
    names: list[Child] = []
    for value in unseen[:most]:
        names += [isolate(value.name), ", "]
    more = [f"and {len(unseen) - most} more"] if len(unseen) > most else []
    return tag(
        "p",
        tag("strong", f"Hidden by the noise ({len(unseen)} of {len(covered.values)} values): "),
        *(names if more else names[:-1]),
        *more,
        ". The noise hides how common these values are in the private texts.",
        class_="warning",
    )
