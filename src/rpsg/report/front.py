"""The first screen: what the corpus is, three of its texts, and what a reader must know before using it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, counted, isolate, joined, tag
from rpsg.methods.languages import language_of_texts
from rpsg.models.catalog import CATALOGUE, licence_of
from rpsg.privacy.claims import NOT_PRIVATE, not_below
from rpsg.report.corpus import evenly
from rpsg.report.html import listed, paragraph, percent, percent_up, power
from rpsg.report.marks import told_of_marks
from rpsg.textstats.languages import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpsg.display import Child
    from rpsg.release.reader import Release
    from rpsg.report.marks import ShowText

SAMPLES = 3
#: Longer texts are cut on the first screen, at the end of a word.
MOST_CHARACTERS = 420
#: The kind of corpus by the kind of claim.
KINDS = {
    "end_to_end_dp": "Synthetic texts with differential privacy",
    "voters_only_dp": "Synthetic texts with differential privacy for voters only",
    "no_formal_guarantee": "Synthetic texts without a privacy guarantee",
    "no_private_data": "Synthetic texts made without private data",
}
#: Who may use a corpus for what, by the kind of claim.
USES = {
    "end_to_end_dp": "Anybody may read it, share it, and train and test models on it, as far as the licence "
    "allows. No use weakens the claim.",
    "voters_only_dp": "Only people who may see the texts of the seed donors may use it. Voters are "
    "protected against every reader.",
    "no_formal_guarantee": "Only people who may see the private texts themselves may use it.",
    "no_private_data": "Anybody may read it, share it, and train and test models on it, as far as the "
    "licence allows.",
}
UNDATED = "The page inside a release has no date, so that anybody can make the same page again."
NOT_FOR = "Do not use it as a source of rates, rare events or facts."


def headline(release: Release) -> Html:
    """What this is: the number of texts, their subject, and how they were made."""
    plan = release.plan
    asked = "" if len(release.texts) >= plan.corpus.size else f" ({plan.corpus.size:,} were asked for)"
    return joined(
        tag("p", KINDS.get(release.claim["type"], "Synthetic texts"), class_="kind"),
        tag("h1", f"{counted(len(release.texts), 'synthetic text')}{asked}"),
        tag("p", isolate(plan.corpus.about or release.pack.about), class_="about"),
        paragraph(
            "Written by the language model ",
            isolate(_writer(release)),
            f", {_guided(release)}{_language(release)}",
        ),
    )


def _language(release: Release) -> str:
    """The language of the texts in a sentence; empty if it is not stated."""
    language = language_of_texts(release.plan, release.pack)
    return f" The texts are in {name_of(language)}." if language else ""


def _writer(release: Release) -> str:
    """The writer's usual name. The full name, with runtime and digest, is in the part ``provenance``."""
    asked = release.plan.models.writer
    if asked in CATALOGUE:
        return asked
    return (release.writer.partition(":")[2] or release.writer).partition("@")[0]


def _guided(release: Release) -> str:
    """What the writer got from the private texts, in a clause."""
    if not release.reads_private:
        return "without private data."
    if release.is_seeded:
        return "from private texts."
    if "llm_provider" not in release.claim.get("protects_against", ["llm_provider"]):
        return "which read private texts. Noise limits what its texts reveal about them."
    if any(line.role == "writer" and line.kind == "private" for line in release.egress):
        return "which was shown private texts."
    return "guided by noisy counts of private texts, which it never saw."


def samples(release: Release, shown: ShowText) -> Html | None:
    """The first, the middle and the last text, cut if long."""
    chosen = [release.texts[i] for i in evenly(len(release.texts), SAMPLES)]
    if not chosen:
        return None
    cards = listed(
        (tag("blockquote", tag("p", shown(excerpt(text.text)))) for text in chosen), kind="samples"
    )
    title, which = "The texts", "All texts of the file."
    if len(chosen) == SAMPLES:
        title, which = "Three of the texts", "The first, the middle and the last text of the file."
    return tag(
        "section",
        tag("h2", title, id="samples-title"),
        tag("p", which, class_="reader"),
        cards,
        told_of_marks(release, shown, chosen),
        id="samples",
        aria_labelledby="samples-title",
    )


def excerpt(text: str) -> str:
    """The text, or its beginning up to the end of a word and three dots."""
    if len(text) <= MOST_CHARACTERS:
        return text
    whole, _, _ = text[: MOST_CHARACTERS + 1].rpartition(" ")
    return f"{(whole or text[:MOST_CHARACTERS]).rstrip()} \u2026"


def facts(release: Release, day: str) -> Html:
    """Quality, claim, use, licence and date, side by side."""
    cells: list[tuple[str, list[Child]]] = [
        ("How good they are", [tag("p", release.quality.line or "There is no text.", class_="quality")]),
        ("What is claimed", [tag("p", promise(release), class_="promise"), *_warned(release)]),
        ("Who may use it, and for what", [paragraph(USES.get(release.claim["type"], ""), " ", NOT_FOR)]),
        ("Licence and date", list(_licence(release, day))),
    ]
    return tag(
        "section",
        tag("h2", "Before you use it", id="facts-title"),
        tag(
            "div",
            *(tag("div", tag("h3", name), *told, class_="fact") for name, told in cells),
            class_="facts",
        ),
        id="facts",
        aria_labelledby="facts-title",
    )


def promise(release: Release) -> Child:
    """The claim in one sentence."""
    claim = release.claim
    if not release.is_private:
        return joined(*_nothing(release))
    unit = release.ledger["privacy_unit"]["unit"]
    of, whom = "row", "that was used and one that was"
    if unit == "user":
        of, whom = "person", "who took part and one who did"
    return joined(
        tag("strong", f"\u03b5 = {not_below(claim['epsilon'])}, \u03b4 = {power(claim['delta'])}"),
        f" for each {of}. Shown one {of} {whom} not, nobody can pick the right one in more than "
        f"{percent_up(claim['attack']['auc'])} of cases. Guessing is right in {percent(0.5)}.",
        " Only voters are protected. The texts of seed donors are not." if release.is_seeded else None,
    )


def _nothing(release: Release) -> tuple[Child, ...]:
    """What a release without a guarantee says in place of a guarantee."""
    if not release.reads_private:
        return tag("strong", "Nothing private inside."), " ", release.claim["text"]
    if release.claim["text"] == NOT_PRIVATE:
        return tag("strong", "No guarantee."), " ", NOT_PRIVATE
    words = "These texts may reveal anything about the private texts."
    return tag("strong", "No guarantee."), " ", words


def _warned(release: Release) -> Iterator[Html]:
    cautions = len(release.ledger["cautions"])
    if cautions:
        words = f"Read {counted(cautions, 'caution')} before you rely on it"
        yield paragraph(tag("a", words, href="#claim"))


def _licence(release: Release, day: str) -> Iterator[Child]:
    own, writer = release.plan.corpus.license, licence_of(release.plan.models.writer)
    yield paragraph(
        *(
            ("Licence of the corpus: ", isolate(own), ".")
            if own
            else ("The release names no licence for the corpus. Ask the person who published it.",)
        )
    )
    if writer:
        yield paragraph(f"Licence of the writer: {writer}.")
    yield paragraph(
        f"Page made on {day}." if day else UNDATED,
        f" Made by rpsg {release.ledger['code']['version']}.",
    )
