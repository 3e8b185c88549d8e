"""What somebody else's release claims about itself, read strictly, before anything is made from it.

It is read from a copy (``storage.untrusted``). Nothing that it names is opened, loaded or asked. Names of
models remain names. No connection is made to find out where the writer ran, because the plan says it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from rpsg import registry
from rpsg.disk.json_text import strict_json
from rpsg.domains import files_of, read_pack
from rpsg.errors import RpsgError, VerificationError
from rpsg.methods.base import Tools
from rpsg.methods.budget import pool_size
from rpsg.methods.named import find_method
from rpsg.models.openai.endpoint import address_of
from rpsg.pipeline.made import roles
from rpsg.pipeline.shards.reading_machines import READERS, possible_readers
from rpsg.pipeline.verification.extensions import check_package_of_method, check_packages_of_models
from rpsg.plan import LimitsSection, VaultSection, resolve
from rpsg.privacy import egress
from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian
from rpsg.privacy.sources import supports_claims
from rpsg.release.public_plan import ACCOUNT, PLACE, public_engine, told_toml
from rpsg.stages.cards import shapes
from rpsg.storage.layout import CHANGED, EGRESS, EVIDENCE, PACK, PLAN
from rpsg.storage.run_identity import ABOUT_TEXTS, changed_after

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.methods.base import Method
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.protocols import Endpoint

#: More cells than a schema has that people can fill; a larger schema would only exhaust memory.
MOST_CELLS = 1_000_000
#: The limit for the number of texts times the values of an attribute: drawing cards needs memory for each
#: pair.
MOST_DRAWN = 300_000_000
#: The length of a message that quotes an untrusted file.
MOST_QUOTED = 400
_SOURCES = {"os": RoundedGaussian.name, "opendp": OpenDPNoise.name}


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a model and where it ran, in place of the model."""

    name: str
    endpoint: Endpoint = "local_model"
    host: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The copy of a release, its ledger, and what its evidence says it was made from."""

    folder: Path
    ledger: Mapping[str, Any]
    plan: Plan
    pack: Pack
    method: Method
    budget: Budget | None
    writer: Any  # a ``Named`` in place of a writer; it is never called

    @property
    def evidence(self) -> Path:
        return self.folder / EVIDENCE


def read_claimed(folder: Path, ledger: Mapping[str, Any], plugins: Collection[str] = ()) -> Claimed:
    """The claim of the release in ``folder``; ``ledger`` is its public ledger, whose form was checked.

    ``plugins`` names the third-party methods that may be loaded.

    Raises:
        VerificationError: plan, pack and ledger do not belong together, or ask for what no release has.
    """
    plan = _plan(folder / EVIDENCE / PLAN)
    name = plan.method.name
    if name not in registry.built_in("methods") and name not in plugins:
        raise VerificationError(
            f"The release was made by the method {name[:60]!a}, which is not one of RPSG's own.",
            hint="If you trust the package that brings it, say so: --allow-plugin NAME",
        )
    check_package_of_method(plan, ledger)
    method = find_method(name)
    check_packages_of_models(plan, ledger)
    _check_public(plan, method, folder / EVIDENCE / PLAN)
    pack = _pack(folder / EVIDENCE / PACK, plan)
    budget = None if method.budget is None else method.budget(plan, pack)
    _check_source(plan, ledger, method)
    if ("private_commitment" in ledger) != method.reads_private:
        raise VerificationError(
            "A ledger must have a commitment to the private data if and only if the method reads some; this "
            "ledger breaks that rule."
        )
    return Claimed(folder, ledger, plan, pack, method, budget, _writer(plan, ledger))


def _plan(path: Path) -> Plan:
    try:
        return resolve(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        raise VerificationError(f"The evidence holds no readable {path.name}.") from None


def _check_public(plan: Plan, method: Method, path: Path) -> None:
    """Check that the plan is one of a release: no path, no account, and exactly the written form."""
    data = plan.data
    places = (data.path, data.account, data.canary_texts, plan.split.donor_list)
    own = any(places) or plan.limits != LimitsSection()
    own = (
        own
        or plan.engine != public_engine(plan.engine)
        or plan.vault.key not in {"none", VaultSection().key}
        or any(map(PLACE.match, _names_of_models(plan)))
    )
    if own or any(getattr(plan.server, key) != value for key, value in ACCOUNT.items()):
        raise VerificationError(f"{path.name} holds settings that no release states.")
    if told_toml(plan, method).encode() != path.read_bytes():
        raise VerificationError(f"{path.name} is not in the form that a release has.")


def _names_of_models(plan: Plan) -> list[str]:
    models, paper = plan.models, plan.paper
    named = (models.writer, models.embedder, models.scorer, models.sentiment)
    names = (*named, paper.summariser, paper.surrogate_model, paper.recogniser, paper.recogniser_model)
    return [name for name in names if name]


def _pack(folder: Path, plan: Plan) -> Pack:
    try:
        pack = read_pack(folder)
    except RpsgError as error:
        message = error.message.replace(str(folder), f"{EVIDENCE}/{PACK}")
        raise VerificationError(message[:MOST_QUOTED]) from None
    except (OSError, ValueError, RecursionError, TypeError, AttributeError, LookupError):
        raise VerificationError("The domain pack of the evidence cannot be read.") from None
    if len(files_of(folder, [a.file for a in pack.attributes])) != len(list(folder.iterdir())):
        raise VerificationError("The domain pack of the evidence has a file that no pack reads.")
    if plan.corpus.domain != pack.name:
        raise VerificationError("The plan names a different domain pack from the one in the evidence.")
    if sum(prod(shape) for shape in shapes(pack)) > MOST_CELLS:
        raise VerificationError("The domain pack of the evidence has a schema that cannot be counted.")
    if any("{" in a.describe.replace("{value}", "") for a in pack.attributes):
        raise VerificationError(
            "The domain pack of the evidence describes a value by more than {value}, which no pack does."
        )
    return pack


def _check_source(plan: Plan, ledger: Mapping[str, Any], method: Method) -> None:
    """Check that noise came from the plan's source, unless the release says that the run was a test."""
    source = ledger["rng"]["source"]
    if not method.reads_private:
        fits = source == "none"
    elif method.claim == "no_formal_guarantee":  # its published plan does not name the source
        fits = source in _SOURCES.values() or not supports_claims(source)
    else:
        fits = source == _SOURCES[plan.privacy.noise] or not supports_claims(source)
    if not fits:
        raise VerificationError("The noise did not come from the source that the plan names.")


