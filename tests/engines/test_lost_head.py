"""A run whose cluster loses its head node ends, and continues on another cluster."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.engines.nodes import started
from tests.engines.test_ray import DRIVER, WORKERS, corpus, plan_of, run_in, sent

from rpsg.cli import main

if TYPE_CHECKING:
    from tests.conftest import Lab

pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_run_whose_head_node_is_lost_goes_on_with_another_cluster(lab: Lab) -> None:
    out, file = lab.folder / "run", lab.folder / "plan.json"
    with started(WORKERS) as first:
        first.slow.act("work")
        local = corpus(run_in(lab.folder / "local", plan_of(lab, None)))
        first.slow.act("work")
        file.write_text(plan_of(lab, first).model_dump_json())
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(out), str(file)])
        while sent(first).total() < 25:
            assert driver.poll() is None
            time.sleep(0.02)
        first.slow.crawl()
        first.cluster.remove_node(first.cluster.head_node, allow_graceful=False)
        assert driver.wait(timeout=300) != 0
        answered = sent(first)
    with started(WORKERS) as second:
        second.slow.act("work")
        run = run_in(out, plan_of(lab, second))
        again = answered.keys() & sent(second).keys()
    # Workers write on until they notice: at most the batch that each was given.
    assert len(again) <= 16 * WORKERS
    assert corpus(run) == local
    assert main(["verify", str(run.release)]) == 0
