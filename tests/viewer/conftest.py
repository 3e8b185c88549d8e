"""A folder with everything that the viewer shows, a viewer of it, and somebody who visits it."""

from __future__ import annotations

import http.client
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import comparison, outcome, small, written
from tests.report.conftest import ATTACKS, hostile

from rpsg.compare import read_matrix
from rpsg.models.fake import FakeWriter
from rpsg.pipeline import execute as running
from rpsg.pipeline.models_of_run import load_tools
from rpsg.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.viewer.server import Viewer

#: Written into every private folder; no page may hold it.
MARKER = "ZQX-private-marker"
NEEDED = "the extra view is not installed (pip install 'rpsg[view]')"


def make_comparison(lab: Lab, folder: Path, title: str, *, public: bool = True, done: bool = True) -> Path:
    """The files of a comparison as ``rpsg compare`` leaves them; without its runs."""
    folder.mkdir()
    data = {**small(lab)["data"][0], "public": public}
    matrix = read_matrix(
        written(folder.parent / f"{folder.name}.toml", {**small(lab), "title": title, "data": [data]})
    )
    (folder / layout.MATRIX).write_text(matrix.model_dump_json())
    last = outcome("theirs", 2.0, epsilon=2.0) if done else outcome("theirs", epsilon=2.0, state="new")
    found = comparison(
        outcome("floor", 5.0, reads="nothing"), outcome("ours", 1.0, epsilon=2.0), last, title=title
    )
    text = found.to_json()
    if not public:
        text = text.replace('"internal": false', '"internal": "Internal"')
    (folder / layout.COMPARISON).write_text(text)
    return folder


def fill(lab: Lab) -> Path:
    """Runs of several kinds, a release without its run, and comparisons."""
    shown = lab.folder / "shown"
    shown.mkdir()
    data = lab.file(lab.rows(400))
    plans: dict[str, dict[str, dict[str, Any]]] = {
        "strict": {},
        "deep/votes": {"method": {"select": "votes", "rounds": 2}, "privacy": {"epsilon": 8.0}},
        "floor": {"method": {"name": "floor"}, "corpus": {"size": 60}},
        "paper": {"method": {"name": "paper"}},
        "hostile": {"corpus": {"about": "".join(ATTACKS[:3])}},
    }
    for name, sections in plans.items():
        plan = lab.plan(data, **sections)
        writer = FakeWriter(hostile, name="<b>writer</b>") if name == "hostile" else None
        running.execute(plan, shown / name, tools=load_tools(plan, writer))
        for file in (layout.REPORT, layout.AUDIT_PAGE, layout.CORPUS, layout.LEDGER):
            (shown / name / layout.PRIVATE / file).write_text(MARKER)
        # A run within the private folder of a run, as an audit leaves it.
        shutil.copytree(
            shown / name / layout.RELEASE, shown / name / layout.PRIVATE / "inner" / layout.RELEASE
        )
    shutil.copytree(shown / "strict" / layout.RELEASE, shown / "given")
    # A folder of that name is never looked into, whatever it is beside.
    shutil.copytree(shown / "strict" / layout.RELEASE, shown / layout.PRIVATE / "given")
    make_comparison(lab, shown / "compared", "Ours and theirs")
    make_comparison(lab, shown / "internal", "<script>alert(1)</script>", public=False)
    make_comparison(lab, shown / "unfinished", "Half of it", done=False)
    shutil.copytree(shown / "strict", shown / "compared" / "cells" / "one" / "run")
    return shown


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Path:
    """The folder of ``fill``, which no test changes."""
    return fill(lab_of(tmp_path_factory.mktemp("viewed")))


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)


@dataclass
class Visitor:
    """Asks a viewer, with the cookie it was given if it was let in."""

    viewer: Viewer
    cookie: str = ""
    home: str = field(init=False)

    def __post_init__(self) -> None:
        self.home = "/" + self.viewer.address.split("/")[3]

    def let_in(self) -> Visitor:
        """Open the printed address as a browser does."""
        answer = self.ask(self.viewer.address.removeprefix(f"http://127.0.0.1:{self.viewer.port}"))
        assert answer.status == 303
        self.cookie = answer.header("set-cookie").partition(";")[0]
        return self

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Ask for a path of the server; underscores in names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.viewer.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host="host" in named, skip_accept_encoding=True)
            if self.cookie and "cookie" not in named:
                connection.putheader("cookie", self.cookie)
            for name, value in named.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def page(self, path: str = "/") -> str:
        """The page at a path below the viewer's home, which must be there."""
        answer = self.ask(self.home + path)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer.text

    def place(self, name: str) -> str:
        """The path below home of the run, release or comparison with this name."""
        from rpsg.viewer.folder import find

        found = next(each for each in find(self.viewer.folder) if each.name == name)
        return f"/{'comparison' if found.kind == 'comparison' else 'run'}/{found.id}"


@contextmanager
def viewing(folder: Path) -> Iterator[Viewer]:
    """A viewer of the folder that answers within the block."""
    for package in ("fastapi", "jinja2", "uvicorn"):
        pytest.importorskip(package, reason=NEEDED)
    from rpsg.viewer.server import Viewer

    viewer = Viewer(folder, 0)
    thread = threading.Thread(target=viewer.serve)
    thread.start()
    try:
        yield viewer
    finally:
        viewer.stop()
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def viewer(shown: Path) -> Iterator[Viewer]:
    """A viewer of the folder of everything."""
    with viewing(shown) as viewer:
        yield viewer


@pytest.fixture
def visitor(viewer: Viewer) -> Visitor:
    """Somebody who has opened the printed address."""
    return Visitor(viewer).let_in()


@pytest.fixture
def stranger(viewer: Viewer) -> Visitor:
    """Somebody who knows the path of the viewer, and has neither its token nor its cookie."""
    return Visitor(viewer)
