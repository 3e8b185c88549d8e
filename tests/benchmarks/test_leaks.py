"""The leak check finds what is there, on a run whose stages are known."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.stages.leak_guard import identities

if TYPE_CHECKING:
    from tests.conftest import Lab

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "leaks.py"


@pytest.fixture(scope="module")
def leaks() -> Any:
    spec = importlib.util.spec_from_file_location("leaks_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SEEDS = {
    0: "my name is Freddie and I bought two bags of salted almonds in the shop by the river",
    1: "these biscuits were stale and the dog of my sister would not even look at them",
}


def test_copies_and_names_of_one_s_own_seed_are_counted_apart_from_chance(leaks: Any) -> None:
    known = dict(zip(SEEDS, identities(list(SEEDS.values())), strict=True))
    pairs = [(0, SEEDS[0]), (0, "A man called Freddie likes nuts."), (1, SEEDS[0]), (1, "Stale biscuits.")]
    figures = leaks.shares(pairs, SEEDS, known)
    assert figures == {
        "texts": 4,
        "words": 0.25,
        "words_of_another": 0.25,
        "names": 0.5,
        "names_of_another": 0.25,
    }


def test_a_part_of_a_name_and_a_number_with_other_marks_are_counted(leaks: Any) -> None:
    seeds = {0: "My name is Marek Zelinka, call 555-123-4567.", 1: SEEDS[1]}
    known = dict(zip(seeds, identities(list(seeds.values())), strict=True))
    pairs = [(0, "Marek called."), (0, "Mr Zelinka called."), (0, "Call 5551234567."), (0, "Nuts.")]
    assert leaks.shares(pairs, seeds, known)["names"] == 0.75


def test_a_whole_run_is_measured_stage_by_stage(
    leaks: Any, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}))
    leaks.main([str(run.path), "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert next(iter(figures)) == "summaries, before the guard"
    assert figures["after the filters"]["texts"] == len(run.texts)
    assert figures["summaries, after the guard"]["words"] == 0
    leaks.main([str(run.path)])
    assert "| after the scrub | 20 |" in capsys.readouterr().out


def test_a_folder_without_stages_is_told(leaks: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="finished run"):
        leaks.main([str(tmp_path)])
