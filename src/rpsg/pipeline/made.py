"""All that a release is built from, gathered by a run or derived from a release."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from rpsg.methods.named import method_of
from rpsg.plan import resolve
from rpsg.privacy.egress import egress_table, host_of
from rpsg.release.public_plan import public_toml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.methods.base import Method, Tools
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.egress import EgressRecord
    from rpsg.privacy.facts import UnprotectedFlow
    from rpsg.privacy.released import Performed
    from rpsg.protocols import Reply
    from rpsg.records import Pool


@dataclass(frozen=True, slots=True)
class Made:
    """All that a release is built from: public settings, models by name, and what a run made with them.

    ``plan`` is the public plan, as in ``evidence/plan.toml``. Of ``tools``, only the names of models and
    where they run are used. ``evidence`` is the folder with the noisy answers and the pack; ``replies`` are
    the writer's replies, by key, from which the corpus was made, ``failed`` are the keys of texts that the
    writer could not write, and ``vectors`` are the rounded embeddings of its texts. All three are empty if
    prompts held private text. ``earlier`` counts requests to writers that were replaced by this one, by host
    and model. For methods with private seeds, ``noise`` is the source of noise, ``sigma`` the noise of a
    choice that bounds nothing, and ``flows`` the unprotected reads. ``readers`` are the machines whose models
    read the private texts, if not this one. ``first_form`` is for releases of 0.1.0, which list a sentiment
    classifier even if it reads no text.
    """

    plan: Plan
    pack: Pack
    budget: Budget | None
    pool: Pool
    tools: Tools
    evidence: Path
    performed: Performed | None = None
    replies: Iterable[tuple[str, Reply]] = ()
    vectors: Iterable[bytes] = ()
    failed: Collection[str] = ()
    asked: int = 0
    earlier: Mapping[tuple[str, str], int] = field(default_factory=dict)
    noise: str = ""
    sigma: float = 0.0
    flows: tuple[UnprotectedFlow, ...] = ()
    readers: str = ""
    first_form: bool = False

    @property
    def method(self) -> Method:
        return method_of(self.plan)

    @property
    def seen(self) -> list[EgressRecord]:
        """What each host saw. The number of requests is private if they held private text."""
        method, models, writer = self.method, roles(self.tools), self.tools.writer
        ways = method.egress_of(self.plan) if self.first_form else method.shown_egress(self.plan, self.pack)
        if method.has_seeds:
            return egress_table(ways, models)
        sent = {**self.earlier, (host_of(writer), writer.name): self.asked}
        return egress_table(ways, models, sent, self.readers)


def roles(tools: Tools) -> dict[str, object]:
    """The models of a run by their roles in egress tables."""
    return {field.name: getattr(tools, field.name) for field in fields(tools)}


def public_plan(plan: Plan, pack: Pack) -> Plan:
    """The plan as a release has it: without paths, accounts and limits, and without settings that its method
    does not read.
    """
    return resolve(tomllib.loads(public_toml(plan, pack, method_of(plan))))
