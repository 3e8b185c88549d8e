"""Anyone can derive the corpus again from a release alone, and sees when a byte of it was changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg import api, registry
from rpsg.errors import UsageError
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab


@pytest.fixture(scope="module", params=[{}, {"select": "votes", "rounds": 2}], ids=["sketch", "votes"])
def made(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    lab_of: Callable[[Path], Lab],
) -> Path:
    """The release of a run, moved away from everything private; the rest is gone."""
    lab = lab_of(tmp_path_factory.mktemp("made"))
    plan = lab.plan(lab.file(lab.rows(300)), method=request.param)
    run = api.run(plan, lab.folder / "run")
    received = run.release.rename(tmp_path_factory.mktemp("received") / "release")
    shutil.rmtree(lab.folder)
    return received


@pytest.fixture
def released(made: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(made, tmp_path / "release"))


def failed(release: Path, *, regenerate: bool = False) -> set[str]:
    return {check.name for check in api.verify(release, regenerate=regenerate).checks if not check.ok}


def test_a_release_that_nobody_touched_holds_without_the_run_and_the_data(released: Path) -> None:
    found = api.verify(released)
    assert found.ok
    assert "everything follows from plan, pack and evidence" in {check.name for check in found.checks}
    assert found.cannot_show


def test_the_same_writer_writes_the_same_texts_again(released: Path) -> None:
    assert failed(released, regenerate=True) == set()


def test_a_replay_asks_the_writer_for_nothing(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("the writer was asked")

    monkeypatch.setattr(FakeWriter, "write", refuse)
    assert api.verify(released).ok


def test_what_is_found_by_folder_is_found_by_run_too(lab: Lab) -> None:
    run = api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run")
    assert api.verify(run.path).ok
    assert api.read_run(run.path).texts == run.texts


def replace_in(name: str, before: str, after: str) -> Callable[[Path], None]:
    def change(release: Path) -> None:
        text = (release / name).read_text()
        assert before in text
        (release / name).write_text(text.replace(before, after, 1))

    return change


def change_a_count(release: Path) -> None:
    path = release / "evidence" / "release-002.json"
    body = json.loads(path.read_text())
    body["values"][3] += 1
    path.write_text(json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n")


#: A hash and 32 numbers of two bytes: what the evidence keeps of a text with the embedder of these tests.
ONE_ROW = 32 + 2 * FakeEmbedder().dim


def change_an_embedding(release: Path) -> None:
    path = release / "evidence" / "vectors.bin"
    body = bytearray(path.read_bytes())
    body[33] ^= 0x40  # the high byte of the first number
    path.write_bytes(body)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:-size])


def drop_a_reply(release: Path) -> None:
    path = release / "evidence" / "texts.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


TAMPERED: dict[str, Callable[[Path], None]] = {
    "a letter of the corpus": replace_in("corpus.jsonl", "the", "thy"),
    "a letter of the table": replace_in("corpus.csv", "the", "thy"),
    "a noisy count": change_a_count,
    "the embedding of a text": change_an_embedding,
    "the embedding of a text is gone": lambda release: cut(release / "evidence" / "vectors.bin", ONE_ROW),
    "all embeddings are gone": lambda release: (release / "evidence" / "vectors.bin").unlink(),
    "a noisy vector is gone": lambda release: (release / "evidence" / "release-001.json").unlink(),
    "a reply of the writer": replace_in("evidence/texts.jsonl", "the", "thy"),
    "a reply is gone": drop_a_reply,
    "epsilon in the plan": replace_in("evidence/plan.toml", "epsilon = 4.0", "epsilon = 5.0"),
    "the seed in the plan": replace_in("evidence/plan.toml", "seed = 0", "seed = 1"),
    "a key of the plan": replace_in("evidence/plan.toml", "epsilon = 4.0", "epsilom = 4.0"),
    "the plan is no TOML": replace_in("evidence/plan.toml", "[privacy]", "[privacy"),
    "a value of the pack": replace_in("evidence/pack/pack.toml", "dark coffee", "dark cocoa"),
    "a prompt of the pack": replace_in("evidence/pack/candidate.txt", "Topic:", "Subject:"),
    "a word of the pack that changes no text": replace_in(
        "evidence/pack/pack.toml", "Tiny reviews", "Others"
    ),
    "the pack is gone": lambda release: shutil.rmtree(release / "evidence" / "pack"),
    "epsilon in the ledger": replace_in("ledger.json", '"epsilon": 4.0', '"epsilon": 3.0'),
    "the writer in the ledger": replace_in("ledger.json", "fake-writer", "fake-other"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_release_that_was_tampered_with_fails_a_check(
    released: Path, change: Callable[[Path], None]
) -> None:
    change(released)
    assert failed(released)


def test_a_release_of_other_models_is_told_apart_from_a_bad_one(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: FakeClassifier(name="another"))
    (check,) = [c for c in api.verify(released).checks if not c.ok]
    assert "models that differ" in check.detail


def test_a_release_with_texts_that_the_writer_failed_to_write_holds_too(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed reply is a dropped candidate in the replay as it was in the run."""
    fragile = FakeWriter(fails=lambda request: request.seed % 7 == 0, name="fake-writer")
    monkeypatch.setattr(registry, "writer", lambda *_, **__: fragile)
    run = api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run")
    assert "the writer failed" in run.summary
    assert failed(run.release) == set()
    assert failed(run.release, regenerate=True) == set()


def test_a_model_that_was_a_folder_is_asked_for_by_its_role(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release tells no path: the run's own folder knows it, and others say where theirs is."""

    def by_folder(name: str, **_: object) -> FakeEmbedder:
        if "/" not in name:
            raise UsageError(f"There is no embedder {name!r}.")
        return FakeEmbedder(name="onnx:mine@0123456789ab")  # as the one in this folder is called

    monkeypatch.setattr(registry, "embedder", by_folder)
    plan = lab.plan(lab.file(lab.rows(300)), models={"embedder": "/srv/alice/mine"})
    run = api.run(plan, lab.folder / "run")
    assert failed(run.path) == set()
    alone = run.release.rename(lab.folder / "alone")
    (check,) = [c for c in api.verify(alone).checks if not c.ok]
    assert "'mine'" in check.detail
    assert "--model embedder=PATH" in check.detail
    assert api.verify(alone, models={"embedder": "/else/where"}).ok
    assert api.verify(alone, models={"embedder": "/else/where"}, regenerate=True).ok
    with pytest.raises(UsageError, match="typist"):
        api.verify(alone, models={"typist": "x"})
