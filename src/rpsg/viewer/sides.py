"""Two releases side by side: their claims, the quality of their texts, and three texts of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import isolate, joined, tag
from rpsg.report.corpus import evenly
from rpsg.report.front import KINDS, SAMPLES, excerpt, promise
from rpsg.report.histograms import lengths
from rpsg.report.html import block, listed, paragraph, percent, table
from rpsg.report.svg import bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.display import Child, Html
    from rpsg.release.reader import Release
    from rpsg.viewer.opened import OpenRelease

    #: A figure of a release in words; None if it has none.
    Figure = Callable[[Release], str | None]

#: At most this many values of an attribute are compared.
MOST_VALUES = 12


def side(place: str, name: str, opened: OpenRelease, to_release: Html) -> Html:
    """The column of one release: claim, quality, texts, and the lengths of its texts.

    ``place`` makes the names of pictures in the two columns differ.
    """
    release = opened.release
    chosen = [release.texts[i] for i in evenly(len(release.texts), SAMPLES)]
    return tag(
        "section",
        tag("h2", isolate(name)),
        tag("p", KINDS.get(release.claim["type"], "Synthetic texts"), class_="kind"),
        paragraph(isolate(release.plan.corpus.about or release.pack.about)),
        block("What is claimed", tag("p", promise(release), class_="promise")),
        block("How good they are", paragraph(release.quality.line or "There is no text.")),
        block(
            "The first, the middle and the last text",
            listed(
                (tag("blockquote", tag("p", opened.marks(excerpt(t.text)), class_="text")) for t in chosen),
                kind="plain",
            ),
        ),
        lengths(release.texts, name=f"lengths-{place}"),
        paragraph(to_release),
    )


def figures(first: Release, second: Release, names: tuple[str, str]) -> Html:
    """The table of every figure that both releases have."""
    rows = [
        (name, one, other)
        for name, figure in _FIGURES.items()
        if (one := figure(first)) is not None and (other := figure(second)) is not None
    ]
    return table("Figures of both releases", ("figure", *names), rows, names)


def shares(first: Release, second: Release, names: tuple[str, str]) -> Iterator[Html]:
    """For each attribute that both count, a table of the shares of their texts by value.

    If there are many values, those that are most frequent in one of the two are shown.
    """
    others = {covered.attribute: covered for covered in second.coverage}
    for covered in first.coverage:
        other = others.get(covered.attribute)
        if other is None:
            continue
        mine = {value.name: value.texts for value in covered.values}
        theirs = {value.name: value.texts for value in other.values}
        common = [name for name in mine if name in theirs]
        totals = max(sum(mine.values()), 1), max(sum(theirs.values()), 1)
        if not common:
            continue
        caption = f"Texts by {covered.attribute}"
        if len(common) > MOST_VALUES:
            caption += f": the {MOST_VALUES} most frequent of {len(common)} values"
            common.sort(key=lambda name: -max(mine[name] / totals[0], theirs[name] / totals[1]))
        rows = [
            (isolate(name), _share(mine[name], totals[0]), _share(theirs[name], totals[1]))
            for name in common[:MOST_VALUES]
        ]
        yield table(caption, (covered.attribute, *names), rows)


def _share(count: int, total: int) -> Child:
    return joined(bar(count / total), percent(count / total))


def _of_texts(count: Callable[[Release], int]) -> Figure:
    """A number of texts, with its share of all."""

    def figure(release: Release) -> str:
        return f"{count(release):,} ({percent(count(release) / max(release.quality.texts, 1))})"

    return figure


def _self_bleu(release: Release) -> str | None:
    value = release.quality.self_bleu
    return None if value is None else f"{value:.2f}"


def _tokens(release: Release) -> str | None:
    calls = release.calls
    return None if calls is None else f"{calls.prompt_tokens + calls.new_tokens:,}"


def _people(release: Release) -> str | None:
    people = release.people
    return None if people is None else f"{people.count:,} ± {people.sigma:.0f}"


_FIGURES: dict[str, Figure] = {
    "texts": lambda release: f"{release.quality.texts:,}",
    "words per text": lambda release: f"{release.quality.words:.0f}",
    "contain words of their prompt": _of_texts(lambda release: release.quality.echoing),
    "repeat themselves or another": _of_texts(lambda release: release.quality.repeating),
    "contain a placeholder": _of_texts(lambda release: release.quality.unfilled),
    "self-BLEU (0: nothing in common)": _self_bleu,
    "drafts": lambda release: f"{len(release.pool):,}" if release.is_whole else None,
    "tokens of the writer": _tokens,
    "people or rows, noisy": _people,
}
