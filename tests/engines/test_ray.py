"""Runs whose texts are written by workers on the nodes of a Ray cluster, and what is lost with them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engines.nodes import PRIVATE, SAID, started

from rpsg.cli import main
from rpsg.engines.models import RayWriter
from rpsg.errors import ModelError
from rpsg.pipeline.execute import execute
from rpsg.pipeline.shards import on_ray
from rpsg.protocols import Message, Request
from rpsg.storage.call_store import CallStore
from rpsg.storage.layout import CALLS
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
    # Ray leaves sockets and files of its own open.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
WORKERS = 2
#: A run in a process of its own.
DRIVER = """
import sys
from pathlib import Path
from tests.engines.nodes import stay_on_loopback
from tests.engines.test_ray import run_in
from rpsg.plan import Plan
stay_on_loopback()
run_in(Path(sys.argv[1]), Plan.model_validate_json(Path(sys.argv[2]).read_text()))
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with started(WORKERS) as found:
        yield found


def plan_of(lab: Lab, nodes: Nodes | None, workers: int = WORKERS) -> Plan:
    rows = [{**row, "text": f"{row['text']} {PRIVATE}"} for row in lab.rows(300)]
    engine = {} if nodes is None else {"kind": "ray", "address": nodes.address, "workers": workers}
    return lab.plan(lab.file(rows), models={"writer": "slow"}, engine=engine)


def run_in(folder: Path, plan: Plan) -> Run:
    return execute(plan, folder, noise=FixedNoise())


def corpus(run: Run) -> dict[str, bytes]:
    """As bytes: the texts, all that was asked and answered, its embeddings, and the noisy answers."""
    texts, evidence = ("corpus.jsonl", "corpus.csv"), ("texts.jsonl", "candidates.jsonl", "vectors.bin")
    answers = sorted(run.release.glob("evidence/release-*.json"))
    assert answers, "strict mode asks its questions"
    # Each answer has an id of its own, which is drawn.
    values = {file.name: str(json.loads(file.read_bytes())["values"]).encode() for file in answers}
    names = (*texts, *(f"evidence/{e}" for e in evidence))
    return {name: (run.release / name).read_bytes() for name in names} | values


