"""What happens when workers are lost, on a stand-in for Ray; ``test_ray.py`` does it on a real cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.ray_in_one_process import OneProcess

from rpsg.engines import cluster
from rpsg.engines.models import RayWriter
from rpsg.errors import ModelError
from rpsg.models.fake import FakeWriter
from rpsg.plan import resolve
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from rpsg.protocols import Reply

REQUESTS = [Request((Message("user", f"Write {i}."),), max_tokens=8, seed=i) for i in range(70)]
WRITTEN = FakeWriter().write(REQUESTS)
WORKERS = 2


def write(ray: OneProcess, requests: list[Request] = REQUESTS) -> tuple[list[Reply], list[int]]:
    """The replies of two workers, and the indices in the order in which they were told."""
    engine: dict[str, Any] = {"kind": "ray", "address": "127.0.0.1:1", "workers": WORKERS}
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ray", ray)
        patch.setattr(cluster, "own_nodes", [])  # whatever a test on a real cluster has left there
        writer = RayWriter(resolve({"models": {"writer": "fake"}, "engine": engine}))
        return writer.write(requests, lambda index, _: told.append(index)), told


def test_both_workers_write_and_each_request_is_sent_once() -> None:
    ray = OneProcess()
    replies, told = write(ray)
    assert replies == WRITTEN
    assert sorted(told) == list(range(len(REQUESTS)))
    assert [len(actor.items) > 0 for actor in ray.actors] == [True] * WORKERS
    assert sum(len(actor.items) for actor in ray.actors) == len(REQUESTS)


@pytest.mark.parametrize("count", [1, 2, 17, 33, 48, 70])
def test_both_workers_get_as_many_requests(count: int) -> None:
    """48 requests in batches of 16 would take as long as 64."""
    ray = OneProcess()
    write(ray, REQUESTS[:count])
    least, most = sorted(len(actor.items) for actor in ray.actors)
    assert most - least <= 4, "one for each batch"


# The first answer of a worker is the name of its model; a batch of these requests has 16 or fewer.
@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=4))
def test_what_lost_workers_had_not_answered_is_sent_to_others_and_nothing_else(lives: list[int]) -> None:
    ray = OneProcess(list(lives))
    replies, told = write(ray)
    assert replies == WRITTEN
    assert sorted(told) == list(range(len(REQUESTS))), "each reply is told once"
    sent = [request for actor in ray.actors for request in actor.items]
    lost = [actor for actor in ray.actors if not actor.alive]
    assert len(REQUESTS) <= len(sent) <= len(REQUESTS) + 16 * len(lost)
    assert len(ray.actors) == WORKERS + len(lost), "each lost worker is replaced"


def test_workers_that_are_lost_without_an_answer_end_the_run() -> None:
    with pytest.raises(ModelError, match="keep failing"):
        write(OneProcess([0] * 100))


def test_a_worker_that_is_lost_now_and_then_is_no_reason_to_stop() -> None:
    replies, _ = write(OneProcess([2] * 60))
    assert replies == WRITTEN


def test_a_cluster_that_is_gone_is_an_error_of_ours() -> None:
    with pytest.raises(ModelError, match="no longer answers"):
        write(OneProcess(lost=True))


def test_the_others_stop_if_one_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way would be paid for nobody."""
    ray = OneProcess()

    def fail(*_: object) -> None:
        raise ValueError("a private word")

    monkeypatch.setattr(FakeWriter, "write", fail)
    with pytest.raises(ModelError, match="On a Ray worker: A model failed") as found:
        write(ray)
    assert "private word" not in str(found.value)
    assert not any(actor.alive for actor in ray.actors if actor.items)
