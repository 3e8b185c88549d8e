"""A run that is given up while it waits for its shards can be purged: then nobody opens their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.shards.work import Shards, spent

from rpsg.cli import main
from rpsg.errors import BudgetError, RunError
from rpsg.pipeline.purge import purge
from rpsg.pipeline.shards.task import ShardTask
from rpsg.privacy.sealed_sums import opened_sums
from rpsg.storage.layout import SHARDS_KEY
from rpsg.storage.run_folder import open_vault, run_id_of

if TYPE_CHECKING:
    from tests.conftest import Lab

STAYS = {"made-here", "purged.json"}


def test_between_the_questions_the_key_of_the_shards_is_destroyed(
    lab: Lab, shards: Shards, capsys: pytest.CaptureFixture[str]
) -> None:
    run, path = lab.folder / "run", lab.file(lab.rows(200))
    files, waiting = shards.second(shards.plan(), path)
    vault = open_vault(run)
    key, secret = vault.read(SHARDS_KEY), vault._data_key
    queries = ShardTask.read(waiting.file.with_name("question-1.json")).queries
    assert opened_sums(files[0].read_bytes(), key, queries).sums
    before = spent()
    assert main(["purge", str(run), "--yes", "--json"]) == 0
    purged = json.loads(capsys.readouterr().out)["purged"]
    assert f"{SHARDS_KEY}.sealed" in purged["destroyed"]
    assert f"rpsg budget --give-back {run_id_of(run)}" in " ".join(purged["not_reached"])
    assert {entry.name for entry in (run / "private").iterdir()} == STAYS
    left = [file.read_bytes() for file in run.rglob("*") if file.is_file()]
    assert not any(word in content for content in left for word in (key, secret, key.hex().encode()))
    assert spent() == before
    with pytest.raises(RunError, match="rpsg purge") as told:
        shards.merge(files)
    assert "no release" in told.value.hint
    assert "Its release is unchanged" not in told.value.hint
    assert spent() == before


def test_before_any_answer_and_twice(lab: Lab, shards: Shards) -> None:
    shards.begin(shards.plan())
    assert purge(lab.folder / "run").destroyed
    assert purge(lab.folder / "run").destroyed == ()


def test_what_was_reserved_is_given_back_as_the_purge_says(lab: Lab, shards: Shards) -> None:
    limit = {"privacy": {"epsilon": 2.0, "lifetime_epsilon": 2.5}}
    shards.second(shards.plan(**limit), lab.file(lab.rows(200)))
    purge(lab.folder / "run")
    (way,) = [line for line in purge(lab.folder / "run").not_reached if "give-back" in line]
    with pytest.raises(BudgetError):
        shards.begin(shards.plan(**limit), "another")
    assert main([*way.partition(": rpsg ")[2].split(), "--yes"]) == 0
    shards.begin(shards.plan(**limit), "third")


def test_the_hint_for_an_unfinished_run_without_shards_names_its_command(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(200)))).path
    (run / "release").rename(run / "gone")
    with pytest.raises(RunError) as told:
        purge(run)
    assert "rpsg run" in told.value.hint


def test_a_released_run_with_shards_keeps_its_commitment(lab: Lab, shards: Shards) -> None:
    run = shards.whole(shards.plan(), lab.file(lab.rows(200)))
    told = purge(run.path)
    assert not [line for line in told.not_reached if "give-back" in line]
    assert {entry.name for entry in (run.path / "private").iterdir()} == {*STAYS, "commitment"}
