"""Which settings of a plan are published in its release, and how.

Paths on the operator's machine are private: of a folder only the last part is published. Settings that a
method never reads are left out too, so that nobody believes they had an effect.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rpsg.methods.named import find_method
from rpsg.plan import EngineSection, LimitsSection, ServerSection, VaultSection
from rpsg.plan.data import OWN_FILES
from rpsg.registry import built_in

if TYPE_CHECKING:
    from rpsg.domains import Pack
    from rpsg.methods.base import Method
    from rpsg.plan import Plan

PLACE = re.compile(r"[/~.]|[A-Za-z]:[/\\]")
_FORM = re.compile(r"([a-z][a-z0-9_-]+):(.+)", re.DOTALL)
_HUB = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w.-]+)?")
#: Beginnings of model names that never contain a path of this machine.
_ELSEWHERE = {"openai", "azure", "hf"}
#: The account at the provider, and the variables that hold keys and headers, are private too.
ACCOUNT = {
    "organization": "",
    "project": "",
    "headers": (),
    "certificate_env": "",
    "key_env": ServerSection().key_env,
}
#: Numbers in a formula of the paper. They bound nothing, but readers would take them for a budget.
NEVER = {"paper.nominal_epsilon"}


def is_published(method: Method, section: str, key: str = "") -> bool:
    """Whether a setting is published for a run of this method; without a key, whether its section is.

    Without a guarantee nothing about a budget is published.
    """
    if section in _sections_of_some() - method.sections:
        return False
    if section == "privacy" and method.claim == "no_formal_guarantee":
        return False
    name = f"{section}.{key}"
    if name == "data.columns":
        return method.columns
    return name not in NEVER and name not in method.untold


@cache
def _sections_of_some() -> frozenset[str]:
    """The sections of the plan that only some methods read."""
    return frozenset[str]().union(*(find_method(name).sections for name in built_in("methods")))


def public_toml(plan: Plan, pack: Pack, method: Method) -> str:
    """The plan as TOML for a release of its method."""
    return told_toml(_placeless(plan, pack), method)


def told_toml(plan: Plan, method: Method) -> str:
    """A plan without paths as TOML, with the published settings of its method only."""
    kept, section = [], ""
    for line in plan.to_toml().splitlines():
        is_head = line.startswith("[")
        section = line.strip("[]") if is_head else section
        top, key = section.partition(".")[0], "" if is_head else line.partition(" = ")[0]
        if is_published(method, top, key):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def _placeless(plan: Plan, pack: Pack) -> Plan:
    """The plan without limits, accounts at a provider, and paths on this machine."""
    models = {
        name: without_place(value)
        for name in ("writer", "embedder", "scorer", "sentiment")
        if (value := getattr(plan.models, name)) is not None
    }
    paper = {
        name: without_place(getattr(plan.paper, name))
        for name in ("summariser", "surrogate_model", "recogniser_model")
    }
    return plan.model_copy(
        update={
            "data": plan.data.model_copy(update=OWN_FILES),
            "corpus": plan.corpus.model_copy(update={"domain": pack.name}),
            "models": plan.models.model_copy(update=models),
            "server": plan.server.model_copy(update={**ACCOUNT, "base_url": _host_of(plan.server.base_url)}),
            "engine": public_engine(plan.engine),
            "limits": LimitsSection(),
            "paper": plan.paper.model_copy(update=paper),
            "split": plan.split.model_copy(update={"donor_list": ""}),
            "vault": plan.vault if plan.vault.key == "none" else VaultSection(),
        }
    )


def public_engine(engine: EngineSection) -> EngineSection:
    """What a release says about the engine: that prompts went to a cluster, but not where the cluster is."""
    if not engine.is_elsewhere:
        return EngineSection()
    return EngineSection(kind="ray", address="auto", reads_private=engine.reads_private)


def _host_of(base_url: str) -> str:
    """A server's address without its path, because a path may name the customer or contain a key."""
    parts = urlsplit(base_url.strip())
    if not parts.netloc or parts.path.rstrip("/") in {"", "/v1"}:
        return base_url
    return f"{parts.scheme}://{parts.netloc}/v1"


def without_place(name: str) -> str:
    """A model's name. Only the last part of a path is kept, with the prefix of its form.

    ``OWNER/REPO`` of a hub is not changed, unless there is a folder of that name.
    """
    if formed := _FORM.fullmatch(name):
        form, rest = formed.groups()
        return name if form in _ELSEWHERE else f"{form}:{without_place(rest)}"
    if not name or not _is_place(name):
        return name
    return PurePosixPath(name.replace("\\", "/")).name or Path(name).expanduser().resolve().name


def _is_place(name: str) -> bool:
    if PLACE.match(name) or "\\" in name:
        return True
    return "/" in name and (_HUB.fullmatch(name) is None or Path(name).exists())
