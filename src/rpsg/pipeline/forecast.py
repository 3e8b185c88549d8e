"""What a run will use, compared with the plan's limits: requests, tokens, money and time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rpsg import registry
from rpsg.methods.budget import about_few_people
from rpsg.methods.languages import language_of_texts
from rpsg.methods.named import cautions_of, method_of
from rpsg.models.catalog import licence_of
from rpsg.pipeline.cost import find_price, price_for, read_prices
from rpsg.plan.previews import Forecast
from rpsg.privacy import egress
from rpsg.textstats.languages import ENGLISH, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rpsg.domains import Pack
    from rpsg.methods.base import Workload
    from rpsg.plan import Plan
    from rpsg.privacy.accounting import Budget
    from rpsg.privacy.egress import EgressRule
    from rpsg.registry import Kind

#: Prefixes of the names of models that are asked over a network, at the address in ``[server]``.
SERVED = ("openai", "azure")
PROVIDER = "the provider's own address"
UNKNOWN_PLACE = "wherever its package runs it"


def unencrypted(plan: Plan) -> Iterator[str]:
    """A warning that others can read requests on their way to the server, if they are not encrypted."""
    server = plan.server
    served = (str(name or "").partition(":")[0] in SERVED for _, name in plan.models)
    if server.plain_http and server.base_url.startswith("http:") and any(served):
        host = urlsplit(server.base_url).netloc.rpartition("@")[2]
        yield (
            f"Requests go to {host} without encryption (--plain-http): anybody who can listen on the network "
            "in between can read every prompt, every text and the key."
        )


def forecasts(plan: Plan, work: Workload | None, seconds: float | None) -> tuple[Forecast, ...]:
    """The forecast of everything that can be limited. Without a declared workload no figure is known.

    Raises:
        UsageError: the plan limits the cost of a writer whose price is not known.
    """
    limits, here = plan.limits, runs_here(plan, "writer")
    price = price_for(plan.models.writer, here=here, prices=limits.prices, needed=limits.cost is not None)
    known = here or find_price(plan.models.writer, here=here, table=read_prices(limits.prices)) is not None
    nothing: tuple[float | None, float | None] = (None, None)
    requests, tokens, cost = nothing, nothing, nothing
    if work is not None:
        most = work.most_tokens
        requests = (work.requests, work.most_requests)
        tokens = (work.prompt + work.completion, sum(most) if most else None)
        if known:
            cost = (price.of(work.prompt, work.completion), price.of(*most) if most else None)
    return (
        Forecast("requests", "--max-requests", *requests, limits.requests),
        Forecast("tokens", "--max-tokens", *tokens, limits.tokens),
        Forecast("cost", "--max-cost", *cost, limits.cost),
        Forecast("seconds", "--max-seconds", seconds, None, limits.seconds),
    )


def warnings(lines: Sequence[Forecast]) -> Iterator[str]:
    """A sentence for each limit that will be reached, or may be."""
    for line in lines:
        if line.cap is None or line.about is None:
            continue
        then = f"The run then stops cleanly, and resumes with a larger {line.option}."
        if line.about > line.cap:
            yield (
                f"The limit of {line.cap:,g} ({line.what}) will be reached: "
                f"about {line.about:,.6g} are needed. {then}"
            )
        elif line.at_most is not None and line.at_most > line.cap:
            yield (
                f"The limit of {line.cap:,g} ({line.what}) may be reached: about {line.about:,.6g} are "
                f"needed, at most {line.at_most:,.6g}. {then}"
            )


def about_prices(plan: Plan) -> str:
    """The source of the writer's price; empty for one that costs nothing."""
    table, here = read_prices(plan.limits.prices), runs_here(plan, "writer")
    found = find_price(plan.models.writer, here=here, table=table)
    if found is None:
        return "" if here else "no table of prices names this writer; see --prices"
    if not (found.prompt or found.completion):
        return ""
    return (
        f"{found.prompt:g} and {found.completion:g} {table.currency} a million tokens read and written, "
        f"as seen on {found.seen}; check your provider"
    )


def refusals(plan: Plan) -> Iterator[str]:
    """A sentence for each model that the run will refuse, because of where it runs."""
    for way in _not_here(plan):
        if (place := place_of(plan, way.role)) != UNKNOWN_PLACE:
            yield (
                f"The {way.role} would be sent {way.sees}, but does not run on this machine "
                f"({place}). The run would be refused. Choose a {way.role} that runs on this machine."
            )


def possible_refusals(plan: Plan) -> Iterator[str]:
    """A sentence for each model that must run on this machine, if only its package knows whether it does."""
    for way in _not_here(plan):
        if place_of(plan, way.role) == UNKNOWN_PLACE:
            yield (
                f"The {way.role} would be sent {way.sees}, and runs {UNKNOWN_PLACE}. If that is not this "
                "machine, the run is refused."
            )


def _not_here(plan: Plan) -> Iterator[EgressRule]:
    """The rules for models that must run on this machine, and do not by their names."""
    for way in method_of(plan).egress_of(plan):
        if way.place == "here" and place_of(plan, way.role) and not runs_here(plan, way.role):
            yield way


def place_of(plan: Plan, role: str) -> str:
    """Where the plan runs the model of a role, in words; empty when there is no such model."""
    names: dict[str, tuple[Kind, str | None]] = {
        "writer": ("writers", plan.models.writer),
        "embedder": ("embedders", plan.models.embedder),
        "scorer": ("scorers", plan.models.scorer),
        "sentiment": ("classifiers", plan.models.sentiment or "sentiment"),
    }
    if role not in names:
        return egress.THIS_MACHINE  # a mechanism, or a model that only methods with seeds have
    kind, name = names[role]
    place = _place(plan, kind, name) if name else ""
    if role == "writer" and plan.engine.is_elsewhere:
        return egress.through_cluster("" if place.startswith(egress.THIS_MACHINE) else place)
    return place


def _place(plan: Plan, kind: Kind, name: str) -> str:
    beginning = name.partition(":")[0]
    if beginning in SERVED:
        host = urlsplit(plan.server.base_url).netloc.rpartition("@")[2]
        if egress.is_loopback(host) and plan.server.this_machine:
            return f"{egress.THIS_MACHINE} ({host}, {egress.BY_THE_PLAN})"
        return host or PROVIDER
    if registry.is_plain(name) and not registry.is_known(kind, name):
        return ""  # no such model: that is one of the plan's obstacles
    known = {entry.partition(":")[0] for entry in registry.built_in(kind)}
    built_in = beginning in known or "/" in name or beginning == "hf"
    return egress.THIS_MACHINE if built_in or name.endswith(".gguf") else UNKNOWN_PLACE


def runs_here(plan: Plan, role: str) -> bool:
    """Whether the plan runs the model of a role on this machine, as far as its name shows."""
    return place_of(plan, role).startswith(egress.THIS_MACHINE)


def notes_before(plan: Plan, pack: Pack, budget: Budget | None) -> Iterator[str]:
    """What is worth knowing before a run."""
    if licence := licence_of(plan.models.writer):
        yield f"The writer is {plan.models.writer}, under: {licence}."
    if (language := language_of_texts(plan, pack)) not in ENGLISH:
        yield f"The texts will be in {name_of(language)} ({language}), the language of the pack {pack.name}."
    yield from unencrypted(plan)
    yield from cautions_of(plan)
    if few := about_few_people(plan, budget):
        yield few
