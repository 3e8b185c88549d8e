"""What an attacker, or a tired operator, does with files of shards: nothing is spent, and nothing shows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.attacks.worlds import public_histogram
from tests.shards.work import NUMBER, Shards, spent

import rpsg
import rpsg.cli
from rpsg.errors import BudgetError, DataError, PrivacyError, RpsgError, RunError, UsageError
from rpsg.methods.written_questions import write_questions
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.pipeline.shards.counting import count
from rpsg.pipeline.shards.merging import Waiting, merge
from rpsg.pipeline.shards.task import ShardTask
from rpsg.privacy.private import open_private
from rpsg.privacy.sealed_sums import new_key, opened_sums, public_half
from rpsg.records import Document
from rpsg.release.run import Run
from rpsg.stages.partition import in_shard
from rpsg.storage.layout import SHARDS_KEY
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab, Rows


@pytest.fixture
def counted(lab: Lab, shards: Shards) -> list[Path]:
    """The files of all shards for the first question of the run in the folder "run"."""
    return shards.count_all(shards.begin(shards.plan()), lab.file(lab.rows(200)))


def refused(shards: Shards, files: list[Path], said: str, kind: type[RpsgError]) -> None:
    with pytest.raises(kind, match=said):
        shards.merge(files)
    assert not any(spent().values())
    assert not list((shards.lab.folder / "run" / "evidence").glob("release-*"))


def test_a_missing_shard_is_named(shards: Shards, counted: list[Path]) -> None:
    refused(shards, counted[::2], "missing: 2", UsageError)
    refused(shards, [], "No file", UsageError)


def test_a_shard_that_is_there_twice_is_refused(lab: Lab, shards: Shards, counted: list[Path]) -> None:
    again = lab.folder / "again.sum"
    shutil.copy(counted[1], again)
    refused(shards, [*counted, again], "both of shard 2", UsageError)
    refused(shards, [*counted, counted[0]], "both of shard 1", UsageError)


def test_a_shard_that_was_counted_twice_is_refused(lab: Lab, shards: Shards, counted: list[Path]) -> None:
    other = shards.count(lab.folder / "run" / "question-1.json", lab.folder / "data.jsonl", 2, "other.sum")
    assert other.read_bytes() != counted[1].read_bytes()
    refused(shards, [*counted, other], "both of shard 2", UsageError)


def test_the_files_of_another_run_of_the_same_plan_are_refused(
    lab: Lab, shards: Shards, counted: list[Path]
) -> None:
    other = shards.count_all(shards.begin(shards.plan(), "other"), lab.folder / "data.jsonl")
    refused(shards, [*counted[:2], other[2]], "another run", DataError)
    refused(shards, other, "another run", DataError)


def test_files_of_two_questions_are_not_mixed(lab: Lab, shards: Shards) -> None:
    path = lab.file(lab.rows(200))
    first, waiting = shards.second(shards.plan(), path)
    second = shards.count_all(waiting, path)
    before = spent()
    with pytest.raises(UsageError, match="different questions"):
        shards.merge([*second[:2], first[2]])
    assert spent() == before


def test_the_files_of_an_answered_question_draw_nothing_again(lab: Lab, shards: Shards) -> None:
    files, waiting = shards.second(shards.plan(), lab.file(lab.rows(200)))
    before, evidence = spent(), (lab.folder / "run" / "evidence" / "release-001.json").read_bytes()
    again = shards.merge(files)
    assert isinstance(again, Waiting)
    assert again.task.digest == waiting.task.digest
    assert spent() == before
    assert (lab.folder / "run" / "evidence" / "release-001.json").read_bytes() == evidence


def test_merging_the_last_files_again_gives_the_same_release(lab: Lab, shards: Shards) -> None:
    path = lab.file(lab.rows(200))
    _, waiting = shards.second(shards.plan(), path)
    files = shards.count_all(waiting, path)
    one, before = shards.merge(files), spent()
    again = shards.merge(files)
    assert isinstance(one, Run)
    assert isinstance(again, Run)
    assert one.ledger == again.ledger
    assert spent() == before


def test_between_the_questions_the_rest_of_the_budget_stays_reserved(lab: Lab, shards: Shards) -> None:
    """Else another run could spend it, and what the first question cost would be lost."""
    path = lab.file(lab.rows(200))
    limit = {"privacy": {"epsilon": 2.0, "lifetime_epsilon": 2.5}}
    begun = shards.begin(shards.plan(**limit))
    shards.begin(shards.plan(**limit), "other")  # asking reserves nothing
    waiting = shards.merge(shards.count_all(begun, path))
    with pytest.raises(BudgetError):
        shards.begin(shards.plan(**limit), "third")
    assert isinstance(waiting, Waiting)
    assert isinstance(shards.merge(shards.count_all(waiting, path)), Run)


def test_an_unfinished_run_says_what_it_waits_for(lab: Lab, shards: Shards) -> None:
    shards.begin(shards.plan())
    with pytest.raises(RunError, match="rpsg shards --help"):
        rpsg.read_run(lab.folder / "run")


def test_the_second_question_follows_from_noisy_answers_alone(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other people, the same noisy answers: the shards are asked the same, about the same drafts."""
    monkeypatch.setattr("rpsg.privacy.kernel.noisy_histogram", public_histogram)
    asked = []
    for name, rows in {"one": lab.rows(200), "other": lab.rows(140, words=lab.zebra, seed=3)}.items():
        _, waiting = shards.second(shards.plan(), lab.file(rows), name)
        asked.append(write_questions(waiting.task.asked))
    assert asked[0] == asked[1]


