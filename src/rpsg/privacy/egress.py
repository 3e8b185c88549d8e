"""Which models may be sent what: the tables of the methods, and the check before a run reads anything.

A model states where it runs: ``endpoint`` is "local_model" for one on this machine, and ``host`` names the
server of a remote one. A model that states nothing counts as remote.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rpsg.errors import PrivacyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["public", "dp_outputs", "private"]
Carries = Literal["public_only", "dp_outputs", "abstracted_private", "raw_private"]

THIS_MACHINE = "this machine"
#: In a release, where tables name that machine as above.
NOTHING_LEFT = "Nothing left the machine that made this release."
UNNAMED = "a host that is not named"
#: A loopback address proves nothing (it may be a tunnel): that a server runs here is the operator's claim.
BY_THE_PLAN = "as the plan declares"
#: A cluster is named by its kind, because its address says nothing about the machines in it.
RAY_CLUSTER = "a Ray cluster"
#: Who reads the private texts of a run that is counted in shards.
SITES, COUNTERS = "the sites", "the machines that counted the shards"
_LOOPBACK = re.compile(
    r"(?:localhost|(?P<four>127[0-9.]+)|\[(?P<six>[0-9a-f:]+)\])(?::(?P<port>[0-9]{1,5}))?"
)
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class EgressRule:
    """One line of a method's table: what the model of a role is sent, and where it may run.

    ``carries`` says what it is sent in the words of a ledger; None for a model that ledgers do not list.
    ``way_out`` is the hint for a user who wants such a model elsewhere.
    """

    stage: str
    role: str
    kind: Kind
    place: Literal["here", "anywhere"]
    sees: str
    carries: Carries | None = None
    way_out: str = ""


_FROM_NOISE = "prompts made from public words and noisy answers"
#: For a method that reads private texts only through mechanisms.
STRICT: tuple[EgressRule, ...] = (
    EgressRule("reading", "embedder", "private", "here", "private texts and synthetic texts"),
    EgressRule("describing", "sentiment", "private", "here", "private texts"),
    EgressRule(
        "counting", "mechanisms", "private", "here", "exact counts of private texts; they release noisy ones"
    ),
    # The scorer sees synthetic texts only. It must still be local: which texts it scores, and how often,
    # should not be visible elsewhere.
    EgressRule("filtering", "scorer", "dp_outputs", "here", "synthetic texts"),
    EgressRule("writing", "writer", "dp_outputs", "anywhere", _FROM_NOISE, "dp_outputs"),
)
#: For a method that reads no private text.
PUBLIC: tuple[EgressRule, ...] = (
    EgressRule("filtering", "embedder", "public", "anywhere", "synthetic texts"),
    EgressRule("filtering", "scorer", "public", "anywhere", "synthetic texts"),
    EgressRule("writing", "writer", "public", "anywhere", "public prompts", "public_only"),
)
#: For a method that reads private texts and has no table: every model must be local.
NOWHERE: tuple[EgressRule, ...] = tuple(
    EgressRule("reading", role, "private", "here", "private texts", "raw_private")
    for role in ("embedder", "sentiment", "scorer", "writer")
)


@dataclass(frozen=True, slots=True)
class EgressRecord:
    """What a host was sent in a run. ``requests`` is None if their number is not public."""

    host: str
    role: str
    model: str
    kind: Kind
    sees: str
    requests: int | None = None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own loopback.

    Only ``localhost``, an IPv4 address, or an IPv6 address in brackets can be one, each with or without a
    port. Anything else that might lead here (a URL, a login before an ``@``, a short form like ``127.1``, a
    name in capitals) counts as another machine, because this decides where private text may go.
    """
    found = _LOOPBACK.fullmatch(host)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return False
    try:
        if found["four"]:
            return ipaddress.IPv4Address(found["four"]).is_loopback
        return not found["six"] or ipaddress.IPv6Address(found["six"]) == ipaddress.IPv6Address("::1")
    except ValueError:
        return False


def is_here(model: Any) -> bool:
    """Whether a model runs on this machine: it says so, and its host, if it names one, is loopback."""
    host = getattr(model, "host", "")
    return getattr(model, "endpoint", None) == "local_model" and (not host or is_loopback(str(host)))


