"""The cluster that a run starts by itself: closed to other machines and other users, and gone afterwards."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg.disk.system import is_able
from rpsg.engines.models import RayWriter
from rpsg.errors import ModelError
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from tests.conftest import Lab

pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(not is_able() or not Path("/proc/net/tcp").exists(), reason="reads Linux's tables"),
]
#: Starts a cluster, has a text written, and tells what is open to whom.
PROGRAM = """
import json, os, signal, stat, sys
from pathlib import Path
from rpsg.engines.models import RayWriter
from rpsg.plan import resolve
from rpsg.protocols import Message, Request

def mine(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, mine)
writer = RayWriter(resolve({"models": {"writer": "fake"}, "engine": {"kind": "ray", "workers": 1}}))
replies = writer.write([Request((Message("user", "tea"),), max_tokens=4, seed=1)])
import ray

own = {process: [] for process in map(int, filter(str.isdigit, os.listdir("/proc")))}
def parent(process):
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
def is_ours(process):
    while process > 1 and process != os.getpid():
        process = parent(process)
    return process == os.getpid()
ours = [process for process in own if is_ours(process)]
sockets = set()
for process in ours:
    for link in Path(f"/proc/{process}/fd").glob("*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
listening = []
for table in ("tcp", "tcp6"):
    for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            listening.append(fields[1].partition(":")[0])
raylet = ray._private.worker._global_node.all_processes["raylet"][0].process.pid
around = dict(pair.split("=", 1) for pair in Path(f"/proc/{raylet}/environ").read_text().split("\\0") if pair)
session = Path(ray._private.worker._global_node.get_session_dir_path())
print(json.dumps({
    "replies": len(replies),
    "here": [writer.endpoint, writer.host],
    "processes": ours,
    "listening": listening,
    "session": str(session),
    "closed": [str(f) for f in session.parents if f.exists() and not stat.S_IMODE(f.stat().st_mode) & 0o077],
    "statistics": os.environ["RAY_USAGE_STATS_ENABLED"],
    "token": [around["RAY_AUTH_MODE"], len(around["RAY_AUTH_TOKEN"])],
    "handler": signal.getsignal(signal.SIGTERM) is mine,
    "left": [name for name in os.environ if name.startswith("RAY_AUTH")],
    "dashboard": ray._private.worker._global_node.webui_url,
}))
"""
#: 127.0.0.1 as the tables have it, and the same within IPv6.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


def test_it_is_closed_to_others_and_leaves_nothing(lab: Lab) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["replies"], told["here"]) == (1, ["local_model", ""])
    assert len(told["processes"]) > 4
    assert len(told["listening"]) > 3
    assert set(told["listening"]) <= LOOPBACK
    assert [folder for folder in told["closed"] if Path(folder).name.startswith("rpsg-")]
    assert (told["statistics"], told["token"], told["dashboard"]) == ("0", ["token", 64], "")
    assert told["handler"], "the program's own, not Ray's"
    assert told["left"] == [], "they would be those of other clusters, too"
    assert done.stderr == ""
    assert not Path(told["session"]).exists()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{process}").exists() for process in told["processes"]):
        assert time.monotonic() < until, "a process of the cluster remains"
        time.sleep(0.1)


def test_an_address_without_a_cluster_is_said_at_once_and_how_to_join_one(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    writer = RayWriter(lab.plan(engine={"kind": "ray", "address": address}))
    with pytest.raises(ModelError, match="could not join a Ray cluster") as told:
        writer.write([Request((Message("user", "tea"),), max_tokens=4, seed=1)])
    assert f"ray start --address={address}" in told.value.hint
