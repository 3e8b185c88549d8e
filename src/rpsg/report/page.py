"""The report: one HTML file that loads nothing and runs nothing, for three readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.display import Html, joined, tag
from rpsg.report.audit_page import audit_part
from rpsg.report.claim import claim_part
from rpsg.report.corpus import corpus_part
from rpsg.report.first_form import footer
from rpsg.report.front import facts, headline, samples
from rpsg.report.html import document, part
from rpsg.report.marks import marks_of
from rpsg.report.page_style import page_style
from rpsg.report.provenance import provenance_part
from rpsg.report.readers import readers
from rpsg.report.scores import scores_block

if TYPE_CHECKING:
    from rpsg.measures import Report
    from rpsg.release.reader import Release
    from rpsg.report.private_page import PrivateExtras

PUBLIC = "No real text was read for these numbers."


def report(
    release: Release,
    scores: Report | None = None,
    private: PrivateExtras | None = None,
    *,
    day: str = "",
) -> str:
    """The page of a release; with ``private`` it is only for the owner of the data, and says so.

    ``scores`` are shown only if no real texts were read for them. ``day`` is the day on which the page is
    made, in words; the page inside a release has no day, because others must be able to make the same page
    again.
    """
    skip = tag("a", "To the report", href="#main", class_="skip")
    body = joined(skip, report_body(release, scores, private, day=day), footer(release))
    mark = "" if private is None else "PRIVATE: "
    return document(f"{mark}{len(release.texts)} synthetic texts", page_style(is_private=bool(private)), body)


def report_body(
    release: Release,
    scores: Report | None = None,
    private: PrivateExtras | None = None,
    *,
    day: str = "",
) -> Html:
    """Header and main part of the page, whose id is ``main``; arguments as for ``report``."""
    public = scores if scores is not None and not scores.internal else None
    shown = private.scores if private is not None and private.scores is not None else public
    marks = marks_of(release)
    first, rest = (
        [],
        [
            ("claim", "The claim", claim_part(release)),
            ("texts", "The texts", corpus_part(release, marks)),
            ("making", "How it was made", provenance_part(release, marks)),
        ],
    )
    if public is not None:
        block = scores_block(public, "Public metrics", PUBLIC)
        rest.append(
            ("scores", "Metrics", part("scores", "Metrics", "For the engineer and the analyst.", block))
        )
    mark: Html | None = None
    if private is not None:
        from rpsg.report.private_page import private_mark, private_part

        first.append(("private", "Only for the owner of the data", private_part(private)))
        if private.audit is not None:
            first.append(("audit", "The audit", audit_part(private.audit, private.matches)))
        mark = private_mark()
    others = [(name, title) for name, title, _ in (*first, *rest[3:])]
    return joined(
        tag("header", mark, headline(release)),
        tag(
            "main",
            samples(release, marks),
            facts(release, day),
            *(section for _, _, section in first),
            readers(release, shown, others),
            *(section for _, _, section in rest),
            id="main",
        ),
    )