def _writer(plan: Plan, ledger: Mapping[str, Any]) -> Named:
    """The writer as ``_own_writer`` has it, on the cluster if the plan ran it on one."""
    writer = _own_writer(plan, ledger)
    if plan.engine.is_elsewhere:
        return Named(writer.name, "remote_llm", egress.through_cluster(writer.host))
    return writer


def _own_writer(plan: Plan, ledger: Mapping[str, Any]) -> Named:
    """The writer, which is the last line of the ledger's egress, and where the plan ran it."""
    name = str(ledger["egress"][-1].get("model", "")) if ledger["egress"] else ""
    kind, _, model = plan.models.writer.partition(":")
    if kind not in {"openai", "azure"} or not model:
        if name.startswith(("openai:", "azure:")):
            raise VerificationError("The ledger names a writer on a server, but the plan has no server.")
        return Named(name)
    try:
        address = address_of("azure" if kind == "azure" else "openai", plan.server)
    except RpsgError as error:
        raise VerificationError(f"The server in the plan is not valid: {error.message}") from None
    if name != f"{kind}:{model}@{address.host_as_name}":
        raise VerificationError("The writer in the ledger is not that of the plan.")
    return Named(name, address.endpoint, address.host)


def check_amount(claimed: Claimed, texts: int) -> None:
    """Check that the plan asks for no more texts than the release holds replies and failures for.

    This comes before anything is drawn or asked, because a plan could ask for millions.
    """
    plan = claimed.plan
    writes_pool = claimed.budget is not None and "method.oversample" not in claimed.method.untold
    wanted = max(plan.corpus.size, pool_size(plan)) if writes_pool else plan.corpus.size
    # The number of texts is not checked for a method of another package, which the caller allowed by name.
    if claimed.method.name in registry.built_in("methods") and wanted > texts:
        raise VerificationError("The plan asks for more texts than the evidence has replies for.")
    widest = max((len(a.values) for a in claimed.pack.attributes), default=0)
    if widest * max(wanted, 1) > MOST_DRAWN:
        raise VerificationError("The domain pack has more values than a run of this many texts can use.")


