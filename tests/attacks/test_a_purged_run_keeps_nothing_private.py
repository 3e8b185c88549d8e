"""After `rpsg purge` nothing private is left in the run folder, and its claim can be checked as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.errors import RunError
from rpsg.pipeline.purge import purge
from rpsg.release.reader import Release
from rpsg.report.files import write_private
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def finished(lab: Lab, **sections: Any) -> Path:
    plan = lab.plan(lab.file(lab.rows(400)), corpus={"size": 8, "domain": str(lab.pack)}, **sections)
    return api.run(plan, lab.folder / "run").path


@pytest.mark.parametrize("method", ["strict", "paper", "split"])
def test_only_the_commitment_and_a_note_stay(lab: Lab, method: str) -> None:
    run = finished(lab, method={"name": method})
    secret = open_vault(run)._data_key
    assert api.verify(run).ok
    done = purge(run)
    assert {entry.name for entry in (run / "private").iterdir()} == {"commitment", "made-here", "purged.json"}
    assert "embeddings.f16.sealed" in done.destroyed or method == "paper"
    assert not any(
        secret in f.read_bytes() or secret.hex().encode() in f.read_bytes()
        for f in run.rglob("*")
        if f.is_file()
    )
    assert api.verify(run).ok


def test_the_key_is_overwritten_where_it_lay_before_it_is_deleted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    run = finished(lab)
    other = run.parent / "the same blocks"
    os.link(run / "private" / "vault.json", other)
    before = other.read_bytes()
    purge(run)
    assert len(other.read_bytes()) == len(before)
    assert not any(before[i : i + 8] in other.read_bytes() for i in range(0, len(before) - 8, 8))


def test_the_account_is_not_touched(lab: Lab) -> None:
    from rpsg.privacy.odometer import Odometer

    run = finished(lab)
    before = [Odometer().statement(name) for name in Odometer().names()]
    purge(run)
    assert [Odometer().statement(name) for name in Odometer().names()] == before
    assert before


def test_the_same_command_gives_the_release_and_everything_private_says_that_it_is_gone(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(400)))
    run, texts = api.run(plan, lab.folder / "run").path, api.run(plan, lab.folder / "run").texts
    purge(run)
    assert api.run(plan, run).texts == texts
    with pytest.raises(RunError, match="rpsg purge"):
        api.verify(run, with_vault=True)
    page = write_private(Release(run), None)[0].read_text(encoding="utf-8")
    assert "There is no picture" in page


def test_a_run_that_is_not_published_is_not_purged(lab: Lab) -> None:
    run = finished(lab)
    (run / "release").rename(run / "gone")
    with pytest.raises(RunError, match="has not been published"):
        purge(run)
    assert open_vault(run).run_key


def test_a_purge_that_was_cut_short_can_be_repeated(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(lab)

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rpsg.pipeline.purge.remove", die)
        with pytest.raises(KeyboardInterrupt):
            purge(run)
    with pytest.raises(RunError, match="rpsg purge"):
        open_vault(run)
    purge(run)
    assert {entry.name for entry in (run / "private").iterdir()} == {"commitment", "made-here", "purged.json"}


def test_what_lay_in_the_clear_is_said_to_be_deleted_and_not_erased(lab: Lab) -> None:
    told = purge(finished(lab, vault={"key": "none"})).not_reached
    assert any("did not encrypt" in line for line in told)


def test_what_was_encrypted_is_not(lab: Lab) -> None:
    assert not any("did not encrypt" in line for line in purge(finished(lab)).not_reached)


def test_a_link_in_the_place_of_the_private_folder_destroys_nothing(lab: Lab) -> None:
    run, documents = finished(lab), lab.folder / "documents"
    documents.mkdir()
    (documents / "thesis.txt").write_text("years of work")
    (run / "private").rename(lab.folder / "moved")
    (run / "private").symlink_to(documents)
    with pytest.raises(RunError, match="is a link"):
        purge(run)
    assert [file.name for file in documents.iterdir()] == ["thesis.txt"]