def test_a_second_run_is_charged_again(lab: Lab, shards: Shards) -> None:
    path = lab.file(lab.rows(200))
    shards.whole(shards.plan(), path)
    once = spent()["ward"]
    shards.whole(shards.plan(), path, "second")
    assert spent()["ward"] == pytest.approx(2 * once)


def test_a_copy_of_the_run_folder_is_charged_for_what_it_draws(lab: Lab, shards: Shards) -> None:
    path = lab.file(lab.rows(200))
    files = shards.count_all(shards.begin(shards.plan()), path)
    shutil.copytree(lab.folder / "run", lab.folder / "copy")
    shards.merge(files)
    once = spent()["ward"]
    merge(lab.folder / "copy", files, tools=lab.tools())
    assert spent()["ward"] == pytest.approx(2 * once)


@pytest.mark.parametrize("place", [0, 20, 45, 50, 60, 90, 130, -1])
def test_a_changed_byte_is_found(shards: Shards, counted: list[Path], place: int) -> None:
    content = bytearray(counted[0].read_bytes())
    content[place] ^= 1
    counted[0].write_bytes(content)
    with pytest.raises((DataError, UsageError)):
        shards.merge(counted)
    assert not any(spent().values())


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + b"x", lambda _: b"", lambda c: c[:40]])
def test_a_file_of_another_size_is_found(
    shards: Shards, counted: list[Path], change: Callable[[bytes], bytes]
) -> None:
    counted[2].write_bytes(change(counted[2].read_bytes()))
    with pytest.raises(DataError):
        shards.merge(counted)
    assert not any(spent().values())


def test_a_file_under_the_name_of_another_shard_is_still_its_own(shards: Shards, counted: list[Path]) -> None:
    """The number is in the file, and authenticated: renaming and swapping change nothing."""
    one, other = counted[0].read_bytes(), counted[1].read_bytes()
    counted[0].write_bytes(other)
    counted[1].write_bytes(one)
    assert isinstance(shards.merge(counted), Waiting)


def test_a_question_with_the_key_of_somebody_else_opens_nothing_here(
    lab: Lab, shards: Shards, counted: list[Path]
) -> None:
    """Its sums are for that key, which is why sites compare keys; for this run it is another question."""
    file = lab.folder / "run" / "question-1.json"
    body = json.loads(file.read_text())
    body["about"]["recipient"] = public_half(new_key()).hex()
    foreign = lab.folder / "foreign.json"
    foreign.write_text(json.dumps(body, separators=(",", ":")) + "\n")
    assert ShardTask.read(foreign).fingerprint != ShardTask.read(file).fingerprint
    out = shards.count(foreign, lab.folder / "data.jsonl", 3, "foreign.sum")
    refused(shards, [*counted[:2], out], "another run", DataError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recipient", "00" * 32),
        ("recipient", "zz"),
        ("rows_key", ""),
        ("shards", 2),
        ("plan", "nonsense"),
        ("unknown", 1),
    ],
)
def test_a_damaged_question_is_refused(
    lab: Lab, shards: Shards, counted: list[Path], name: str, value: Any
) -> None:
    body = json.loads((lab.folder / "run" / "question-1.json").read_text())
    body["about"][name] = value
    (lab.folder / "damaged.json").write_text(json.dumps(body))
    with pytest.raises(DataError):
        shards.count(lab.folder / "damaged.json", lab.folder / "data.jsonl", 1, "none.sum")
    assert not (lab.folder / "none.sum").exists()


@pytest.mark.parametrize(("shard", "number"), [(0, NUMBER), (NUMBER + 1, NUMBER), (1, NUMBER + 1)])
def test_there_are_no_other_shards(lab: Lab, counted: list[Path], shard: int, number: int) -> None:
    with pytest.raises(UsageError, match="no shard"):
        count(
            lab.folder / "run" / "question-1.json",
            str(lab.folder / "data.jsonl"),
            shard,
            lab.folder / "none.sum",
            shards=number,
            models=(FakeEmbedder(), FakeClassifier()),
        )


class Remote(FakeEmbedder):
    endpoint = "remote_embedding"  # type: ignore[assignment]  # what no embedder of private texts may be


