"""What of a folder is shown: runs, releases and comparisons inside it, nothing private, no links."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.viewer.conftest import MARKER, Visitor, make_comparison, viewing

from rpsg.errors import RunError, UsageError
from rpsg.storage import layout
from rpsg.viewer.folder import find, folder_to_show, require_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Lab


def test_everything_is_found_by_its_path(shown: Path) -> None:
    assert [(found.name, found.kind) for found in find(shown)] == [
        ("compared", "comparison"),
        ("compared/cells/one/run", "run"),
        ("deep/votes", "run"),
        ("floor", "run"),
        ("given", "release"),
        ("hostile", "run"),
        ("internal", "comparison"),
        ("paper", "run"),
        ("strict", "run"),
        ("unfinished", "comparison"),
    ]


def test_a_run_of_a_comparison_belongs_to_it(shown: Path) -> None:
    found = {each.name: each for each in find(shown)}
    assert found["compared/cells/one/run"].within == found["compared"].id
    assert not found["strict"].within


def test_the_folder_may_be_one_run_or_one_release(shown: Path) -> None:
    assert [(found.name, found.kind) for found in find(shown / "strict")] == [("strict", "run")]
    assert [found.kind for found in find(shown / "strict" / "release")] == ["release"]


def test_a_name_in_an_address_stays_the_same(shown: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(shown, tmp_path / "copy")
    assert [found.id for found in find(copy)] == [found.id for found in find(shown)]


def test_links_are_not_followed(shown: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(shown / "strict")
    (tmp_path / "up").symlink_to("..")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / layout.RUN).symlink_to(shown / "strict" / layout.RUN)
    assert find(tmp_path) == []


@pytest.mark.parametrize("inside", ["", "inner", "inner/release"])
def test_a_private_folder_cannot_be_named(shown: Path, inside: str) -> None:
    with pytest.raises(UsageError, match="Private folders"):
        folder_to_show(shown / "strict" / "private" / inside)


def test_a_file_or_nothing_cannot_be_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "none"):
        with pytest.raises(UsageError, match="is not a folder"):
            folder_to_show(tmp_path / name)


@pytest.mark.parametrize("name", ["../x", "private/report.html", "link", "none", "link/x"])
def test_what_is_not_plainly_inside_is_not_there(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "private").mkdir(parents=True)
    (root / "private" / "report.html").touch()
    (root / "link").symlink_to(tmp_path)
    (tmp_path / "x").touch()
    with pytest.raises(RunError, match="nothing with that name"):
        require_inside(root, root / name)
    (root / "plain").touch()
    assert require_inside(root, root / "plain") == root / "plain"


@contextmanager
def seen_by_the_system() -> Iterator[list[str]]:
    """The paths that this process opens, lists or links to within the block."""
    seen: list[str] = []
    on = threading.Event()
    on.set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if on.is_set() and event in {
            "open",
            "os.listdir",
            "os.scandir",
            "sqlite3.connect",
            "shutil.copyfile",
        }:
            seen.append(str(arguments[0]))

    sys.addaudithook(hook)  # for good, so it is switched off at the end
    try:
        yield seen
    finally:
        on.clear()


def pages_of(visitor: Visitor) -> Iterator[str]:
    """The paths of every kind of page."""
    yield "/"
    for name in ("strict", "deep/votes", "floor", "given", "hostile", "paper", "compared/cells/one/run"):
        place = visitor.place(name)
        yield from (place, f"{place}/texts", f"{place}/texts?q=tea", f"{place}/progress")
    for name in ("compared", "internal", "unfinished"):
        yield from (visitor.place(name), f"{visitor.place(name)}/progress")
    first, second = (visitor.place(name).rpartition("/")[2] for name in ("strict", "floor"))
    yield f"/sides?a={first}&b={second}"


def test_no_page_opens_or_lists_a_private_folder(shown: Path) -> None:
    with viewing(shown) as viewer:
        visitor = Visitor(viewer).let_in()
        with seen_by_the_system() as seen:
            answers = [visitor.ask(visitor.home + path) for path in pages_of(visitor)]
    assert len([answer for answer in answers if answer.status == 200]) >= 30
    assert any(layout.LEDGER in path for path in seen)
    assert [path for path in seen if "/private" in path] == []
    assert not any(MARKER in answer.text for answer in answers)


def test_whether_something_private_is_there_cannot_be_told(shown: Path, tmp_path: Path) -> None:
    """Every page of a run is the same without its private folder."""
    whole, gone = tmp_path / "folder-7f3", tmp_path / "folder-9e1"
    for folder in (whole, gone):
        shutil.copytree(shown / "strict", folder / "strict", copy_function=shutil.copy2)
    shutil.rmtree(gone / "strict" / layout.PRIVATE)
    pages = []
    for folder in (whole, gone):
        with viewing(folder) as viewer:
            visitor = Visitor(viewer).let_in()
            place = visitor.place("strict")
            parts = ("", "/texts", "/progress", "/private", "/private/report.html")
            answers = [visitor.ask(f"{visitor.home}{place}{part}") for part in parts]
            assert [answer.status for answer in answers] == [200, 200, 200, 404, 404]
            run = place.rpartition("/")[2]
            hidden = (visitor.home, run, folder.name)
            texts = [answer.text for answer in answers]
            for word in hidden:
                texts = [text.replace(word, "") for text in texts]
            pages.append(texts)
    for one, other in zip(*pages, strict=True):
        assert one.splitlines() == other.splitlines()


def changed(shown: Path, tmp_path: Path) -> Path:
    """A folder with one run, to be changed by a test."""
    folder = tmp_path / "one"
    folder.mkdir()
    shutil.copytree(shown / "strict", folder / "strict")
    return folder


SECRET = "outside-of-the-folder"


@pytest.mark.parametrize(
    "name", ["corpus.jsonl", "ledger.json", "summary.md", "evidence/texts.jsonl", "evidence"]
)
def test_a_release_with_a_link_in_it_is_refused(shown: Path, tmp_path: Path, name: str) -> None:
    folder = changed(shown, tmp_path)
    file = folder / "strict" / "release" / name
    outside = tmp_path / "outside"
    if file.is_dir():
        shutil.move(file, outside)
    else:
        outside.write_text(file.read_text().replace("topic", SECRET))
        file.unlink()
    file.symlink_to(outside)
    with viewing(folder) as viewer:
        visitor = Visitor(viewer).let_in()
        place = visitor.home + visitor.place("strict")
        for path in (place, f"{place}/texts"):
            answer = visitor.ask(path)
            assert answer.status == 404
            assert SECRET not in answer.text


def test_a_folder_that_becomes_a_link_while_it_is_shown_is_refused(shown: Path, tmp_path: Path) -> None:
    folder = changed(shown, tmp_path)
    with viewing(folder) as viewer:
        visitor = Visitor(viewer).let_in()
        place = visitor.place("strict")
        assert "synthetic texts" in visitor.page(place)
        shutil.move(folder / "strict", tmp_path / "moved")
        (folder / "strict").symlink_to(tmp_path / "moved")
        for path in ("", "/texts", "/progress"):
            assert visitor.ask(visitor.home + place + path).status == 404
        assert "There is no run" in visitor.page()


def test_a_release_that_is_a_link_to_something_private_is_refused(shown: Path, tmp_path: Path) -> None:
    folder = changed(shown, tmp_path)
    shutil.rmtree(folder / "strict" / "release")
    (folder / "strict" / "release").symlink_to(folder / "strict" / "private" / "inner" / "release")
    with viewing(folder) as viewer:
        visitor = Visitor(viewer).let_in()
        assert "damaged" in visitor.page()
        assert visitor.ask(visitor.home + visitor.place("strict")).status == 404


@pytest.mark.parametrize("content", ["", "{", "[]", '{"claim": 1}', "\xff", "null", "9" * 5000])
def test_a_damaged_ledger_spoils_only_its_own_line(shown: Path, tmp_path: Path, content: str) -> None:
    folder = changed(shown, tmp_path)
    shutil.copytree(shown / "floor", folder / "whole")
    (folder / "strict" / "release" / "ledger.json").write_text(content, encoding="latin-1")
    with viewing(folder) as viewer:
        visitor = Visitor(viewer).let_in()
        page = visitor.page()
        assert "damaged" in page
        assert "Nothing private inside" in page
        assert visitor.ask(visitor.home + visitor.place("strict")).status == 404


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "rpsg-comparison/1"}', "[" * 100_000, '{"cells": [1]}']
)
def test_a_damaged_comparison_spoils_only_its_own_line(lab: Lab, content: str) -> None:
    for name in ("whole", "broken"):
        make_comparison(lab, lab.folder / name, f"The {name} one")
    (lab.folder / "broken" / layout.COMPARISON).write_text(content)
    with viewing(lab.folder) as viewer:
        visitor = Visitor(viewer).let_in()
        page = visitor.page()
        assert "damaged" in page
        assert "The whole one: 3 of 3 cells are done." in page
        assert visitor.ask(visitor.home + visitor.place("broken")).status == 404


@pytest.mark.parametrize("mistake", [AttributeError, TypeError])
def test_a_mistake_in_this_program_is_in_the_log_without_its_words(
    shown: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mistake: type[Exception],
) -> None:
    """The list calls such a run damaged, as it may be; whoever looks for the reason finds the line."""

    def fail(*_: object) -> str:
        raise mistake(SECRET)

    monkeypatch.setattr("rpsg.viewer.lines.promise", fail)
    with caplog.at_level(logging.WARNING, "rpsg"), viewing(shown) as viewer:
        assert "Its files are damaged." in Visitor(viewer).let_in().page()
    said = f"A line of the list could not be made: {mistake.__name__} in test_viewed_folder.py, line "
    assert said in caplog.text
    assert SECRET not in caplog.text


def test_the_name_of_a_folder_is_text(shown: Path, tmp_path: Path) -> None:
    name = b"\xff<script>alert(1)</script>\xe2\x80\xae\n".replace(b"/", b"|")
    shutil.copytree(shown / "floor", Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    with viewing(tmp_path) as viewer:
        visitor = Visitor(viewer).let_in()
        page = visitor.page()
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "\u27e8U+202E\u27e9" in page
        (place,) = re.findall(r'href="([^"]+/run/[0-9a-f]+)"', page)
        for path in (place, f"{place}/texts"):
            answer = visitor.ask(path)
            assert answer.status == 200
            assert "<script" not in answer.text


def test_a_page_that_fails_says_so_without_a_word_of_the_error(
    shown: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> str:
        raise KeyError(SECRET)

    monkeypatch.setattr("rpsg.viewer.pages.report_body", fail)
    with viewing(shown) as viewer:
        visitor = Visitor(viewer).let_in()
        answer = visitor.ask(visitor.home + visitor.place("strict"))
        assert answer.status == 500
        assert "This page could not be made" in answer.text
        assert answer.header("content-security-policy")
        assert visitor.ask(f"{visitor.home}/").status == 200
    out, err = capfd.readouterr()
    assert SECRET not in answer.text + out + err
    assert "Traceback" not in out + err
