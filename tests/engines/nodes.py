"""A Ray cluster of several nodes on this machine, and models that can be slow, fail or die on them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import invalidate_caches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.testing.lab import install

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Prints this on every node, where it must stay.
SAID = "what a model says of itself"
#: In every private text, and in no prompt.
PRIVATE = "apricotbarrel"
#: The package of the models. Each request to the writer is noted in a file of its process before it is
#: answered; so are the beginning and the end of each call of the two that read private texts.
SOURCE = f"""
import os, signal, time
from pathlib import Path
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.storage.call_store import request_key

HERE = Path(__file__).parent

def slow(name, **_):
    print("{SAID}", flush=True)
    return Slow()

class Slow:
    name, endpoint = "slow-writer", "local_model"

    def write(self, requests, on_reply=None):
        replies = []
        for index, request in enumerate(requests):
            with (HERE / f"sent-{{os.getpid()}}").open("a") as file:
                print(request_key(self.name, request), file=file)
            mode = (HERE / "mode").read_text()
            if mode == "die" or (mode == "die once" and index == 2 and claimed()):
                os.kill(os.getpid(), signal.SIGKILL)
            if mode == "fail":
                raise ValueError(f"cannot write {{request.messages[-1].content}}")
            time.sleep(1.0 if mode == "crawl" else 0.02)
            replies.append(FakeWriter().write([request])[0])
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies

class Reader:
    def read(self, texts):
        if not any("{PRIVATE}" in text for text in texts):
            return
        self.note("begins")
        mode = (HERE / "mode").read_text()
        if mode == f"die while it {{self.does}}" and claimed():
            time.sleep(0.2)  # some of the others are at work then
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(2.0 if mode == "crawl" else 0.02)
        self.note("ends")

    def note(self, what):
        with (HERE / f"read-{{os.getpid()}}").open("a") as file:
            print(what, file=file)

class SlowEmbedder(FakeEmbedder, Reader):
    does = "embeds"

    def embed(self, texts):
        self.read(texts)
        return super().embed(texts)

class SlowClassifier(FakeClassifier, Reader):
    does = "annotates"

    def classify(self, texts, embeddings):
        self.read(texts)
        return super().classify(texts, embeddings)

def embedder(name, **_):
    return SlowEmbedder()

def classifier(of, name, **_):
    return SlowClassifier()

def claimed():
    try:
        (HERE / "died").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
"""


@dataclass(frozen=True)
class Slow:
    """The package ``slow_words``, whose models are called ``slow`` and note what they are given."""

    folder: Path

    def act(self, mode: str) -> None:
        """From now on: work, crawl, "die once", "die", "fail", "die while it embeds" or "annotates", which
        happens once; what was noted is forgotten.
        """
        for file in (f for form in ("sent-*", "read-*", "died") for f in self.folder.glob(form)):
            file.unlink()
        (self.folder / "mode").write_text(mode)

    def crawl(self) -> None:
        """From now on a request takes a second, and reading texts two, so that a run cannot end before it has
        lost something.
        """
        (self.folder / "mode").write_text("crawl")

    def work(self) -> None:
        """From now on at the usual pace; what was noted is kept."""
        (self.folder / "mode").write_text("work")

    def reading(self) -> set[int]:
        """The processes that began to read private texts and have not ended, or were killed before."""
        files = list(self.folder.glob("read-*"))
        return {int(f.name.partition("-")[2]) for f in files if f.read_text().split()[-1:] == ["begins"]}

    def sent(self) -> dict[int, list[str]]:
        """The keys of all requests that were sent, by the process that got them."""
        return {
            int(file.name.partition("-")[2]): file.read_text().split() for file in self.folder.glob("sent-*")
        }


@dataclass(frozen=True)
class Nodes:
    """A cluster on the loopback address; ``session`` holds all that Ray writes."""

    cluster: Any
    address: str
    session: Path
    slow: Slow


@contextmanager
def slow_words() -> Iterator[Slow]:
    """The package, where this process and those that it starts find it."""
    folder = Path(tempfile.mkdtemp(prefix="slow-"))
    (folder / "slow_words.py").write_text(SOURCE)
    models = {"writers": "slow", "embedders": "embedder", "classifiers": "classifier"}
    entry_points = {f"rpsg.{kind}": {"slow": f"slow_words:{made}"} for kind, made in models.items()}
    install(folder, entry_points, name="slow-words")
    slow = Slow(folder)
    slow.act("")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    sys.path.insert(0, str(folder))
    invalidate_caches()
    try:
        yield slow
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("slow_words", None)
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
        shutil.rmtree(folder)


def stay_on_loopback() -> None:
    """Keep the Ray of this process from listening on the network, whatever address it is given."""
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = False


@contextmanager
def started(nodes: int = 2) -> Iterator[Nodes]:
    """A cluster of nodes with one processor each, that no other machine can reach.

    If Ray itself cannot start there, as on a machine without enough shared memory, the test is skipped.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)}
    import ray
    from ray.cluster_utils import Cluster

    stay_on_loopback()
    (folder / "ray").mkdir()
    each = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    at_the_end = signal.getsignal(signal.SIGTERM)
    with slow_words() as slow:
        cluster = Cluster()
        try:
            try:
                for _ in range(nodes):
                    cluster.add_node(wait=False, **each)
                cluster.wait_for_nodes()
            except Exception as error:  # noqa: BLE001  whatever Ray raises, nothing of ours has run yet
                pytest.skip(
                    f"Ray cannot start {nodes} nodes on this machine ({type(error).__name__}: {error})"
                )
            yield Nodes(cluster, cluster.address, folder, slow)
        finally:
            ray.shutdown()
            cluster.shutdown()
            signal.signal(signal.SIGTERM, at_the_end)  # a node sets its own in this process, and leaves it
            shutil.rmtree(folder, ignore_errors=True)
