"""What was paid for is kept: a process killed twenty times loses at most what was under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.models.openai.faulty import FaultyServer
from tests.processes import started

from rpsg.protocols import Message, Request
from rpsg.storage.call_store import CallStore

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

# Many more than twenty times EACH: a kill that comes late takes some of the next milestone with it.
AT_ONCE, ALL, EACH = 16, 2400, 60
RUN = f"""
import sys
from pathlib import Path
from rpsg.models.openai.writer import ServerWriter
from rpsg.plan import ServerSection
from rpsg.protocols import Message, Request
from rpsg.storage.call_store import CallStore
from rpsg.storage.cached_writer import CachedWriter

requests = [Request((Message("user", "Write."),), max_tokens=9, seed=seed) for seed in range({ALL})]
writer = ServerWriter("m", ServerSection(base_url=sys.argv[1], concurrency={AT_ONCE}))
with CallStore(Path(sys.argv[2])) as store:
    CachedWriter(writer, store).write(requests)
"""


def start(server: FaultyServer, store: Path) -> ForkServerProcess:
    return started(RUN, server.url, str(store), said=store.with_name("said"))


def request(seed: int) -> Request:
    return Request((Message("user", "Write."),), max_tokens=9, seed=seed)


@pytest.mark.slow
def test_after_twenty_kills_the_bill_exceeds_the_store_by_no_more_than_was_under_way(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with FaultyServer(latency=0.01) as server:
        for time in range(20):
            server.reached.clear()
            server.milestone = (time + 1) * EACH
            process = start(server, path)
            assert server.reached.wait(60)
            process.kill()
            process.join()
        last = start(server, path)
        last.join(120)
        assert last.exitcode == 0
        name = "openai:m@127.0.0.1"  # a server of this machine may come back at another port
    with CallStore(path) as store:
        stored = store.get_many([store.key_of(name, request(seed)) for seed in range(ALL)])
    assert len(stored) == ALL
    assert server.answered.total() - ALL <= 20 * AT_ONCE
    assert set(server.answered) == set(range(ALL))