def named_tools(claimed: Claimed) -> Tools:
    """The models of a release from private seeds, by the names in its egress table.

    Raises:
        VerificationError: the table cannot be read, or names no embedder or no sentiment classifier.
    """
    try:
        table = strict_json((claimed.folder / EGRESS).read_bytes())["seen"]
        found = {str(line["role"]): Named(str(line["model"])) for line in table}
    except (OSError, ValueError, LookupError, TypeError):
        raise VerificationError(f"{EGRESS} cannot be read.") from None
    # Every model but the writer that a run of this plan has sent texts to.
    needed = {way.role for way in claimed.method.egress_of(claimed.plan)} - {"writer", "mechanisms"}
    if claimed.plan.models.scorer is None:
        needed.discard("scorer")
    if found.keys() != {*needed, "writer"}:
        raise VerificationError(f"{EGRESS} does not name the models that read texts under this plan.")
    models: dict[str, Any] = {role: found[role] for role in needed}
    return Tools(writer=claimed.writer, **models)


def check_changed(claimed: Claimed) -> bool:
    """Whether writer or prompts were changed in the run, which can only be before any vote.

    Raises:
        VerificationError: a run of this plan cannot have written the file that says what was changed.
    """
    file = claimed.evidence / CHANGED
    if not file.is_file():
        return False
    stages = [] if claimed.budget is None else [release.stage for release in claimed.budget.releases]
    before = [stage for stage in stages if not stage.startswith(ABOUT_TEXTS)]
    if file.read_bytes() not in {changed_after(before[:count]) for count in range(len(before) + 1)}:
        raise VerificationError(f"{CHANGED} does not say after which noisy answers the change was made.")
    return True


def earlier_writers(claimed: Claimed) -> dict[tuple[str, str], int]:
    """The number of requests to other hosts and writers, as the release states it.

    If only the host differs, it is the same writer on another port of this machine; if the writer differs,
    this one replaced it.

    Raises:
        VerificationError: the table cannot be read, or names another writer though none was changed.
    """
    changed = check_changed(claimed)
    last = (egress.host_of(claimed.writer), claimed.writer.name)
    try:
        table = strict_json((claimed.folder / EGRESS).read_bytes())["seen"]
        asked = [r for r in table if r["role"] == "writer" and r.get("requests") is not None]
        told = {(str(r["host"]), str(r["model"])): int(r["requests"]) for r in asked}
    except (OSError, ValueError, LookupError, TypeError):
        raise VerificationError(f"{EGRESS} cannot be read.") from None
    others = {who: number for who, number in told.items() if who != last}
    if not changed and any(model != claimed.writer.name for _, model in others):
        raise VerificationError(f"{EGRESS} names another writer, but no writer was changed in this run.")
    return others


def told_readers(claimed: Claimed) -> str:
    """The machines that read the private texts of a run with shards, as the release states it; "" without.

    Raises:
        VerificationError: the table cannot be read, or names machines on which no run of this plan counts.
    """
    possible = possible_readers(claimed.plan)
    if not possible:
        return ""
    try:
        table = strict_json((claimed.folder / EGRESS).read_bytes())["seen"]
        readers = [line for line in table if line["role"] in READERS and line["kind"] == "private"]
        (told,) = {str(line["host"]) for line in readers}
    except (OSError, ValueError, LookupError, TypeError):
        raise VerificationError(f"{EGRESS} cannot be read.") from None
    if told not in possible:
        raise VerificationError(f"{EGRESS} names other machines as readers than those that counted shards.")
    return told


def check_ways(claimed: Claimed, tools: Tools) -> None:
    """Check that no model was sent what the method may not send there; PrivacyError otherwise."""
    method = claimed.method
    egress.check(method.egress_of(claimed.plan), roles(tools), private=method.reads_private)
