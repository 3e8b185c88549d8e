"""Finished runs to report on, one of them full of texts that try to break the page, and a page's reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.models.fake import FakeWriter
from rpsg.pipeline import execute as running
from rpsg.pipeline.models_of_run import load_tools
from rpsg.release.reader import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import Request
    from rpsg.release.run import Run

#: Each tries to run something, to load something, to leave its place, or to hide or reorder what others say.
ATTACKS = (
    "<script>document.title='taken';alert(1)</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "</p></blockquote></main></style><style>*{display:none}</style>",
    "<svg/onload=alert(2)><iframe src=javascript:alert(3)></iframe>",
    "<meta http-equiv=refresh content='0;url=http://attacker.invalid/'><base href=//attacker.invalid/>",
    "<link rel=stylesheet href=http://attacker.invalid/a.css><a href=javascript:alert(4)>here</a>",
    "\u202eright to left\u202c \u2066isolated and never closed \u05d0\u05d1\u05d2 \u0627\u0628",
    "nul \x00 escape \x1b[31m bell \x07 delete \x7f next line \x85 mark \ufeff soft \u00ad",
    "&lt;b&gt; &amp;amp; ]]> --> {{7*7}} ${7*7} <!-- open",
    "W" * 700,
    "z" + "\u0300\u0301\u0302" * 60 + "algo",
)
VOID = {"meta", "br", "hr", "rect", "path", "polyline"}


@dataclass
class Element:
    """One element of a page: its name, its attributes, its children, and the text in it."""

    name: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()

    def all(self, *names: str) -> list[Element]:
        return [element for element in self.walk() if element.name in names]

    def one(self, name: str) -> Element:
        found = self.all(name)
        assert len(found) == 1, (name, len(found))
        return found[0]

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class Reader(HTMLParser):
    """Builds the tree; an element that is not closed, or closed by another, is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._here = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute of {tag} stands twice"
        element = Element(tag, {name: value or "" for name, value in attrs}, self._here)
        self._here.children.append(element)
        if tag not in {"meta", "br", "hr"}:
            self._here = element

    def handle_endtag(self, tag: str) -> None:
        assert self._here.name == tag, f"{self._here.name} is closed by {tag}"
        assert self._here.parent is not None
        self._here = self._here.parent

    def handle_data(self, data: str) -> None:
        self._here.children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read_page(page: str) -> Element:
    """The tree of a page; every element is closed where it should be."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader._here is reader.root, "something is not closed"
    return reader.root


def hostile(request: Request) -> str:
    """One of the attacks, among words of the request so that no two texts are nearly the same."""
    number = request.seed % len(ATTACKS)
    own = " ".join(
        f"{word}{request.seed % 9973}" for word in ("plum", "pear", "quince", "fig", "date", "lime")
    )
    return f"{own} {ATTACKS[number]} and {own[::-1]}."


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Callable[[str], Run]:
    """A finished run by name: strict, labels, floor, paper, split, hostile. Each is made once."""
    lab = lab_of(tmp_path_factory.mktemp("reported"))
    made: dict[str, Run] = {}

    def get(name: str) -> Run:
        if name not in made:
            made[name] = _made(lab, name)
        return made[name]

    return get


def _made(lab: Lab, name: str) -> Run:
    file = lab.file(lab.rows(400), f"{name}.jsonl")
    runs: dict[str, dict[str, dict[str, Any]]] = {
        "strict": {},
        "labels": {"data": {"label": "label"}, "privacy": {"epsilon": 8.0}},
        "floor": {"method": {"name": "floor"}},
        "paper": {"method": {"name": "paper"}},
        "split": {"method": {"name": "split"}},
        "hostile": {"corpus": {"about": "".join(ATTACKS[:3]) + ATTACKS[6]}},
    }
    writer = FakeWriter(hostile, name="<b>writer</b>") if name == "hostile" else None
    plan = lab.plan(file, **runs[name])
    return running.execute(plan, lab.folder / name, tools=load_tools(plan, writer))


@pytest.fixture(scope="session")
def release_of(reported: Callable[[str], Run]) -> Callable[[str], Release]:
    """The release of a finished run by its name."""
    return lambda name: Release(reported(name).release, in_place=True)


def changed(release: Release, **parts: object) -> Release:
    """The same release with other parts; what follows from them is computed anew."""
    other = Release(release.path, in_place=True)
    vars(other).update(parts)
    return other
