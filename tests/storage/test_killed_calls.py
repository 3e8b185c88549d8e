"""kill -9 in the middle of a batch: the bill is right, and the limit holds."""

from __future__ import annotations

import random
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.processes import exit_code
from tests.storage.shop import Shop

from rpsg.storage.call_store import CallStore

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.storage.call_tables import Used

SCRIPT = r"""
import os, queue, signal, sys, threading
from pathlib import Path
from tests.storage.shop import Shop, ask
from rpsg.plan import LimitsSection
from rpsg.protocols import Reply
from rpsg.storage.call_store import CallStore, request_key
from rpsg.storage.limits import Meter
from rpsg.storage.cached_writer import CachedWriter

folder, die_after, cap = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
log = os.open(folder / "answered", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
left = threading.Semaphore(die_after)


class Slots(Shop):
    '''Four slots answer at the same time; one line in the log is one request that is charged for.'''

    def write(self, requests, on_reply=None):
        waiting, landed = queue.SimpleQueue(), queue.SimpleQueue()
        for index in range(len(requests)):
            waiting.put(index)
        threads = [threading.Thread(target=self.slot, args=(requests, waiting, landed), daemon=True)
                   for _ in range(self.at_once)]
        for thread in threads:
            thread.start()
        replies = {}
        for _ in requests:
            index, reply, taken = landed.get()
            replies[index] = reply
            on_reply(index, reply)
            taken.set()
        return [replies[index] for index in range(len(requests))]

    def slot(self, requests, waiting, landed):
        free = threading.Event()
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            free.wait(0.002)
            if not left.acquire(blocking=False):
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(log, f"{requests[index].seed}\n".encode())
            taken = threading.Event()
            landed.put((index, Reply("text", "stop", 40, 20), taken))
            taken.wait()  # one reply a slot is on the way, or not yet written down


with CallStore(folder / "calls.sqlite") as store:
    meter = Meter(LimitsSection(tokens=cap), [store])
    CachedWriter(Slots(), store, meter=meter).write([ask(n) for n in range(150)])
"""


def run_until_it_is_killed(folder: Path, die_after: int, cap: int) -> int:
    return exit_code(SCRIPT, str(folder), str(die_after), str(cap), said=folder / "said")


def answered(folder: Path) -> list[str]:
    return (folder / "answered").read_text().split()


def bill(folder: Path) -> Used:
    with CallStore(folder / "calls.sqlite") as store:
        return store.used()


@pytest.mark.slow
def test_after_kill_9_twenty_times_the_bill_is_right_and_the_limit_holds(tmp_path: Path) -> None:
    draw = random.Random(5)  # the sizes of pieces, in a test
    for kills in range(1, 21):
        assert run_until_it_is_killed(tmp_path, draw.randrange(1, 7), 10**6) == -signal.SIGKILL
        used, sold = bill(tmp_path), len(answered(tmp_path))
        assert used.requests <= sold <= used.requests + Shop.at_once * kills
        assert sold <= used.requests + used.lost
        assert used.prompt_tokens + used.completion_tokens == 60 * used.requests
        assert 60 * sold <= 60 * used.requests + used.unsure_prompt + used.unsure_completion
    cap = 60 * used.requests + used.unsure_prompt + used.unsure_completion + 2000
    assert run_until_it_is_killed(tmp_path, 1000, cap) == 1  # the limit
    assert sold < len(answered(tmp_path)) < 150
    assert 60 * len(answered(tmp_path)) <= cap
    assert run_until_it_is_killed(tmp_path, 1000, 10**6) == 0
    assert bill(tmp_path).requests == 150
    again = Counter(answered(tmp_path))
    assert set(again) == {str(n) for n in range(150)}
    assert sum(again.values()) - 150 <= Shop.at_once * 20


def test_the_store_of_a_killed_run_opens_only_for_its_owner(tmp_path: Path) -> None:
    assert run_until_it_is_killed(tmp_path, 3, 10**6) == -signal.SIGKILL
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("calls.sqlite*")} == {0o600}
