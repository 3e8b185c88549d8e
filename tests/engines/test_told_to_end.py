"""A run on Ray that gets SIGTERM ends as one without Ray does, and continues with the same command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engines.nodes import slow_words, started
from tests.engines.test_ray import WORKERS

from rpsg.cli import main
from rpsg.disk.system import is_able

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab
    from tests.engines.nodes import Slow

pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(not is_able() or not Path("/proc").exists(), reason="reads Linux's tables"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
#: The command, in a process whose Ray stays on the loopback address, where the test's cluster is.
RPSG = """
import sys
from tests.engines.nodes import stay_on_loopback
from rpsg.cli import main
stay_on_loopback()
sys.exit(main(sys.argv[1:]))
"""
STOPPED = (130, "Stopped. Run the same command again to resume.\n")


def command(lab: Lab, *engine: str) -> list[str]:
    data = [str(lab.file(lab.rows(300))), "--user", "user", "--account", f"ward{engine}"]
    models = ["--writer", "slow", "--embedder", "fake", "--size", "6", "--domain", str(lab.pack)]
    out = ["-o", str(lab.folder / "run"), "--quiet"]
    start = [sys.executable, "-c", RPSG] if "--ray-address" in engine else [sys.executable, "-m", "rpsg"]
    return [*start, "run", *data, *models, *engine, *out]


def with_mark(mark: str) -> dict[int, str]:
    """The processes that were started with this mark in their environment, and their commands."""
    found = {}
    for process in (p.name for p in Path("/proc").iterdir() if p.name.isdigit()):
        try:
            if mark.encode() in Path(f"/proc/{process}/environ").read_bytes():
                found[int(process)] = Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def told_to_end(lab: Lab, line: list[str], when: Callable[[dict[int, str]], bool]) -> tuple[int, str]:
    """The exit code of the command, and what it prints, if SIGTERM comes as soon as ``when`` is true; it
    leaves no process and no temporary folder.
    """
    mark = f"{lab.folder.name}-{time.monotonic_ns()}"
    folders = set(Path("/tmp").glob("rpsg-ray-*"))
    env = {**os.environ, "THIS_TEST": mark}
    run = subprocess.Popen(line, env=env, stderr=-1, text=True)
    while not when(with_mark(mark)):
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=300)
    until = time.monotonic() + 60
    while left := with_mark(mark):
        assert time.monotonic() < until, left
        time.sleep(0.1)
    assert set(Path("/tmp").glob("rpsg-ray-*")) <= folders
    return run.returncode, said


def total(slow: Slow) -> int:
    return sum(map(len, slow.sent().values()))


@pytest.mark.parametrize("place", ["without Ray", "a cluster of its own", "a joined cluster"])
def test_a_run_that_is_told_to_end_while_it_writes_stops_and_continues(lab: Lab, place: str) -> None:
    with ExitStack() as stack:
        if place == "a joined cluster":
            nodes = stack.enter_context(started(WORKERS))
            slow, more = nodes.slow, ["--engine", "ray", "--ray-address", nodes.address]
        else:
            slow = stack.enter_context(slow_words())
            more = [] if place == "without Ray" else ["--engine", "ray", "--workers", str(WORKERS)]
        slow.act("work")
        line = command(lab, *more)
        assert told_to_end(lab, line, lambda _: total(slow) >= 25) == STOPPED
        done = subprocess.run(line, stderr=-1, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        keys = [key for keys in slow.sent().values() for key in keys]
        # What was on its way when the run ended: a batch of each worker, or one request of one process.
        assert len(keys) - len(set(keys)) <= (16 * WORKERS if more else 1)
    assert main(["verify", str(lab.folder / "run")]) == 0


@pytest.mark.parametrize("process", ["gcs_server", "raylet"])
def test_a_run_that_is_told_to_end_while_its_cluster_starts_stops_and_leaves_nothing(
    lab: Lab, process: str
) -> None:
    with slow_words() as slow:
        slow.act("work")
        line = command(lab, "--engine", "ray", "--workers", "1")

        def is_starting(processes: dict[int, str]) -> bool:
            return any(name.partition(" ")[0].endswith(process) for name in processes.values())

        assert told_to_end(lab, line, is_starting) == STOPPED
        assert total(slow) == 0
