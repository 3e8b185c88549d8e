"""A finished release is one object: whoever has it asks it, and nobody else knows its files."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg.errors import RunError, VerificationError
from rpsg.release.finished import read_run
from rpsg.release.reader import Release
from rpsg.storage import layout

if TYPE_CHECKING:
    from tests.conftest import Lab

    from rpsg.release.run import Run

SOURCES = Path(rpsg.__file__).parent


@pytest.fixture
def run(lab: Lab) -> Run:
    return lab.run(lab.plan(lab.file(lab.rows(300)), data={"label": "label"}, privacy={"epsilon": 8.0}))


@pytest.fixture
def received(run: Run, tmp_path: Path) -> Path:
    """The release alone, in a folder of another name."""
    return shutil.copytree(run.release, tmp_path / "download")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was opened from here on."""
    counts: Counter[str] = Counter()
    path_open = Path.open

    def counting(path: Path, *args: object, **more: object) -> object:
        counts[path.name] += 1
        return path_open(path, *args, **more)  # type: ignore[call-overload]  # whatever was asked for

    monkeypatch.setattr(Path, "open", counting)
    return counts


def test_it_is_found_by_its_own_folder_and_by_that_of_its_run(run: Run) -> None:
    assert Release(run.path).path == Release(run.release).path == run.release
    assert Release(run.path).ledger == run.ledger


def test_a_folder_without_a_release_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no finished run") as caught:
        Release(tmp_path)
    assert "rpsg run" in caught.value.hint


def test_it_says_what_its_files_say(run: Run) -> None:
    release = Release(run.path)
    assert [record["text"] for record in release.records] == [text.text for text in release.texts]
    assert release.plan.corpus.size == len(release.texts) == 20
    assert release.claim == run.ledger["claim"]
    assert release.summary == run.summary
    assert release.labels == ("drink", "food")
    assert release.is_private
    assert not release.is_seeded
    assert [line["stage"] for line in release.mechanisms] == list(release.answers)
    size = release.answers["size"]
    assert size is not None
    assert release.people is not None
    assert size.histogram().tolist() == [release.people.count]
    assert "no such stage" not in release.answers
    assert release.calls is not None
    assert release.calls.replies > 0
    assert {line.host for line in release.egress} == {"this machine"}
    assert len(release.pool) > len(release.texts)


def test_every_file_is_read_when_it_is_needed_and_only_once(run: Run, opened: Counter[str]) -> None:
    release = Release(run.path)
    assert not opened
    for _ in range(3):
        assert release.texts
        assert release.coverage
        assert release.quality
    wanted = (layout.CORPUS, layout.CANDIDATES, layout.LEDGER, layout.PLAN)
    assert {name: opened[name] for name in wanted} == dict.fromkeys(wanted, 1)
    assert layout.TEXTS not in opened


def test_a_release_of_somebody_else_is_read_from_a_copy_that_goes_with_the_object(
    received: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    release = Release(received)
    (received / layout.CORPUS).write_text("changed after it was opened")
    assert len(release.texts) == 20
    assert list(scratch.iterdir())
    del release
    assert not list(scratch.iterdir())


def test_a_link_in_a_release_of_somebody_else_is_not_followed(received: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (received / layout.EGRESS).unlink()
    (received / layout.EGRESS).symlink_to(tmp_path / "secret")
    with pytest.raises(VerificationError, match="is a link"):
        Release(received)


def test_only_of_a_run_that_began_here_the_private_folder_is_known(
    run: Run, received: Path, tmp_path: Path
) -> None:
    own = Release(run.path)
    assert own.own_run == own.run == run.path.resolve()
    assert own.timings
    handed_on = shutil.copytree(run.path, tmp_path / "handed on")
    (handed_on / "private" / "made-here").unlink()
    foreign = Release(handed_on)
    assert foreign.run == handed_on.resolve()
    assert foreign.own_run is None
    assert not foreign.timings
    assert Release(received).run is None


def test_the_plan_has_the_models_of_the_run_where_that_began_here(run: Run, received: Path) -> None:
    public = run.release / "evidence" / "plan.toml"
    public.write_text(public.read_text().replace('writer = "fake"', 'writer = "file.gguf"'))
    assert Release(run.path).plan.models.writer == "file.gguf"
    assert Release(run.path).plan_with_models().models.writer == "fake"
    alone = Release(received)
    assert alone.plan_with_models() is alone.plan


def test_a_run_that_is_read_says_where_its_release_lies(run: Run, received: Path) -> None:
    assert read_run(run.path).release == run.release
    assert rpsg.read_run(received).release == received
    assert rpsg.read_run(received).texts == run.texts


def test_a_row_without_a_text_is_an_error_in_words(run: Run) -> None:
    corpus = run.release / layout.CORPUS
    rows = [json.loads(line) for line in corpus.read_text().splitlines()]
    del rows[3]["text"]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RunError, match="row without a text"):
        rpsg.read_run(run.path)


# -- one place for each name


def python_sources() -> dict[str, str]:
    return {p.relative_to(SOURCES).as_posix(): p.read_text(encoding="utf-8") for p in SOURCES.rglob("*.py")}


def test_folders_of_runs_and_releases_are_named_by_their_layout_alone() -> None:
    part = re.compile(r"""/ ?["'](release|private|evidence)["']|["'](release|private|evidence)["'] ?/""")
    found = {name: part.findall(source) for name, source in python_sources().items()}
    assert {name for name, hits in found.items() if hits} == set()


def test_reports_and_evaluations_read_a_release_through_the_one_reader() -> None:
    parsers = ("read_pack(", "parse_evidence(", "strict_json(", "tomllib")
    found = {
        name
        for name, source in python_sources().items()
        if name.startswith(("report/", "evaluation/")) and any(parser in source for parser in parsers)
    }
    assert found == {"report/scores.py"}  # it reads what an evaluation wrote, which is no part of a release