def host_of(model: Any) -> str:
    """Where a model runs, in words."""
    host = str(getattr(model, "host", "") or "")
    if is_here(model):
        return f"{THIS_MACHINE} ({host}, {BY_THE_PLAN})" if host else THIS_MACHINE
    return host or UNNAMED


def through_cluster(host: str) -> str:
    """Where requests go if the writer is on the nodes of a cluster, or is reached from them."""
    return RAY_CLUSTER if not host or is_loopback(host) else f"{RAY_CLUSTER} and {host}"


def check_spread(rules: Iterable[EgressRule], method: str) -> None:
    """Check that no prompt of a method holds private text, before prompts are sent to workers on a cluster.

    Raises:
        PrivacyError: the method's table lets a writer see private text, or says nothing about its writer.
    """
    writers = [rule for rule in rules if rule.role == "writer"]
    if not writers or any(rule.kind == "private" for rule in writers):
        raise PrivacyError(
            f"The writer of the method {method} reads private text, and with Ray such text would move "
            "between processes and nodes. Nothing was read, and nothing was sent.",
            hint="Leave --engine ray out, or use a method whose prompts hold none, such as strict.",
        )


def check(rules: Iterable[EgressRule], models: Mapping[str, Any], *, private: bool = False) -> None:
    """Check that every model is allowed to receive what its role receives.

    Args:
        rules: the table of the method.
        models: the models by role; None if there is none.
        private: whether the method reads private text: a model that the table does not name must then run on
            this machine too.

    Raises:
        PrivacyError: a model that must run on this machine does not, or does not say so.
    """
    rules = tuple(rules)
    unnamed = models.keys() - {rule.role for rule in rules} if private else ()
    for rule in (*rules, *(EgressRule("", role, "private", "here", "private texts") for role in unnamed)):
        model = models.get(rule.role)
        if rule.place == "here" and model is not None and not is_here(model):
            kind = "classifiers" if rule.role == "sentiment" else f"{rule.role}s"
            raise PrivacyError(
                f"The {rule.role} {model.name} runs on {host_of(model)}. It would be sent {rule.sees}, "
                "which must stay on this machine. Nothing was read.",
                hint=rule.way_out or f"{how_to_stay(model)} See: rpsg list {kind}",
            )


def how_to_stay(model: Any) -> str:
    """A hint for a model that is not on this machine, or whose server was not declared to be."""
    if is_loopback(str(getattr(model, "host", ""))):
        return "If that server runs on this machine, say so in the plan: [server] this_machine = true."
    return "Choose a model on this machine."


def egress_table(
    rules: Iterable[EgressRule],
    models: Mapping[str, Any],
    sent: Mapping[tuple[str, str], int] | None = None,
    readers: str = "",
) -> list[EgressRecord]:
    """What each host was sent, in the order of the table.

    Args:
        rules: the table of the method.
        models: the models by role; None if there is none.
        sent: requests that returned from a writer, by host and model; None if their number is private.
        readers: the machines whose models read the private texts, if not this one.
    """
    table = []
    for rule in rules:
        if rule.role == "mechanisms":
            table.append(EgressRecord(THIS_MACHINE, rule.role, "", rule.kind, rule.sees))
        elif rule.role == "writer" and sent is not None and rule.kind != "private":
            table += [
                EgressRecord(host, rule.role, model, rule.kind, rule.sees, number)
                for (host, model), number in sorted(sent.items())
            ]
        elif (model := models.get(rule.role)) is not None:
            if readers and rule.kind == "private":
                table += _read_by(readers, rule, model)
            else:
                table.append(EgressRecord(host_of(model), rule.role, model.name, rule.kind, rule.sees))
    return table


def _read_by(readers: str, rule: EgressRule, model: Any) -> Iterator[EgressRecord]:
    """One line for a model that read private texts elsewhere; two for an embedder: it also reads drafts."""
    yield EgressRecord(readers, rule.role, model.name, "private", "private texts")
    if rule.role == "embedder":
        drafts_at = RAY_CLUSTER if readers.startswith(RAY_CLUSTER) else host_of(model)
        yield EgressRecord(drafts_at, rule.role, model.name, "dp_outputs", "synthetic texts")


def hosts(table: Iterable[EgressRecord]) -> list[str]:
    """The hosts other than this machine, each once."""
    return list(dict.fromkeys(line.host for line in table if not line.host.startswith(THIS_MACHINE)))
