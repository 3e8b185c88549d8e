"""The pages of the viewer. Each page is made again for each request, from the folder as it is now."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rpsg.compare.outcome import INTERNAL
from rpsg.compare.page import comparison_body
from rpsg.display import Html, isolate, joined, tag
from rpsg.errors import RunError, UsageError
from rpsg.report.html import listed, pairs, paragraph, table
from rpsg.report.life import life_steps
from rpsg.report.marks import told_of_marks
from rpsg.report.page import report_body
from rpsg.viewer.folder import find
from rpsg.viewer.follow import followed
from rpsg.viewer.life import drafts_part, filters_part, request_part
from rpsg.viewer.lines import comparison_of, comparison_state, line_of
from rpsg.viewer.links import link
from rpsg.viewer.opened import OpenReleases
from rpsg.viewer.render import render
from rpsg.viewer.sides import figures, shares, side
from rpsg.viewer.texts import text_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rpsg.display import Child
    from rpsg.viewer.folder import FolderEntry
    from rpsg.viewer.lines import ListLine

GONE = "The folder contains nothing with that name."
SEE_LIST = "See the list of all runs."
#: What is shown in place of the page of a comparison that read private texts.
NOT_SHOWN = "Its page is a file in its folder. It is not shown here: only the owner of the texts may see it."


class Pages:
    """Makes the pages of the folder ``root``; ``home`` is the path that all their addresses begin with.

    Methods that make a page raise RpsgError if the run, release or comparison is missing or damaged.
    """

    def __init__(self, root: Path, home: str) -> None:
        self.root, self.home = root, home
        self._known: dict[str, FolderEntry] = {}
        self._releases = OpenReleases(root)

    def close(self) -> None:
        """Delete the copies of releases."""
        self._releases.close()

    def overview(self) -> str:
        """The list of everything in the folder."""
        found = self._look()
        lines = [line_of(self.root, each) for each in found if not each.within]
        runs = [line for line in lines if line.found.kind != "comparison"]
        comparisons = [line for line in lines if line.found.kind == "comparison"]
        return self._page(
            "list.html",
            "Runs and comparisons",
            folder=self.root.name or str(self.root),
            runs=self._runs("Runs and releases", runs) if runs else None,
            comparisons=self._comparisons(comparisons) if comparisons else None,
            releases=[(line.found.id, line.found.name) for line in runs if line.has_release],
        )

    def run(self, name: str) -> str:
        """The report of a release, or the progress of a run that has none."""
        found = self._found(name, "run", "release")
        line = line_of(self.root, found)
        if not line.has_release:
            return self._following(found, line)
        opened = self._releases.open(found)
        title = f"{found.name}: report"
        return self._page("body.html", title, self._tabs(found, "report"), body=report_body(opened.release))

    def texts(self, name: str, query: str, number: int) -> str:
        """One page of those texts of a release that contain all words of the query."""
        found = self._found(name, "run", "release")
        opened = self._releases.open(found)
        shown = text_page(opened.release.texts, query, number)
        place = f"{self._place(found)}/texts"
        return self._page(
            "texts.html",
            f"{found.name}: texts",
            self._tabs(found, "texts"),
            name=found.name,
            place=place,
            shown=shown,
            texts=[
                (f"{place}/{text.id}", text.id, opened.marks(text.text), _card(text.card.values))
                for text in shown.texts
            ],
            marked=told_of_marks(opened.release, opened.marks, shown.texts),
        )

    def text(self, name: str, number: int) -> str:
        """How one released text was made."""
        found = self._found(name, "run", "release")
        opened = self._releases.open(found)
        text = opened.by_id.get(number)
        if text is None or text.dropped is not None:
            raise RunError(f"The release has no text {number}.", hint="See the list of its texts.")
        ids = [each.id for each in opened.release.texts]
        place, here = f"{self._place(found)}/texts", ids.index(number)
        return self._page(
            "text.html",
            f"{found.name}: text {number}",
            self._tabs(found, "text"),
            name=found.name,
            number=number,
            life=listed(life_steps(opened.release, text, opened.marks), ordered=True, kind="life"),
            marked=told_of_marks(opened.release, opened.marks, [text]),
            parts=[request_part(opened, text), filters_part(opened), drafts_part(opened, text, place)],
            before=link(f"Text {ids[here - 1]}", f"{place}/{ids[here - 1]}") if here else None,
            after=link(f"Text {ids[here + 1]}", f"{place}/{ids[here + 1]}") if here + 1 < len(ids) else None,
        )

    def sides(self, first: str, second: str) -> str:
        """Two releases side by side."""
        if not (first and second):
            raise UsageError("A comparison needs two releases.", hint="Choose both in the list.")
        one, other = (self._found(name, "run", "release") for name in (first, second))
        opened = self._releases.open(one), self._releases.open(other)
        names = (one.name, other.name) if one != other else (f"{one.name} (1)", f"{other.name} (2)")
        releases = opened[0].release, opened[1].release
        return self._page(
            "sides.html",
            f"{one.name} and {other.name}",
            sides=[
                side(place, each.name, it, link("The whole report", self._place(each)))
                for place, each, it in zip("ab", (one, other), opened, strict=True)
            ],
            figures=figures(*releases, names),
            shares=list(shares(*releases, names)),
        )

    def comparison(self, name: str) -> str:
        """The page of a comparison, with the runs of its cells; for an internal one only what it is."""
        found = self._found(name, "comparison")
        comparison = comparison_of(self.root, found)
        state = comparison_state(found, comparison)
        within = [line_of(self.root, each) for each in self._look() if each.within == found.id]
        body: Child = None
        if comparison is not None:
            title = tag("h1", isolate(comparison.title))
            internal = joined(
                tag("header", tag("p", INTERNAL, class_="mark"), title),
                tag("main", paragraph(NOT_SHOWN), id="main"),
            )
            body = internal if comparison.internal else comparison_body(comparison)
        return self._page(
            "compared.html",
            f"{found.name}: comparison",
            follow=None if state == "finished" else followed(self.root, found),
            progress=f"{self._place(found)}/progress",
            name=found.name,
            body=body,
            runs=self._runs("Runs of this comparison", within) if within else None,
        )

    def progress(self, name: str) -> dict[str, Any]:
        """How far a run or a comparison is, as JSON values."""
        return asdict(followed(self.root, self._found(name, "run", "comparison")))

    def problem(self, message: str, hint: str) -> str:
        """The page that says what went wrong."""
        return self._page("problem.html", "Not shown", message=message, hint=hint)

    # -- parts

    def _page(self, template: str, title: str, tabs: Sequence[Html] = (), **values: object) -> str:
        return render(template, title=title, home=self.home, tabs=tabs, **values)

    def _following(self, found: FolderEntry, line: ListLine) -> str:
        if found.kind == "release" or line.state == "damaged":
            raise RunError(str(line.claim), hint=SEE_LIST)
        facts: list[tuple[Child, Child]] = [
            ("Method", isolate(line.method or "not known")),
            ("Claim", line.claim),
        ]
        return self._page(
            "follow.html",
            f"{found.name}: progress",
            name=found.name,
            follow=followed(self.root, found),
            progress=f"{self._place(found)}/progress",
            facts=pairs(facts),
        )

    def _look(self) -> list[FolderEntry]:
        found = find(self.root)
        self._known = {each.id: each for each in found}
        return found

    def _found(self, name: str, *kinds: str) -> FolderEntry:
        if name not in self._known:
            self._look()
        found = self._known.get(name)
        if found is None or found.kind not in kinds:
            raise RunError(GONE, hint=SEE_LIST)
        return found

    def _place(self, found: FolderEntry) -> str:
        part = "comparison" if found.kind == "comparison" else "run"
        return f"{self.home}/{part}/{found.id}"

    def _tabs(self, found: FolderEntry, current: str) -> list[Html]:
        place = self._place(found)
        return [
            isolate(found.name),
            link("Report", place, current=current == "report"),
            link("Texts", f"{place}/texts", current=current == "texts"),
        ]

    def _runs(self, caption: str, lines: Sequence[ListLine]) -> Html:
        columns = ("name", "state", "method", "claim", "texts", "last change")
        rows = [
            (
                link(isolate(line.found.name), self._place(line.found)),
                line.state,
                isolate(line.method),
                line.claim,
                "" if line.texts is None else f"{line.texts:,}",
                line.day,
            )
            for line in lines
        ]
        return table(caption, columns, rows, ("texts",))

    def _comparisons(self, lines: Sequence[ListLine]) -> Html:
        columns = ("name", "state", "methods", "what it is", "last change")
        rows = [
            (
                link(isolate(line.found.name), self._place(line.found)),
                line.state,
                isolate(line.method),
                isolate(str(line.claim)),
                line.day,
            )
            for line in lines
        ]
        return table("Comparisons", columns, rows)


def _card(values: Mapping[str, str]) -> Html:
    named = [joined(isolate(name), ": ", isolate(value)) for name, value in sorted(values.items())]
    return joined(*((each, "; ") for each in named[:-1]), *named[-1:])
