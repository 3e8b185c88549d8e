"""A release goes to a hub as it is, alone, and as one release."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import ModelError, PrivacyError, UsageError, VerificationError
from rpsg.release import outward
from rpsg.storage.untrusted import copied

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

    from rpsg.release.run import Run


@pytest.fixture(scope="module")
def made(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Run:
    lab = lab_of(tmp_path_factory.mktemp("pushed"))
    return lab.run(lab.plan(lab.file(lab.rows(300)), privacy={"epsilon": 8.0}))


class Hub:
    """A hub that keeps what is uploaded, or refuses it."""

    endpoint = "https://huggingface.co"

    def __init__(self) -> None:
        #: The name of the error with which it refuses.
        self.refuses = ""
        self.created: list[dict[str, Any]] = []
        self.uploaded: list[dict[str, bytes]] = []
        #: What the data set holds now, besides the file of the hub itself.
        self.files: dict[str, bytes] = {}
        self.is_private = True
        self.commit = "c1"

    def create_repo(self, name: str, **options: Any) -> None:
        if self.refuses:
            raise type(self.refuses, (Exception,), {})("secret details")
        self.created.append({"name": name, **options})

    def dataset_info(self, name: str) -> SimpleNamespace:
        files = [SimpleNamespace(rfilename=file) for file in (".gitattributes", *self.files)]
        return SimpleNamespace(private=self.is_private, sha=self.commit, siblings=files)

    def upload_folder(
        self, *, folder_path: str, delete_patterns: list[str] | None, parent_commit: str, **_: Any
    ) -> None:
        assert parent_commit == self.commit, "somebody has changed the data set in the meantime"
        self.uploaded.append(files_of(Path(folder_path)))
        stay = {name: old for name, old in self.files.items() if name not in (delete_patterns or ())}
        self.files = stay | self.uploaded[-1]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=lambda token: found))
    return found


def test_the_release_is_pushed_as_it_is_and_private_by_default(made: Run, hub: Hub) -> None:
    assert made.push("ward/notes") == "https://huggingface.co/datasets/ward/notes"
    assert [(repo["name"], repo["private"]) for repo in hub.created] == [("ward/notes", True)]
    assert hub.uploaded == [files_of(made.release)]


@pytest.mark.parametrize(
    ("kind", "says", "hint"),
    [
        ("UnreachableError", "cannot be reached", "Check the network"),
        ("ConnectError", "cannot be reached", "Check the network"),
        ("ReadTimeout", "cannot be reached", "Check the network"),
        ("HfHubHTTPError", "did not accept ward/notes", "hf auth login"),
        ("HFValidationError", "did not accept ward/notes", "OWNER/NAME"),
    ],
)
def test_a_hub_that_refuses_is_a_sentence(made: Run, hub: Hub, kind: str, says: str, hint: str) -> None:
    """An error as an HTTP library raises it, of which the hub's client may use any."""
    hub.refuses = kind
    with pytest.raises(ModelError, match=rf"{says}.*\({kind}\)") as refused:
        made.push("ward/notes")
    assert hint in refused.value.hint
    assert "secret" not in str(refused.value)


def test_a_second_push_leaves_nothing_of_the_first_release(made: Run, hub: Hub) -> None:
    """The first one had answers, a format and a signature that the second does not have."""
    hub.files = dict.fromkeys(
        ("ledger.json", "ledger.sig", "corpus.csv", "evidence/release-099.json", "evidence/pack/old.txt"),
        b"old",
    )
    made.push("ward/notes")
    assert hub.files == files_of(made.release)


@pytest.mark.parametrize(
    "files",
    [
        ("train.csv",),
        ("README.md",),
        ("README.md", "corpus.jsonl"),
        ("ledger.json", "picture.png"),
        ("ledger.json", "evidence/notes.txt"),
    ],
)
def test_files_of_somebody_else_are_neither_replaced_nor_mixed_with_a_release(
    made: Run, hub: Hub, files: tuple[str, ...]
) -> None:
    hub.files = dict.fromkeys(files, b"theirs")
    with pytest.raises(UsageError, match=rf"Nothing was uploaded: .* ward/notes has .*{files[-1]}"):
        made.push("ward/notes")
    assert hub.files == dict.fromkeys(files, b"theirs")


def test_a_private_push_into_a_public_data_set_is_refused(made: Run, hub: Hub) -> None:
    hub.is_private = False
    with pytest.raises(UsageError, match="ward/notes is public, but") as refused:
        made.push("ward/notes")
    assert "private=False" in refused.value.hint
    assert not hub.uploaded
    made.push("ward/notes", private=False)
    assert hub.uploaded


def test_what_a_hub_adds_to_a_download_is_not_read_with_it(made: Run, tmp_path: Path) -> None:
    there = tmp_path / "download"
    shutil.copytree(made.release, there)
    (there / ".gitattributes").write_text("*.parquet filter=lfs")
    (there / ".cache/huggingface").mkdir(parents=True)
    with copied(there) as read:
        assert files_of(read) == files_of(made.release)


def test_a_file_that_no_release_has_is_not_pushed_with_it(made: Run, hub: Hub) -> None:
    """A note or an evaluation that somebody put beside the corpus may hold private texts."""
    stray = made.release / "evaluation.json"
    stray.write_text("private")
    try:
        with pytest.raises(VerificationError, match=r"evaluation\.json"):
            made.push("ward/notes")
    finally:
        stray.unlink()
    assert not hub.created
    assert not hub.uploaded


@pytest.mark.parametrize("claim", ["no_formal_guarantee", "voters_only_dp", "", "some_other_claim"])
def test_what_protects_not_everybody_is_not_pushed_by_accident(made: Run, hub: Hub, claim: str) -> None:
    options: dict[str, Any] = {"private": True, "token": None}
    with pytest.raises(PrivacyError, match="Nothing was uploaded"):
        outward.push(made.release, claim, "ward/notes", **options, without_guarantee=False)
    assert not hub.created
    outward.push(made.release, claim, "ward/notes", **options, without_guarantee=True)
    assert hub.uploaded
