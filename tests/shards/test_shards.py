"""A run that is counted in shards ends in the release of a run that is not, and says how it was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv as arrow_csv
from tests.shards.work import NUMBER, Shards, sites, spent

import rpsg
from rpsg.errors import UsageError
from rpsg.pipeline.execute import execute
from rpsg.pipeline.shards.merging import Waiting, begin, merge
from rpsg.pipeline.shards.task import ShardTask
from rpsg.testing.noise import SeededNoise

if TYPE_CHECKING:
    from tests.conftest import Lab

LABELS = {"label": "label", "labels": ("food", "drink")}


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"privacy": {"n_public": 400}},
        {"data": LABELS, "privacy": {"max_records_per_user": 2}},
        {"data": {"user": None}},
    ],
    ids=["counted with noise", "number declared", "labels and more rows", "rows of nobody"],
)
def test_the_release_is_that_of_a_run_in_one_piece_with_the_same_noise(
    lab: Lab, shards: Shards, sections: dict[str, Any]
) -> None:
    """People have no more rows than are used, so it does not matter in which order a key puts them."""
    path = lab.file(
        lab.rows(400, people=200 if "privacy" in sections and LABELS in sections.values() else 400)
    )
    data = {**sections.get("data", {})}
    alone = lab.run(lab.plan(path, **{**sections, "data": data}), "alone", noise=SeededNoise(3))
    plan = shards.plan(**{**sections, "data": data})
    told = shards.whole(plan, path, "run", SeededNoise(3))
    assert told.records == alone.records
    answers = [f"release-{seq:03d}.json" for seq in range(len(alone.ledger["stage_plan"]["releases"]))]
    for name in answers:
        one, other = ((run.path / "evidence" / name).read_text() for run in (alone, told))
        assert one.partition('"values"')[2] == other.partition('"values"')[2] != ""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_shards_count_the_same_in_every_format(lab: Lab, shards: Shards, kind: str) -> None:
    rows = lab.rows(300)
    table, other = pa.Table.from_pylist(rows), lab.folder / f"rows.{kind}"
    if kind == "csv":
        arrow_csv.write_csv(table, other)
    else:
        pq.write_table(table, other)
    alone = lab.run(lab.plan(lab.file(rows)), "alone", noise=SeededNoise(5))
    assert shards.whole(shards.plan(), other, "run", SeededNoise(5)).records == alone.records


def test_sites_with_files_of_their_own_give_the_same_answers(lab: Lab, shards: Shards) -> None:
    rows = lab.rows(300)
    alone = lab.run(lab.plan(lab.file(rows)), "alone", noise=SeededNoise(5))
    plan = shards.plan(data={"divided_by": "site"})
    assert shards.whole(plan, sites(lab, rows), "run", SeededNoise(5)).records == alone.records


def test_the_release_is_verified_and_says_how_the_texts_were_counted(lab: Lab, shards: Shards) -> None:
    run = shards.whole(shards.plan(), lab.file(lab.rows(300)))
    assert rpsg.verify(run).ok
    unit = run.ledger["privacy_unit"]
    assert (unit["shards"], unit["divided_by"]) == (NUMBER, "person")
    assert unit["bounding"] == "random_subset_public_key", "the question file has the key"
    (told,) = [a["text"] for a in run.ledger["assumptions"] if a["id"] == "A4"]
    assert "read the same file" in told
    assert any(line["name"] == "shards" for line in run.ledger["public_inputs"])
    assert run.ledger["claim"]["type"] == "end_to_end_dp"


def test_a_release_of_sites_says_that_nobody_may_be_at_two(lab: Lab, shards: Shards) -> None:
    run = shards.whole(shards.plan(data={"divided_by": "site"}), sites(lab, lab.rows(300)))
    assert rpsg.verify(run).ok
    (told,) = [a["text"] for a in run.ledger["assumptions"] if a["id"] == "A4"]
    assert "is counted k times" in told
    assert any("counted once at each site" in caution for caution in run.ledger["cautions"])
    assert "counted once at each site" in run.summary


def test_the_private_part_of_a_run_can_only_be_checked_where_all_rows_are(lab: Lab, shards: Shards) -> None:
    run = shards.whole(shards.plan(), lab.file(lab.rows(200)))
    with pytest.raises(UsageError, match="counted in shards"):
        rpsg.verify(run, with_vault=True)


def test_nothing_is_spent_before_there_are_answers(lab: Lab, shards: Shards) -> None:
    shards.begin(shards.plan())
    assert not any(spent().values())


def test_a_run_can_be_begun_again_and_asks_the_same(lab: Lab, shards: Shards) -> None:
    first = shards.begin(shards.plan()).file.read_bytes()
    assert shards.begin(shards.plan()).file.read_bytes() == first


def test_a_question_that_was_written_down_is_the_same_when_it_is_read(lab: Lab, shards: Shards) -> None:
    _, waiting = shards.second(shards.plan(data=LABELS), lab.file(lab.rows(200)))
    for name in ("question-1.json", "question-2.json"):
        task = ShardTask.read(waiting.file.with_name(name))
        assert ShardTask.of(task.about, task.asked).content == task.content


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"data": {"label": "label"}}, "label cannot be found"),
        ({"privacy": {"shares": {"keyphrases": 0.1}}}, "no phrases"),
        ({"method": {"select": "votes"}}, "votes"),
        ({"data": {"audit_holdout": 0.5}}, "held out"),
        ({"data": {"audit_canaries": 10}}, "canaries"),
        ({"data": {"unusable": "refuse"}}, "must not stop a shard"),
        ({"vault": {"key": "none"}}, "encrypted"),
        ({"method": {"name": "augpe"}}, "augpe cannot count"),
        ({"method": {"name": "floor"}}, "floor cannot count"),
        ({"data": {"account": ""}}, "privacy account"),
        ({"data": {"shards": 0}}, "no shards"),
    ],
)
def test_what_shards_cannot_do_is_refused_before_there_is_a_folder(
    lab: Lab, shards: Shards, sections: dict[str, Any], said: str
) -> None:
    plan = shards.plan(**sections)
    with pytest.raises(UsageError, match=said):
        begin(plan, lab.folder / "run", tools=lab.tools())
    assert not (lab.folder / "run").exists()
    assert not any(spent().values())


def test_a_plan_with_shards_is_not_run_in_one_piece(lab: Lab, shards: Shards) -> None:
    plan = shards.plan(data={"path": str(lab.file(lab.rows(50)))})
    with pytest.raises(UsageError, match="rpsg shards"):
        execute(plan, lab.folder / "run", tools=lab.tools())


def test_a_run_in_one_piece_is_not_merged(lab: Lab) -> None:
    lab.run(lab.plan(lab.file(lab.rows(200))))
    with pytest.raises(UsageError, match="not counted in shards"):
        merge(lab.folder / "run", [lab.folder / "any.sum"])


def test_a_shard_may_be_empty(lab: Lab, shards: Shards) -> None:
    """Two people in many shards: most of these have nobody, and nothing shows it."""
    path = lab.file(lab.rows(2))
    waiting = shards.begin(shards.plan(data={"shards": 20}))
    files = shards.count_all(waiting, path)
    assert len({file.stat().st_size for file in files}) == 1
    assert isinstance(shards.merge(files), Waiting)
