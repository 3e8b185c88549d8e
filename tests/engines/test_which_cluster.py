"""A plan is run on the cluster that it names, whatever the process is connected to."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines.nodes import started
from tests.engines.ray_in_one_process import OneProcess

from rpsg.engines import cluster
from rpsg.engines.models import RayWriter
from rpsg.errors import UsageError
from rpsg.plan import resolve
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from tests.conftest import Lab

REQUESTS = [Request((Message("user", "tea"),), max_tokens=8, seed=1)]


def write(address: str) -> int:
    """How many texts are written by a plan with this address."""
    engine = {"kind": "ray", "address": address, "workers": 1}
    return len(RayWriter(resolve({"models": {"writer": "fake"}, "engine": engine})).write(REQUESTS))


@pytest.mark.parametrize(
    ("connected", "named", "is_same"),
    [
        ("192.0.2.7:6379", "192.0.2.7:6379", True),
        ("192.0.2.7:6379", "127.0.0.1:6379", True),  # the address of this machine, by two names
        ("127.0.0.1:6379", "192.0.2.7:6379", True),
        ("[::1]:6379", "localhost:6379", True),
        ("192.0.2.7:6379", "192.0.2.7:6380", False),
        ("192.0.2.8:6379", "192.0.2.7:6379", False),
        ("192.0.2.8:6379", "127.0.0.1:6379", False),
        ("192.0.2.8:6379", "", False),  # a cluster that the run starts itself
        ("192.0.2.8:6379", "no-such-host.invalid:6379", False),
        ("", "192.0.2.8:6379", False),
    ],
)
def test_a_connection_is_used_only_for_a_plan_that_names_its_cluster(
    monkeypatch: pytest.MonkeyPatch, connected: str, named: str, is_same: bool
) -> None:
    ray = OneProcess(gcs_address=connected)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(cluster, "own_nodes", [])
    if is_same:
        assert write(named) == 1
        return
    with pytest.raises(UsageError, match="not the one in the plan"):
        write(named)
    assert ray.actors == [], "nothing was sent"


@pytest.mark.parametrize("named", ["auto", "127.0.0.1:1"])
def test_a_cluster_that_an_earlier_run_started_is_for_plans_without_an_address(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", OneProcess())
    monkeypatch.setattr(cluster, "own_nodes", ["a node"])
    assert write("") == 1
    with pytest.raises(UsageError, match="not the one in the plan"):
        write(named)


def test_a_connection_that_does_not_say_where_it_leads_is_used_for_no_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As that of a client that is on no node of its cluster."""

    class Elsewhere(OneProcess):
        def get_runtime_context(self) -> Any:
            raise ConnectionError

    monkeypatch.setitem(sys.modules, "ray", Elsewhere())
    monkeypatch.setattr(cluster, "own_nodes", [])
    for named in ("", "auto", "127.0.0.1:1"):
        with pytest.raises(UsageError, match="not the one in the plan"):
            write(named)


#: Connects to two clusters in turn, and says which plans are run where.
PROGRAM = """
import json, os, sys
from tests.engines.nodes import stay_on_loopback
from tests.engines.test_which_cluster import write
from rpsg.errors import UsageError
stay_on_loopback()
import ray

first, second = sys.argv[1:]
told = []

def tried(address):
    try:
        told.append(write(address))
    except UsageError:
        told.append("refused")

def auto(address):
    os.environ["RAY_ADDRESS"] = address
    tried("auto")
    del os.environ["RAY_ADDRESS"]

ray.init(address=first, log_to_driver=False)
tried(first), tried(second), tried(""), auto(first), auto(second)
ray.shutdown()
ray.init(address=second, log_to_driver=False)
tried(first), tried(second)
ray.shutdown()
tried("")
ray.shutdown()
tried(first), tried(second)
print(json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_program_that_connects_to_one_cluster_after_another_runs_each_plan_on_its_own(lab: Lab) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    with started(1) as first:
        second = Cluster()
        try:
            second.add_node(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False)
            addresses = [first.address, second.address]
            done = subprocess.run([sys.executable, "-c", PROGRAM, *addresses], stdout=-1, check=True)
        finally:
            second.shutdown()
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == [1, "refused", "refused", 1, "refused", "refused", 1, 1, 1, "refused"]


#: Uses a cluster of its own, leaves it, and runs a plan that names none; then plans that name one.
OWN = """
import json
from tests.engines.nodes import stay_on_loopback
from tests.engines.test_which_cluster import write
from rpsg.errors import UsageError
stay_on_loopback()
import ray

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
ray.shutdown()
told = [write("")]
for address in (ray.get_runtime_context().gcs_address, "auto", ""):
    try:
        told.append(write(address))
    except UsageError:
        told.append("refused")
print(json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_program_that_used_ray_before_gets_a_cluster_that_is_for_plans_without_an_address(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setenv("HOME", str(lab.folder))  # Ray keeps a token there
    done = subprocess.run([sys.executable, "-c", OWN], stdout=-1, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [1, "refused", "refused", 1]