@pytest.fixture(scope="module")
def local(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The corpus of the same plan without Ray."""
    nodes.slow.act("work")
    lab = Lab(tmp_path_factory.mktemp("local"))
    return corpus(run_in(lab.folder / "run", plan_of(lab, None)))


def sent(nodes: Nodes) -> Counter[str]:
    """How often each request was sent to a worker's model."""
    return Counter(key for keys in nodes.slow.sent().values() for key in keys)


def check(run: Run, nodes: Nodes, local: dict[str, bytes]) -> None:
    """The corpus is that of a local run, each request is billed once, and Ray has kept no text."""
    assert corpus(run) == local
    with CallStore(Path(run.release).parent / "evidence" / CALLS) as calls:
        assert calls.used().requests == len(sent(nodes))
    files = [file for file in nodes.session.rglob("*") if file.is_file()]
    written = b"\n".join(file.read_bytes() for file in files)
    assert SAID.encode() in written, "what models print is there, and nowhere else"
    texts = [json.loads(line)["text"] for line in local["evidence/texts.jsonl"].splitlines()]
    found = [text for text in (PRIVATE, *texts) if text.encode() in written]
    assert (len(texts) > 50, found) == (True, [])
    assert main(["verify", str(run.release)]) == 0


def test_nodes_write_what_one_process_writes_and_the_release_says_that_they_did(
    lab: Lab, nodes: Nodes, local: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    nodes.slow.act("work")
    run = run_in(lab.folder / "run", plan_of(lab, nodes))
    assert SAID not in "".join(capfd.readouterr())
    assert len(nodes.slow.sent()) == WORKERS, "each worker wrote"
    assert set(sent(nodes).values()) == {1}
    check(run, nodes, local)
    table = json.loads((run.release / "egress.json").read_text())["seen"]
    assert [line["host"] for line in table if line["role"] == "writer"] == ["a Ray cluster"]
    assert [line["endpoint_class"] for line in run.ledger["egress"]] == ["remote_llm"]
    plan = (run.release / "evidence" / "plan.toml").read_text()
    assert 'address = "auto"' in plan
    assert nodes.address not in plan


def test_a_worker_that_is_killed_takes_with_it_only_what_it_had_not_answered(
    lab: Lab, nodes: Nodes, local: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    nodes.slow.act("die once")
    run = run_in(lab.folder / "run", plan_of(lab, nodes))
    assert "".join(capfd.readouterr()) == "", "Ray reports nothing on its own"
    again = [times - 1 for times in sent(nodes).values() if times > 1]
    assert set(again) == {1}
    assert len(again) <= 3, "the request in flight, and perhaps a few whose replies were on their way"
    check(run, nodes, local)


@pytest.mark.cluster
def test_a_run_that_was_killed_goes_on_and_sends_nothing_again_that_was_answered(
    lab: Lab, nodes: Nodes, local: dict[str, bytes]
) -> None:
    nodes.slow.act("work")
    plan, out, file = plan_of(lab, nodes), lab.folder / "run", lab.folder / "plan.json"
    file.write_text(plan.model_dump_json())
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(out), str(file)])
    while sent(nodes).total() < 25:
        assert driver.poll() is None
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    run = run_in(out, plan)
    # Workers write on until Ray notices that nobody listens: at most the batch that each was given.
    assert sent(nodes).total() - len(sent(nodes)) <= 16 * WORKERS
    check(run, nodes, local)


@pytest.mark.cluster
def test_workers_count_the_private_texts_in_shards_and_no_text_goes_through_ray(
    lab: Lab, nodes: Nodes, local: dict[str, bytes]
) -> None:
    nodes.slow.act("work")
    plan = plan_of(lab, nodes)
    data = plan.data.model_copy(update={"shards": 3, "account": "ward"})
    engine = plan.engine.model_copy(update={"reads_private": True})
    run = on_ray.run(
        plan.model_copy(update={"data": data, "engine": engine}), lab.folder / "run", noise=FixedNoise()
    )
    assert run.ledger["privacy_unit"]["shards"] == 3
    table = json.loads((run.release / "egress.json").read_text())["seen"]
    hosts = {line["host"] for line in table if line["role"] in {"embedder", "sentiment", "writer"}}
    assert hosts == {"a Ray cluster"}
    check(run, nodes, local)


def asked(lab: Lab, nodes: Nodes) -> str:
    """What a writer with one worker says that cannot write."""
    writer = RayWriter(plan_of(lab, nodes, workers=1))
    with pytest.raises(ModelError) as told:
        writer.write([Request((Message("user", "tea with honey"),), max_tokens=4, seed=1)])
    assert told.value.__cause__ is None
    return str(told.value)


def test_a_model_that_fails_on_a_node_is_named_without_its_words(lab: Lab, nodes: Nodes) -> None:
    nodes.slow.act("fail")
    assert "slow_words.py, line" in (said := asked(lab, nodes))
    assert "honey" not in said
    assert not [f for f in nodes.session.rglob("*") if f.is_file() and b"honey" in f.read_bytes()]


@pytest.mark.cluster
def test_a_model_that_kills_every_worker_ends_the_run(lab: Lab, nodes: Nodes) -> None:
    nodes.slow.act("die")
    assert "keep failing" in asked(lab, nodes)


@pytest.mark.cluster
def test_what_a_lost_node_had_not_answered_is_written_by_the_others(
    lab: Lab, nodes: Nodes, local: dict[str, bytes]
) -> None:
    nodes.slow.act("work")

    def lose() -> None:
        while sent(nodes).total() < 25:
            time.sleep(0.02)
        nodes.cluster.remove_node(next(iter(nodes.cluster.worker_nodes)), allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    run = run_in(lab.folder / "run", plan_of(lab, nodes))
    loser.join()
    assert len(nodes.cluster.list_all_nodes()) == WORKERS - 1
    assert sent(nodes).total() - len(sent(nodes)) <= 2
    check(run, nodes, local)
