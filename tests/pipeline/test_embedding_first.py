"""``rpsg embed`` does the private embeddings of a run, and the run goes on with them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.cli import main
from rpsg.errors import BudgetError, UsageError
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.pipeline.embedding import embed
from rpsg.pipeline.private_data import account_of
from rpsg.privacy.odometer import Odometer
from rpsg.stages import contributions
from rpsg.storage.run_folder import open_vault
from rpsg.storage.run_identity import begin_anew, charged
from rpsg.storage.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from tests.conftest import Lab

    from rpsg.release.run import Run

    Retell = Callable[[Run], None]

KEPT = "private/embeddings.f16.sealed"


class Counting(FakeEmbedder):
    """Counts how many of some texts it is given."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.private, self.count = {row["text"] for row in rows}, 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.count += sum(text in self.private for text in texts)
        return super().embed(texts)


@pytest.mark.parametrize("method", ["strict", "augpe"])
def test_a_run_goes_on_with_the_embeddings_and_makes_the_same_texts(
    lab: Lab, retell: Retell, method: str
) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows), method={"name": method})
    first, second = Counting(rows), Counting(rows)
    assert embed(plan, lab.folder / "run", tools=lab.tools(embedder=first)) is None
    assert first.count == 300
    run = lab.run(plan, embedder=second)
    assert second.count == 0
    retell(run)
    assert lab.run(plan, "in one").texts == run.texts


def test_nothing_is_drawn_or_spent_and_the_reservation_ends(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    embed(plan, lab.folder / "run", tools=lab.tools())
    assert charged(lab.folder / "run") == ()
    assert not list((lab.folder / "run" / "evidence").glob("release-*"))
    total = account_of(plan, Odometer()).total()
    assert (total.mu2, total.reserved_mu2) == (0.0, 0.0)


def test_an_account_without_room_is_refused_before_anything_is_embedded(lab: Lab) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows), privacy={"epsilon": 4.0, "lifetime_epsilon": 3.0})
    embedder = Counting(rows)
    with pytest.raises(BudgetError):
        embed(plan, lab.folder / "run", tools=lab.tools(embedder=embedder))
    assert embedder.count == 0


SCRIPT = r"""
import os, signal, sys
from pathlib import Path
from rpsg.methods.base import Tools
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline.embedding import embed
from rpsg.plan import read_toml, resolve
from rpsg.stages import contributions

folder, left = Path(sys.argv[1]), int(sys.argv[2])
contributions.PART, contributions.EMBED_CHUNK = 64, 16


class DyingEmbedder(FakeEmbedder):
    def embed(self, texts):
        global left
        if len(texts) == 16:  # of private texts; there are fewer topics
            left -= 16
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


plan = resolve(read_toml(folder / "plan.toml"))
embed(plan, folder / "run", tools=Tools(FakeWriter(), DyingEmbedder(), FakeClassifier()))
"""


@pytest.mark.parametrize("key", ["file", "none"])
def test_after_kill_9_it_goes_on_with_the_part_that_was_not_finished(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows), vault={"key": key})
    (lab.folder / "plan.toml").write_text(plan.to_toml())
    done = subprocess.run([sys.executable, "-c", SCRIPT, lab.folder, "160"], check=False)
    assert done.returncode == -signal.SIGKILL
    monkeypatch.setattr(contributions, "PART", 64)
    again = Counting(rows)
    assert embed(plan, lab.folder / "run", tools=lab.tools(embedder=again)) is None
    assert again.count == 300 - 128, "two parts of 64 were finished"
    run = Counting(rows)
    assert len(lab.run(plan, embedder=run).texts) == 20
    assert run.count == 0


def test_texts_that_changed_since_are_embedded_anew(lab: Lab) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows))
    embed(plan, lab.folder / "run", tools=lab.tools())
    other = [*rows[:-1], {**rows[-1], "text": "another text"}]
    lab.file(other)
    embedder = Counting(other)
    lab.run(plan, embedder=embedder)
    assert embedder.count == 300


def test_with_another_writer_the_embeddings_stay_and_with_another_budget_they_do_not(lab: Lab) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows))
    embed(plan, lab.folder / "run", tools=lab.tools())
    rewritten, smaller = Counting(rows), Counting(rows)
    kept = (lab.folder / "run" / KEPT).read_bytes()
    first = json.loads((lab.folder / "run/run.json").read_text())["run_id"]
    tools = lab.tools(FakeWriter(name="another"), rewritten)
    assert embed(plan, lab.folder / "run", tools=tools) is None
    assert rewritten.count == 0
    assert (lab.folder / "run" / KEPT).read_bytes() == kept
    assert json.loads((lab.folder / "run/run.json").read_text())["run_id"] != first
    budget = lab.plan(plan.data.path, privacy={"epsilon": 3.0, "lifetime_epsilon": 30.0})
    run = lab.run(budget, embedder=smaller)
    assert (smaller.count, len(run.texts)) == (300, 20)


