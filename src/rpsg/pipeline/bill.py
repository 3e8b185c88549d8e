"""The bill of a run: what its call stores hold, at the prices of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.pipeline.cost import find_price, read_prices
from rpsg.plan import read_toml, resolve
from rpsg.privacy.egress import THIS_MACHINE
from rpsg.results import Bill
from rpsg.storage.call_tables import Used
from rpsg.storage.layout import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.storage.call_report import Callbook


def bill_of(run: Path, public: Callbook, private: Callbook | None = None, prices: str = "") -> Bill:
    """What the run in the folder ``run`` has used and what that costs.

    ``prices`` is a table of prices to use in place of the one that the run's plan names.

    Raises:
        UsageError: the plan of the run or the table of prices cannot be read.
    """
    plan = resolve(read_toml(run / PLAN))
    used = public.used + (private.used if private else Used())
    table = read_prices(prices or plan.limits.prices)
    # Where a call went is noted with it: a run stays on the machine, or goes to one server.
    hosts = (*public.hosts, *(private.hosts if private else ()))
    here = all(host.startswith(THIS_MACHINE) for host in hosts)
    found = find_price(plan.models.writer, here=here, table=table)
    known = here or found is not None
    price = found.price if found else None
    unsure = used.unsure_prompt + used.unsure_completion
    cost = price.of(used.prompt_tokens, used.completion_tokens) if price else 0.0
    more = price.of(used.unsure_prompt, used.unsure_completion) if price else 0.0
    return Bill(
        requests=used.requests,
        lost=used.lost,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        unsure_tokens=unsure,
        seconds=None if private else used.seconds,
        cost=cost if known else None,
        at_most_cost=cost + more if known else None,
        currency=table.currency,
        prices=f"as seen on {found.seen}" if found else "",
    )
