"""A comparison runs cell by cell, each with the people and the account it should have; what fails is told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.cells import Counting, cell_of, paper_settings, run, with_writer
from tests.compare.conftest import small, written

from rpsg.compare.calls import SharedCalls, run_folder
from rpsg.compare.cells import cells_of
from rpsg.compare.matrix import read_matrix
from rpsg.compare.outcome import read_comparison
from rpsg.compare.runner import compare
from rpsg.errors import DataError, MissingExtraError, PrivacyError, RunError
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.verification.verify import verify
from rpsg.privacy.odometer import Odometer
from rpsg.storage.layout import COMPARISON
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.conftest import Lab

    from rpsg.compare.matrix import Matrix
    from rpsg.protocols import OnReply, Reply, Request


def test_every_cell_is_run_and_measured_and_its_run_can_be_verified(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    wanted = matrix(methods=["strict", "paper"], settings=paper_settings(lab))
    found = run(wanted, lab)
    assert [(c.key.method, c.state) for c in found.cells] == [
        ("floor", "done"),
        ("strict", "done"),
        ("paper", "done"),
        ("ceiling", "done"),
    ]
    strict = cell_of(found, "strict")
    assert strict.value("fid") is not None
    assert strict.tokens is not None
    assert strict.seconds is not None
    assert strict.made["claim"]["epsilon"] <= 4.0
    assert cell_of(found, "ceiling").value("fid") < strict.value("fid")  # type: ignore[operator]  # both are there
    cells = {cell.key.method: cell for cell in cells_of(wanted)}
    for method in ("floor", "strict", "paper"):
        assert verify(run_folder(lab.folder / "out", cells[method])).ok


def test_what_was_written_down_reads_back_as_it_was(matrix: Callable[..., Matrix], lab: Lab) -> None:
    found = run(matrix(epsilon=[4, float("inf")]), lab)
    assert read_comparison(lab.folder / "out" / COMPARISON) == found
    assert cell_of(found, "strict", epsilon=float("inf")).state == "not supported"
    with pytest.raises(RunError, match="not the result of a comparison"):
        read_comparison(lab.file([{"a": 1}], "other.json"))


class Talking(FakeWriter):
    """A fake that fails after eight requests, once, with an error that quotes a private text."""

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        if 8 <= len(self.requests) < 50:
            self.requests *= 10
            raise ValueError("Mrs. Smith of Elm Street told me")
        return super().write(requests, on_reply)


def test_a_cell_that_fails_is_told_without_the_words_of_its_error_and_the_others_run(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    with plugged("writers", with_writer(Talking(name="counting"))):
        found = run(matrix(methods=["floor", "strict"], writers=["counting"]), lab)
    failed = cell_of(found, "floor")
    assert failed.state == "failed"
    assert "failed in write (ValueError in" in failed.reason
    assert "Smith" not in (lab.folder / "out" / COMPARISON).read_text()
    assert cell_of(found, "strict").state == "done"


def test_too_few_people_for_a_cell_are_its_reason(matrix: Callable[..., Matrix], lab: Lab) -> None:
    found = run(matrix(people=[150, 9000]), lab)
    assert cell_of(found, "strict", people=150).state == "done"
    assert "fewer than 9,000 people" in cell_of(found, "strict", people=9000).reason


def test_replies_to_public_prompts_are_shared_and_count_in_each_cell_as_if_it_were_alone(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    writer = Counting()
    votes = {"name": "votes", "settings": {"method": {"name": "strict", "select": "votes"}}}
    with plugged("writers", with_writer(writer)):
        found = run(matrix(writers=["counting"], methods=["floor", "strict", votes]), lab)
        asked = [cell.made["cost"]["requests"] for cell in found.cells if cell.made]
        assert len(writer.requests) < sum(asked), "nothing was shared"
        alone = compare(matrix(writers=["counting"], methods=["floor"]), lab.folder / "alone", apart=False)
    assert cell_of(alone, "floor").made["cost"] == cell_of(found, "floor").made["cost"]


def test_replies_to_prompts_with_private_text_are_not_shared(matrix: Callable[..., Matrix], lab: Lab) -> None:
    writer = Counting()
    with plugged("writers", with_writer(writer)):
        wanted = matrix(writers=["counting"], methods=["paper"], settings=paper_settings(lab), seeds=[0])
        run(wanted, lab)
        private = [request for request in writer.requests if request.private]
        assert private
        cells = cells_of(wanted)
        shared = SharedCalls(lab.folder / "out", wanted.limits, cells)
        plan = next(cell.plan for cell in cells if cell.key.method == "paper")
        assert plan is not None
        with shared.open(plan) as store:
            keys = [store.key_of("counting", request) for request in private]
            assert store.get_many(keys) == {}
            public = [r for r in writer.requests if not r.private]
            assert len(store.get_many([store.key_of("counting", r) for r in public])) > 0


def test_private_texts_are_not_read_without_the_word_and_the_sum_is_told(lab: Lab) -> None:
    settings = small(lab, epsilon=[1, 2])
    settings["data"][0]["public"] = False
    wanted = read_matrix(written(lab.folder / "c.toml", settings))
    with pytest.raises(PrivacyError) as caught:
        run(wanted, lab)
    assert "Those that use noisy answers (2) cost epsilon 2." in caught.value.message
    assert "--spend" in caught.value.hint
    assert not (lab.folder / "out").exists()
    assert not Odometer.is_there()


def test_with_the_word_all_cells_are_charged_to_the_one_account_of_the_people(lab: Lab) -> None:
    settings = small(lab, epsilon=[1, 2])
    settings["data"][0] |= {"public": False, "settings": {"data": {"user": "user", "account": "patients"}}}
    found = run(read_matrix(written(lab.folder / "c.toml", settings)), lab, spend=True)
    assert found.internal
    total = Odometer().statement("patients").totals
    assert len(total) == 1
    assert 2.0 < total[0].epsilon < 3.0
    assert Odometer().names() == ["patients"]


def test_public_texts_charge_no_account_of_the_user(matrix: Callable[..., Matrix], lab: Lab) -> None:
    run(matrix(epsilon=[1, 20]), lab)
    assert all(name.startswith("comparison ") and ": " in name for name in Odometer().names())


def test_all_methods_of_a_seed_have_the_same_people_and_none_of_those_held_out(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    run(matrix(people=[100, 150], seeds=[0, 1]), lab)
    parts = {}
    for file in (lab.folder / "out" / "data").rglob("*.jsonl"):
        rows = [json.loads(line)["user"] for line in file.read_text().splitlines()]
        parts[file.parent.name, file.stem] = rows
        assert file.stat().st_mode & 0o077 == 0
    for seed in ("seed-0", "seed-1"):
        few, many = parts[seed, "people-100"], parts[seed, "people-150"]
        assert few == many[:100]
        assert len(set(many)) == 150
        assert len(parts[seed, "held-out"]) == 40
        assert not set(many) & set(parts[seed, "held-out"])
    assert parts["seed-0", "held-out"] != parts["seed-1", "held-out"]


def test_a_comparison_without_any_file_says_how_to_give_one(lab: Lab) -> None:
    settings = small(lab)
    del settings["data"][0]["path"]
    with pytest.raises(DataError) as caught:
        run(read_matrix(written(lab.folder / "c.toml", settings)), lab)
    assert "--data invented=FILE" in caught.value.hint


def test_runs_that_hold_people_out_are_attacked(matrix: Callable[..., Matrix], lab: Lab) -> None:
    audit = {"holdout": 0.5, "attacks": ["near-copies", "refer"]}
    rows = lab.file(lab.rows(500), "many.jsonl")
    data = {"name": "many", "path": str(rows), "public": True, "held_out": 40}
    found = run(matrix(data=[data], people=[400], audit=audit, epsilon=[2]), lab)
    strict = cell_of(found, "strict")
    assert strict.figures is not None
    found_out = strict.figures["audit"]
    assert 0.3 < found_out["attacks"]["refer"]["auc"] < 0.7
    # So few texts are too few for an audit that counts, and one that does not has a reason and no bound.
    assert found_out["verdict"] == "not run"
    # One audit in twenty finds by chance that too many of the people held out were named.
    assert re.search("No attack would have detected|than chance explains", found_out["reason"])
    assert found_out["epsilon_lower"] is None
    floor = cell_of(found, "floor")
    assert floor.figures is not None
    assert "none can have leaked" in floor.figures["audit"]["reason"]


def test_too_few_people_to_hold_out_are_told_without_their_number(lab: Lab) -> None:
    settings = small(lab)
    settings["data"][0]["held_out"] = 199
    with pytest.raises(DataError) as caught:
        run(read_matrix(written(lab.folder / "c.toml", settings)), lab)
    assert "too few people to hold 199 of them out" in caught.value.message
    assert "200" not in caught.value.message


def test_a_package_that_is_missing_is_the_reason_with_the_command_that_brings_it(
    matrix: Callable[..., Matrix], lab: Lab
) -> None:
    def absent(*_args: Any, **_more: Any) -> FakeWriter:
        raise MissingExtraError("hf", "torch")

    with plugged("writers", {"absent": absent}):
        found = run(matrix(writers=["absent"]), lab)
    assert cell_of(found, "strict").state == "failed"
    assert "pip install 'rpsg[hf]'" in cell_of(found, "strict").reason
    assert cell_of(found, "ceiling").state == "done"
