"""Shared replies: what they cost the cell that uses them, and what the whole comparison has really sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.compare.calls import SharedCalls, seconds_of_shared
from rpsg.compare.cells import cells_of
from rpsg.errors import LimitError
from rpsg.models.fake import FakeWriter
from rpsg.plan import LimitsSection, Plan
from rpsg.protocols import Message, Request
from rpsg.storage.cached_writer import CachedWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rpsg.compare.matrix import Matrix
    from rpsg.storage.call_store import CallStore


def request(number: int) -> Request:
    return Request((Message("user", f"write number {number}"),), max_tokens=40, seed=number)


def ticks(*times: float) -> Callable[[], float]:
    """A clock that shows these times, one after another."""
    shown: Iterator[float] = iter(times)
    return lambda: next(shown)


def shared_in(out: Path, limits: LimitsSection | None = None) -> SharedCalls:
    return SharedCalls(out, limits or LimitsSection(), [])


def write(store: CallStore, cell: str, numbers: list[int], clock: Callable[[], float]) -> set[str]:
    """What a cell asked of the shared replies: the keys."""
    writer = CachedWriter(FakeWriter(), store, stage=lambda: cell, clock=clock)
    writer.write([request(number) for number in numbers])
    return writer.asked


def test_a_shared_reply_takes_its_share_of_the_batch_it_was_written_in(tmp_path: Path) -> None:
    shared, plan = shared_in(tmp_path), Plan()
    with shared.open(plan) as store:
        first = write(store, "first", [1, 2], ticks(0.0, 3.0, 4.0))
        second = write(store, "second", [2, 3], ticks(10.0, 15.0))
    assert seconds_of_shared(shared.file(plan), first, "first") == 0.0
    assert seconds_of_shared(shared.file(plan), second, "second") == 2.0
    assert seconds_of_shared(shared.file(plan), second, "third") == 2.0 + 5.0


def test_writers_have_stores_of_their_own(tmp_path: Path) -> None:
    shared = shared_in(tmp_path)
    names = ["gemma-3-270m", "smollm2-135m", "openai:MODEL", "../../elsewhere.gguf"]
    plans = [Plan.model_validate({"models": {"writer": name}}) for name in names]
    plans.append(
        Plan.model_validate({"models": {"writer": "openai:MODEL"}, "server": {"base_url": "http://x/v1"}})
    )
    files = {shared.file(plan) for plan in plans}
    assert len(files) == 5
    assert {file.parent for file in files} == {tmp_path / "calls"}


def test_what_was_sent_is_added_up_over_all_stores_and_taken_off_the_limit(
    matrix: Callable[..., Matrix], tmp_path: Path
) -> None:
    cells = cells_of(matrix(methods=["floor"], writers=["fake", "smollm2-135m"]))
    shared = SharedCalls(tmp_path, LimitsSection(requests=10), cells)
    plans = [cell.plan for cell in cells if cell.plan is not None]
    assert len(plans) == 2
    for plan, numbers in zip(plans, ([1, 2, 3], [4, 5]), strict=True):
        with shared.open(plan) as store:
            write(store, "a cell", numbers, ticks(*map(float, range(9))))
    assert shared.spent().requests == 5
    assert shared.spent(but_in=shared.file(plans[0])).requests == 2
    assert shared.left(shared.spent()).requests == 5
    with pytest.raises(LimitError, match="limit of 10 \\(requests\\), of which 10 are used") as caught:
        shared.left(shared.spent() + shared.spent())
    assert "--max-requests 20" in caught.value.hint
