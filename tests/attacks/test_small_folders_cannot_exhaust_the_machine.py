"""A stranger's release of a few kilobytes cannot fill the disk or the memory of whoever checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.attacks.forging import ledger_of, put_ledger

from rpsg import api
from rpsg.storage import untrusted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.csv", "evidence/texts.jsonl", "report.html"])
def test_a_file_with_holes_is_refused_before_it_is_copied(
    release_of: Callable[[str], Path], name: str
) -> None:
    release = release_of("strict")
    with (release / name).open("r+b") as file:
        file.truncate(100 << 20)
    found = api.verify(release)
    assert "is a sparse file" in found.checks[0].detail


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_line_without_an_end_is_refused(
    release_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    monkeypatch.setattr(untrusted, "MOST_OF_A_LINE", 10_000)
    monkeypatch.setattr(untrusted, "CHUNK", 30_000 // pieces)
    release = release_of("strict")
    with (release / "corpus.jsonl").open("a") as file:
        file.write("x" * 25_000)
    assert "has a line of more than" in api.verify(release).checks[0].detail


def test_a_file_is_read_once_however_often_the_ledger_names_it(release_of: Callable[[str], Path]) -> None:
    release = release_of("strict")
    body = ledger_of(release)
    body["outputs"] += [body["outputs"][0]] * 1000
    put_ledger(release, body)
    assert [check.detail for check in api.verify(release).checks if not check.ok] == [
        "the ledger names a file twice"
    ]


def test_a_file_without_content_is_no_file_with_holes(tmp_path: Path) -> None:
    """A method that embeds nothing leaves an empty file of embeddings."""
    release = tmp_path / "release"
    (release / "evidence").mkdir(parents=True)
    (release / "evidence" / "vectors.bin").touch()
    untrusted.copy_release(release, tmp_path / "copy")
    assert (tmp_path / "copy" / "evidence" / "vectors.bin").read_bytes() == b""
