"""The benchmark of real runs attacks what the runs of this program leave."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import api
from rpsg.audit.run import audit_subject, find_attacks
from rpsg.protocols import Message, Request
from rpsg.testing.planted import subject, texts

if TYPE_CHECKING:
    from tests.conftest import Lab

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import audit_runs

    return audit_runs


def test_a_paper_run_is_attacked_with_the_texts_that_its_filters_dropped(runs: Any, lab: Lab) -> None:
    file = lab.file(lab.rows(200))
    plan = lab.plan(file, method={"name": "paper"}, data={"audit_holdout": 0.5}, paper={"filters": "early"})
    run = lab.run(plan)
    found, sides = runs.texts_after("scrub", run.path, file)
    assert set(run.texts) < set(found)
    assert set(sides["member_units"]).isdisjoint(sides["nonmember_units"])
    rows = {row["user"] for row in lab.rows(200)}
    assert set(sides["member_units"]) | set(sides["nonmember_units"]) == rows


def test_what_was_made_is_attacked_and_the_published_figures_are_beside_it(
    runs: Any, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    rows = lab.rows(200)
    made.joinpath("few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = lab.plan(lab.file(rows), method={"name": "paper"}, data={"audit_holdout": 0.5})
    shutil.move(lab.run(plan).path, made / "paper")
    made.joinpath("paper.json").write_text('{"command": "rpsg run", "exit code": 0}')
    monkeypatch.setattr(runs, "audit", partial(runs.audit, attacks=["copies"]))
    monkeypatch.setattr(runs, "audit_run", partial(runs.audit_run, attacks=["copies", "refer"]))
    found = runs.attack(made, None, ())
    assert set(found) == {"paper", "paper, after its first rewrite", "paper, before its filters"}
    assert found["paper, before its filters"]["synthetic"] >= found["paper"]["synthetic"]
    for row in found.values():
        assert set(row["published"]) == {"PPL", "REFER", "LiRA", "extraction"}
        assert row["exit code"] == 0


def test_the_outcome_of_an_audit_run_is_read_from_what_it_leaves(runs: Any, tmp_path: Path) -> None:
    kept = tmp_path / "audit.json"
    report = audit_subject(subject(size=200), find_attacks(["near-copies"]))
    kept.write_text(report.to_json())
    found, same = runs.of_file(kept), runs.told(report)
    assert {name: found[name] for name in ("verdict", "members", "held out", "synthetic")} == {
        name: same[name] for name in ("verdict", "members", "held out", "synthetic")
    }
    assert found["attacks"]["near-copies"]["guesses"] == same["attacks"]["near-copies"]["guesses"]


def test_public_and_private_posts_are_of_different_people(runs: Any, tmp_path: Path) -> None:
    rows = [{"personality": {"age": i // 3}, "response": f"post {i}"} for i in range(60)]
    posts = tmp_path / "all.jsonl"
    posts.write_text("\n".join(map(json.dumps, rows)))
    runs.prepare(tmp_path, posts)
    sides = [
        [int(json.loads(line)["text"].split()[1]) // 3 for line in (tmp_path / file).read_text().splitlines()]
        for file in ("posts.jsonl", "public.jsonl")
    ]
    assert set(sides[0]).isdisjoint(sides[1])
    assert len(set(sides[1])) == runs.PUBLIC
    assert len(sides[0]) + len(sides[1]) == 60


def test_drafts_that_are_there_already_are_given_whatever_is_asked(runs: Any) -> None:
    seen: list[int] = []
    writer = runs.Written("before", ["one", "two", "three"])
    asked = [Request((Message("user", "a prompt"),), max_tokens=5, seed=i) for i in range(2)]
    first = writer.write(asked, lambda place, _: seen.append(place))
    assert [reply.text for reply in [*first, *writer.write(asked)]] == ["one", "two", "three", "one"]
    assert seen == [0, 1]


def test_the_runs_of_a_comparison_are_attacked_with_the_texts_that_it_held_out(
    runs: Any, lab: Lab, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, seed in (("people.jsonl", 1), ("held-out.jsonl", 2)):
        rows = texts(100, seed)
        data.joinpath(name).write_text(
            "\n".join(json.dumps({"text": row, "user": f"{name} {i}"}) for i, row in enumerate(rows))
        )
    plan = lab.plan(data / "people.jsonl", privacy={"epsilon": 8.0})
    api.run(plan, tmp_path / "cells" / "strict-s0-0123456789" / "run")
    found = runs.compared(tmp_path)
    assert list(found) == ["strict-s0"]
    assert (found["strict-s0"]["members"], found["strict-s0"]["held out"]) == (100, 100)
    assert found["strict-s0"]["epsilon"] == 8.0