def test_embeddings_of_canaries_are_not_kept_for_other_canaries(lab: Lab) -> None:
    rows = lab.rows(300)
    public = lab.file(lab.rows(60, words=lab.zebra), "public.jsonl")
    data = {"audit_canaries": 10, "canary_texts": str(public)}
    plan = lab.plan(lab.file(rows), data=data)
    embed(plan, lab.folder / "run", tools=lab.tools())
    again = Counting(rows)
    embed(plan, lab.folder / "run", tools=lab.tools(FakeWriter(name="another"), again))
    assert again.count == 300


def test_embeddings_are_not_used_when_nothing_says_which_rows_they_are_of(lab: Lab) -> None:
    rows = lab.rows(300)
    plan = lab.plan(lab.file(rows))
    embed(plan, lab.folder / "run", tools=lab.tools())
    (lab.folder / "run/private/rows").unlink()
    other = [*rows[:-1], {**rows[-1], "text": "another text"}]
    lab.file(other)
    embedder = Counting(other)
    embed(plan, lab.folder / "run", tools=lab.tools(embedder=embedder))
    assert embedder.count == 300


def test_a_run_that_is_killed_while_it_begins_anew_does_not_use_embeddings_of_earlier_canaries(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files go in the order of the disk: here the canaries did, and the embeddings are still there."""
    rows = lab.rows(300)
    public = lab.file(lab.rows(60, words=lab.zebra), "public.jsonl")
    plan = lab.plan(lab.file(rows), data={"audit_canaries": 10, "canary_texts": str(public)})
    another = FakeWriter(name="another")
    embed(plan, lab.folder / "run", tools=lab.tools())

    def killed(folder: Path, **_: Any) -> None:
        if folder.name == "private":
            (folder / "canaries.json.sealed").unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("rpsg.storage.run_identity.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            embed(plan, lab.folder / "run", tools=lab.tools(another))
    assert (lab.folder / "run" / KEPT).exists()
    again = Counting(rows)
    embed(plan, lab.folder / "run", tools=lab.tools(another, again))
    assert again.count == 300


@pytest.mark.parametrize("more", ["", "canaries.json.sealed", "seeds"])
def test_embeddings_stay_only_where_nothing_but_the_file_decides_which_rows_they_are_of(
    tmp_path: Path, more: str
) -> None:
    """Another list of donors leaves the file as it is, and makes other people voters."""
    files = [
        "vault.json",
        "rows",
        "embeddings.f16.sealed",
        "embeddings.f16.0.sealed",
        "made-here",
        "notes.md",
    ]
    (tmp_path / "private" / "stages").mkdir(parents=True)
    for name in filter(None, [*files, more]):
        (tmp_path / "private" / name).write_text("of the run before")
    begin_anew(tmp_path, keep_embeddings=True)
    left = {file.name for file in tmp_path.glob("private/*")}
    assert left == (set() if more else set(files[:4]))


@pytest.mark.parametrize("method", ["floor", "paper", "split", "private-prediction", "rupta", "dpsgd"])
def test_a_method_that_does_not_begin_with_embeddings_is_refused(lab: Lab, method: str) -> None:
    with pytest.raises(UsageError, match="does not begin by embedding"):
        embed(lab.plan(lab.file(lab.rows(3)), method={"name": method}), lab.folder / "run")
    assert not (lab.folder / "run").exists()


def test_a_plan_with_shards_is_refused(lab: Lab) -> None:
    with pytest.raises(UsageError, match="each shard embeds its own"):
        embed(lab.plan(lab.file(lab.rows(3)), data={"shards": 2, "account": "ward"}), lab.folder / "run")


def typed(lab: Lab, command: str, *more: str) -> list[str]:
    models = ["--writer", "fake", "--embedder", "fake", "--size", "6", "--domain", str(lab.pack)]
    return [command, "data.jsonl", "--user", "user", "--account", "ward", *models, "-o", "run", *more]


def test_what_is_printed_is_the_same_for_any_file_and_leads_to_the_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    for name, count in (("one", 200), ("other", 317)):
        folder = lab.folder / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        lines = [json.dumps(row) + "\n" for row in lab.rows(count, words=lab.zebra[: count % 7 + 3])]
        (folder / "data.jsonl").write_text("".join(lines))
        assert main(typed(lab, "embed")) == 0
        said = capsys.readouterr()
        seen.append((said.out, re.sub(r"done in [0-9.]+ s", "", said.err)))
    assert seen[0] == seen[1]
    assert "reading the private texts: done" in seen[0][1]
    assert "rpsg run data.jsonl" in seen[0][0]
    assert main(typed(lab, "run", "--quiet")) == 0
    capsys.readouterr()
    assert main(typed(lab, "embed", "--quiet", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["embedded"] == {"path": "run", "finished": True}


def test_the_rows_are_those_that_the_vault_holds(lab: Lab) -> None:
    embed(lab.plan(lab.file(lab.rows(300))), lab.folder / "run", tools=lab.tools())
    rows = Vectors(open_vault(lab.folder / "run"), "embeddings", FakeEmbedder().dim).load()
    assert rows is not None
    assert rows.shape == (300, FakeEmbedder().dim)
