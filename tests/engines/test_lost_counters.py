"""Workers and nodes of a real cluster that are lost while they read private texts; nothing is spent twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engines.nodes import PRIVATE, started
from tests.engines.test_ray import check, corpus, run_in

from rpsg.pipeline.shards import on_ray
from rpsg.privacy.odometer import Odometer
from rpsg.testing.lab import Lab
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.nodes import Nodes

    from rpsg.plan import Plan
    from rpsg.release.run import Run

pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
WORKERS, SHARDS = 3, 6
#: A run in a process of its own.
DRIVER = """
import sys
from pathlib import Path
from tests.engines.nodes import stay_on_loopback
from tests.engines.test_lost_counters import counted_in
from rpsg.plan import Plan
stay_on_loopback()
counted_in(Path(sys.argv[1]), Plan.model_validate_json(Path(sys.argv[2]).read_text()))
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with started(WORKERS) as found:
        yield found


def plan_of(lab: Lab, nodes: Nodes | None) -> Plan:
    rows = [{**row, "text": f"{row['text']} {PRIVATE}"} for row in lab.rows(300)]
    models = dict.fromkeys(("writer", "embedder", "sentiment"), "slow")
    data = {"account": "ward"}
    if nodes is None:
        return lab.plan(lab.file(rows), models=models, data=data)
    engine = {"kind": "ray", "address": nodes.address, "workers": WORKERS, "reads_private": True}
    return lab.plan(lab.file(rows), models=models, data={**data, "shards": SHARDS}, engine=engine)


def counted_in(folder: Path, plan: Plan) -> Run:
    return on_ray.run(plan, folder, noise=FixedNoise())


def charges() -> list[tuple[object, ...]]:
    """What the account was charged, without the names of runs and draws; nothing may be reserved any more."""
    book = Odometer()
    assert book.statement("ward").waiting == ()
    with book.book.transaction() as rows:
        found = rows.execute("SELECT * FROM charge").fetchall()
        names = [column[1] for column in rows.execute("PRAGMA table_info(charge)")]
    kept = [place for place, name in enumerate(names) if name not in {"account", "draw", "run_id"}]
    return sorted(tuple(row[place] for place in kept) for row in found)


@pytest.fixture(scope="module")
def local(
    nodes: Nodes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, bytes], object]]:
    """The corpus of the same plan without Ray, and its charges."""
    nodes.slow.act("work")
    lab = Lab(tmp_path_factory.mktemp("local"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RPSG_HOME", str(lab.folder / "home"))
        run = run_in(lab.folder / "run", plan_of(lab, None))
        yield corpus(run), charges()


def check_all(run: Run, nodes: Nodes, local: tuple[dict[str, bytes], object]) -> None:
    """As for a run of which nothing was lost; the account was charged once for each answer."""
    check(run, nodes, local[0])
    assert charges() == local[1]
    assert len(charges()) == len(list(run.release.glob("evidence/release-*.json")))


@pytest.mark.parametrize("does", ["embeds", "annotates"])
def test_a_worker_that_is_killed_while_it_reads_is_replaced(
    lab: Lab, nodes: Nodes, local: tuple[dict[str, bytes], object], does: str
) -> None:
    nodes.slow.act(f"die while it {does}")
    run = counted_in(lab.folder / "run", plan_of(lab, nodes))
    [lost] = nodes.slow.reading()
    assert lost != os.getpid(), "it was a worker's process"
    with suppress(ProcessLookupError):
        os.kill(lost, 0)
        pytest.fail("the process was killed")
    check_all(run, nodes, local)


def test_a_run_that_is_killed_while_workers_read_continues_and_pays_once(
    lab: Lab, nodes: Nodes, local: tuple[dict[str, bytes], object]
) -> None:
    nodes.slow.act("crawl")
    plan, file = plan_of(lab, nodes), lab.folder / "plan.json"
    file.write_text(plan.model_dump_json())
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(lab.folder / "run"), str(file)])
    until = time.monotonic() + 120
    while not nodes.slow.reading():
        assert driver.poll() is None
        assert time.monotonic() < until, "nobody reads"
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    nodes.slow.work()
    check_all(counted_in(lab.folder / "run", plan), nodes, local)


def test_a_node_that_is_lost_while_it_reads_leaves_its_shards_to_the_others(
    lab: Lab, nodes: Nodes, local: tuple[dict[str, bytes], object]
) -> None:
    """The last test with this cluster, which is smaller afterwards."""
    nodes.slow.act("crawl")
    killed: set[int] = set()

    def lose() -> None:
        node = next(iter(nodes.cluster.worker_nodes))
        raylet = node.all_processes["raylet"][0].process.pid
        until = time.monotonic() + 120
        while not (found := {p for p in nodes.slow.reading() if is_child(p, raylet)}):
            assert time.monotonic() < until, "nobody reads on that node"
            time.sleep(0.02)
        nodes.cluster.remove_node(node, allow_graceful=False)
        killed.update(found)
        nodes.slow.work()

    loser = threading.Thread(target=lose)
    loser.start()
    run = counted_in(lab.folder / "run", plan_of(lab, nodes))
    loser.join()
    assert killed, "the node was lost while it read"
    assert len(nodes.cluster.list_all_nodes()) == WORKERS - 1
    check_all(run, nodes, local)


def is_child(process: int, parent: int) -> bool:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]) == parent
    except OSError:
        return False