class Other(FakeEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.name = "other-embedder"


@pytest.mark.parametrize(("model", "kind"), [(Remote, PrivacyError), (Other, UsageError)])
def test_only_the_plan_s_embedder_reads_and_only_on_this_machine(
    lab: Lab, counted: list[Path], model: type[FakeEmbedder], kind: type[RpsgError]
) -> None:
    asked = (lab.folder / "run" / "question-1.json", str(lab.folder / "data.jsonl"), 1, lab.folder / "x.sum")
    with pytest.raises(kind):
        count(*asked, models=(model(), FakeClassifier()))
    assert not (lab.folder / "x.sum").exists()


def test_another_version_does_not_count(
    lab: Lab, shards: Shards, counted: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpsg.privacy.ledger.VERSION", "9.9.9")
    with pytest.raises(DataError, match="same version"):
        shards.count(lab.folder / "run" / "question-1.json", lab.folder / "data.jsonl", 1, "x.sum")
    refused(shards, counted, "has changed", DataError)  # the run itself asks something else now


def test_what_can_be_seen_of_a_shard_does_not_depend_on_its_people(
    lab: Lab, shards: Shards, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sizes, times, words, lines of progress and exit codes: for one person, for many, and for nobody."""
    waiting = shards.begin(shards.plan(data={"shards": 2, "divided_by": "site"}))
    seen = set()
    one = {"text": "tea", "user": "alone", "label": "food"}
    worlds: list[Rows] = [[one], lab.rows(700), lab.rows(90, people=2), [{**one, "text": "x " * 20_000}]]
    for rows in worlds:
        path = lab.file(rows, "data.jsonl")
        words = ["count", str(waiting.file), str(path), "--shard", "1/2", "-o", str(lab.folder / "a.sum")]
        code = rpsg.cli.main(words)
        said = capsys.readouterr()
        found = (lab.folder / "a.sum").stat()
        seen.add((code, said.out, said.err, found.st_size, found.st_mtime_ns, found.st_mode))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 0


def test_an_empty_shard_looks_like_any_other(
    lab: Lab, shards: Shards, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = shards.begin(shards.plan(data={"shards": 20}))
    path = lab.file(lab.rows(3))
    here = [in_shard(waiting.task.about.run_id, k, 20) for k in range(1, 21)]
    people = [Document(i, "text", user=f"person-{i}") for i in range(3)]
    holders = {k for k, is_mine in enumerate(here, 1) if any(map(is_mine, people))}
    empty = min(set(range(1, 21)) - holders)
    seen = set()
    for shard in (empty, min(holders)):
        words = ["count", str(waiting.file), str(path), "--shard", f"{shard}/20"]
        code = rpsg.cli.main([*words, "-o", str(lab.folder / "a.sum")])
        said = capsys.readouterr()
        out = " ".join(said.out.replace(f"shard {shard} ", "shard K ").split())  # columns are padded
        seen.add((code, out, said.err))
    assert len(seen) == 1


def test_exact_sums_are_nowhere_on_the_disk_in_the_clear(lab: Lab, shards: Shards) -> None:
    path = lab.file(lab.rows(200))
    files, waiting = shards.second(shards.plan(), path)
    files += shards.count_all(waiting, path)
    run = lab.folder / "run"
    key = open_vault(run).read(SHARDS_KEY)
    clear = []
    for file in files:
        number = 1 if "question-1" in file.name else 2
        task = ShardTask.read(run / f"question-{number}.json")
        clear += [open_private(s).values for s in opened_sums(file.read_bytes(), key, task.queries).sums]
    shards.merge(files[NUMBER:])
    long = [values for values in clear if len(values) > 10 and np.any(values)]
    assert long
    for place in [p for p in lab.folder.rglob("*") if p.is_file()]:
        content = place.read_bytes()
        assert key not in content, place
        for values in long:
            assert values.astype("<i8").tobytes() not in content, place
            assert ",".join(map(str, values.tolist())).encode() not in content, place


def test_one_person_changes_one_shard_by_no_more_than_the_rule_says(lab: Lab, shards: Shards) -> None:
    """Seen in the opened files: a neighbour's shard moves within the sensitivity, and no other one moves."""
    rows = lab.rows(120, people=40)
    plan = shards.plan(privacy={"max_records_per_user": 2})
    waiting = shards.begin(plan)
    key = open_vault(lab.folder / "run").read(SHARDS_KEY)
    queries = waiting.task.queries

    def sums(held: Rows) -> list[list[np.ndarray[Any, Any]]]:
        path = lab.file(held, "held.jsonl")
        opened = (opened_sums(f.read_bytes(), key, queries) for f in shards.count_all(waiting, path))
        return [[open_private(part).values for part in shard.sums] for shard in opened]

    whole = sums(rows)
    for gone in ("person-0", "person-17", "person-39"):
        fewer = sums([row for row in rows if row["user"] != gone])
        moved = [[a - b for a, b in zip(*both, strict=True)] for both in zip(whole, fewer, strict=True)]
        changed = [k for k, shard in enumerate(moved) if any(np.any(m) for m in shard)]
        assert len(changed) == 1
        for query, change in zip(queries, moved[changed[0]], strict=True):
            assert 0 < int(change @ change) <= query.sensitivity2("add_remove")
