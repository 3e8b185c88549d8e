"""Checks of a plan: its keys, its settings, its data and their account, and its cluster."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rpsg.display import counted
from rpsg.domains import find_pack
from rpsg.engines.cluster import connect
from rpsg.methods.budget import check_declared
from rpsg.methods.named import budget_of, method_of
from rpsg.models.openai.endpoint import lacks_key
from rpsg.pipeline import forecast
from rpsg.pipeline.account_view import account_view
from rpsg.pipeline.obstacles import kind_of
from rpsg.pipeline.private_data import check_data
from rpsg.release.run import Diagnosis
from rpsg.storage.readers import check_columns
from rpsg.storage.readers.source import STDIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rpsg.plan import Plan


def plan_checks(plan: Plan) -> Iterator[tuple[str, Callable[[], Diagnosis]]]:
    """A check and its name for each part of the plan but its models."""
    yield "keys", lambda: _keys(plan)
    yield "settings", lambda: _settings(plan)
    if plan.data.path:
        yield "data", lambda: _data(plan)
        yield "account", lambda: _account(plan)
    if plan.engine.kind == "ray":
        yield "ray", lambda: _ray(plan)


def _keys(plan: Plan) -> Diagnosis:
    """Whether the environment has the key of the plan's server, if a run needs it."""
    models = dict(plan.models)
    if plan.engine.is_elsewhere:
        del models["writer"]  # its key is on the nodes of the cluster
    served = [name for name in models.values() if str(name).partition(":")[0] in forecast.SERVED]
    if not served:
        return Diagnosis("keys", "ok", "none is needed: the plan names no model of a server")
    name = plan.server.key_env
    if any(lacks_key(kind_of(model), plan.server) for model in served):
        return Diagnosis("keys", "fail", f"{name} is not set", f"export {name}=...")
    if os.environ.get(name, "").strip():
        return Diagnosis("keys", "ok", f"{name} is set")
    return Diagnosis("keys", "ok", f"{name} is not set; a server at the address of the plan may need none")


def _account(plan: Plan) -> Diagnosis:
    """Whether the account of the plan's data has enough budget left for a run."""
    account = account_view(plan, budget_of(plan, find_pack(plan.corpus.domain)))
    if account.refuses:
        return Diagnosis("account", "fail", account.lines[0])
    return Diagnosis("account", "ok", "it has enough budget left for a run, or the run needs none")


def _ray(plan: Plan) -> Diagnosis:
    """Whether Ray is installed, and the cluster of the plan answers."""
    if find_spec("ray") is None:
        return Diagnosis("ray", "fail", "Ray is not installed", "pip install 'rpsg[ray]'")
    here = f"Ray {version('ray')}"
    if not plan.engine.address:
        return Diagnosis("ray", "ok", f"{here}; each run starts a cluster on this machine")
    ray = connect(plan.engine)
    there, nodes = ray.cluster_resources(), sum(bool(node["Alive"]) for node in ray.nodes())
    detail = f"{counted(nodes, 'node')}, {there.get('CPU', 0):g} processors, {there.get('GPU', 0):g} GPUs"
    return Diagnosis("ray", "ok", f"{here}; the cluster has {detail}")


def _data(plan: Plan) -> Diagnosis:
    """Whether a run can read the file, as ``rpsg plan`` finds out: no row is used."""
    check_data(plan)
    if plan.data.path == STDIN and sys.stdin is not None and sys.stdin.isatty():
        detail = "the plan reads standard input, which is a terminal now; its columns were not checked"
        return Diagnosis("data", "warn", detail, "Pipe the file in, as for rpsg run.")
    check_columns(plan.data)
    return Diagnosis("data", "ok", "the file is there and has the columns that the plan names")


def _settings(plan: Plan) -> Diagnosis:
    """Whether a run refuses the plan for its settings, the declared number of people, or where models are."""
    method = method_of(plan)
    method.check_plan(plan)
    check_declared(plan, budget_of(plan, find_pack(plan.corpus.domain)), method.people(plan))
    if refused := next(forecast.refusals(plan), ""):
        return Diagnosis("settings", "fail", refused)
    return Diagnosis("settings", "ok", f"the method {plan.method.name} supports all settings of the plan")
