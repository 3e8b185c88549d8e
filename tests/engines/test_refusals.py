"""What is never handed to Ray, whether it is installed or not, and what workers must agree on."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from rpsg import registry
from rpsg.engines.dispatch import Workers, settings_of
from rpsg.engines.models import RayWriter
from rpsg.engines.worker import RayWorker, Results, WorkerFailure, WorkerModel
from rpsg.errors import ModelError, PrivacyError, UsageError
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeWriter
from rpsg.pipeline.doctor import examine
from rpsg.pipeline.execute import execute
from rpsg.pipeline.forecast import place_of, refusals
from rpsg.pipeline.shards import on_ray
from rpsg.pipeline.verification.replay import load_known
from rpsg.protocols import Message, Request
from rpsg.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

RAY = {"kind": "ray", "address": "127.0.0.1:1"}
WRITERS_SEE = {
    "floor": "public",
    "strict": "dp_outputs",
    "augpe": "dp_outputs",
    **dict.fromkeys(("paper", "split", "rupta", "dpsgd", "private-prediction"), "private"),
}


@pytest.mark.parametrize("method", registry.built_in("methods"))
def test_methods_whose_writer_reads_private_text_are_refused_before_anything_is_made(
    lab: Lab, method: str
) -> None:
    out = lab.folder / "run"
    plan = lab.plan(lab.file(lab.rows(30)), method={"name": method}, engine=RAY)
    if WRITERS_SEE[method] != "private":
        find_method(method).check_plan(plan)
        return
    with pytest.raises(PrivacyError, match="Nothing was read"):
        execute(plan, out, tools=lab.tools())
    assert not out.exists()


def test_a_private_request_is_refused_where_it_would_be_handed_over(lab: Lab) -> None:
    """There is no cluster at that address: what is refused is refused before one is looked for."""
    public = Request((Message("user", "tea"),), max_tokens=4, seed=1)
    secret = Request((Message("user", "a diagnosis"),), max_tokens=4, seed=1, private=True)
    with pytest.raises(PrivacyError, match="Nothing was sent"):
        RayWriter(lab.plan(engine=RAY)).write([public, secret])


def test_no_worker_opens_the_private_file_unless_the_plan_says_so(lab: Lab) -> None:
    out, data = lab.folder / "run", {"account": "ward", "shards": 3}
    with pytest.raises(PrivacyError, match="Nothing was read"):
        on_ray.run(lab.plan(lab.file(lab.rows(30)), data=data, engine=RAY), out)
    stated = {**RAY, "reads_private": True}
    sites = {**data, "divided_by": "site"}
    for told in (lab.plan(data=data, engine=stated), lab.plan("a.csv", data=sites, engine=stated)):
        with pytest.raises(UsageError, match="one private file"):
            on_ray.run(told, out)
    assert not out.exists()


def test_a_worker_is_told_of_models_and_servers_alone(lab: Lab, tmp_path: Path) -> None:
    plan = lab.plan(lab.folder / "ward-7.csv", data={"path": "ward-7.csv", "account": "ward 7"}, engine=RAY)
    told = settings_of(plan)
    assert set(told) == {"models", "server"}
    assert "ward" not in str(told)


def test_the_plan_says_before_a_run_that_prompts_leave_this_machine(lab: Lab) -> None:
    plan = lab.plan(engine=RAY)
    assert place_of(plan, "writer") == "a Ray cluster"
    assert place_of(plan, "embedder").startswith("this machine")
    assert list(refusals(plan)) == []
    assert place_of(lab.plan(engine={"kind": "ray"}), "writer").startswith("this machine")
    served = lab.plan(
        models={"writer": "openai:m"}, server={"base_url": "https://llm.example/v1"}, engine=RAY
    )
    assert place_of(served, "writer") == "a Ray cluster and llm.example"


def test_a_release_that_names_a_cluster_is_checked_without_one(lab: Lab) -> None:
    tools = load_known(lab.plan(engine=RAY), {}, (), None)
    assert isinstance(tools.writer, FakeWriter)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"name": "llamacpp:other@abc"}, "different models"),
        ({"endpoint": "remote_llm", "host": "llm.example"}, "different models"),
        ({"version": "0.0.1"}, "RPSG 0.0.1"),
    ],
)
def test_workers_with_another_model_or_program_end_the_run(
    lab: Lab, other: dict[str, Any], said: str
) -> None:
    workers = Workers(lab.plan(engine=RAY))
    usual: dict[str, Any] = {"version": VERSION, "name": "llamacpp:one@abc", "endpoint": "local_model"}
    workers.compare("writer", WorkerModel(**usual))
    workers.compare("writer", WorkerModel(**usual))
    with pytest.raises(ModelError, match=said):
        workers.compare("writer", WorkerModel(**{**usual, **other}))


def test_a_worker_reports_its_failure_and_never_raises() -> None:
    worker = RayWorker({"models": {"writer": "no-such-writer"}})
    described = worker.describe("writer")
    assert isinstance(described, WorkerFailure)
    assert "no-such-writer" in described.message
    assert list(worker.work("writer", [])) == [described]


def test_a_worker_gives_the_replies_of_its_writer_as_they_arrive(lab: Lab) -> None:
    worker = RayWorker(settings_of(lab.plan()))
    requests = [Request((Message("user", word),), max_tokens=8, seed=1) for word in ("tea", "oil", "dog")]
    results = list(worker.work("writer", requests))
    alone = registry.writer("fake").write(requests)
    assert results == [Results(i, [reply]) for i, reply in enumerate(alone)]


def test_nothing_of_ray_is_imported_without_a_run_that_asks_for_it() -> None:
    program = "import sys, rpsg.pipeline.execute, rpsg.engines.models; print('ray' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_the_doctor_says_whether_ray_is_here_if_the_plan_asks_for_it(lab: Lab) -> None:
    found = {line.name: line for line in examine(lab.plan(engine={"kind": "ray"}))}["ray"]
    there = find_spec("ray") is not None
    assert (found.status, "rpsg[ray]" in found.fix) == (("ok", False) if there else ("fail", True))
    assert "ray" not in {line.name for line in examine(lab.plan())}
