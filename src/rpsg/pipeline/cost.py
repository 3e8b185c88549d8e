"""The cost of runs: the price table, which is a file that users edit, and what a run used.

RPSG ships a table without the prices of providers: they change, and a wrong price is worse than none.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  # pydantic reads it at run time
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rpsg.disk.toml_text import read_toml_file
from rpsg.errors import UsageError, in_one_clause
from rpsg.plan import read_toml, resolve
from rpsg.privacy.egress import THIS_MACHINE
from rpsg.release.run import Bill
from rpsg.storage.call_tables import Used
from rpsg.storage.layout import PLAN
from rpsg.storage.limits import Price

if TYPE_CHECKING:
    from rpsg.storage.call_report import CallReport

PACKAGED = "prices.toml"

Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PricedModel(BaseModel):
    """The price of a million tokens of prompts and of completions, and the day on which it was seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    prompt: Money
    completion: Money
    seen: date

    @property
    def price(self) -> Price:
        return Price(self.prompt, self.completion)


class PriceTable(BaseModel):
    """A currency and lines; a writer has the price of the first line whose name matches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str = "USD"
    models: tuple[PricedModel, ...] = ()

    def find(self, name: str) -> PricedModel | None:
        return next((line for line in self.models if fnmatchcase(name, line.name)), None)


def read_prices(path: str = "") -> PriceTable:
    """The table in the file ``path``, or the table that comes with RPSG if no file is named.

    Raises:
        UsageError: the file is not there, or is not a table of prices; the error names the wrong line.
    """
    file = Path(path).expanduser() if path else files("rpsg.models").joinpath(PACKAGED)
    found = read_toml_file(file, "table of prices")
    try:
        return PriceTable.model_validate(found)
    except ValidationError as error:
        raise UsageError(
            f"The table of prices {file} is not valid: {in_one_clause(error.errors()[0])}.",
            hint="A line looks like: " + example("openai:NAME").replace("\n", " "),
        ) from None


def find_price(writer: str, *, here: bool, table: PriceTable) -> PricedModel | None:
    """The line of the price table for a writer, by its name in the plan; None if its price is not known."""
    return table.find(THIS_MACHINE if here else writer)


def price_for(writer: str, *, here: bool, prices: str = "", needed: bool) -> Price:
    """The price of a writer: zero if it runs on this machine and the table does not name it.

    Args:
        writer: its name in the plan.
        here: whether it runs on this machine.
        prices: the file of the table; empty for the table that comes with RPSG.
        needed: whether a cap on cost depends on it.

    Raises:
        UsageError: the price is needed and not known; the error shows the lines to write.
    """
    found = find_price(writer, here=here, table=read_prices(prices))
    if found is None and not here and needed:
        raise UsageError(
            f"The price of {writer} is not known, so the limit on cost cannot be kept.",
            hint=(
                f"Ask your provider for its prices, write these lines with them into "
                f"{prices or 'a file prices.toml'}, and name the file with --prices:\n{example(writer)}"
            ),
        )
    return found.price if found else Price()


def example(writer: str) -> str:
    """The lines of a price table for a writer, with the numbers left open."""
    return "\n".join(
        (
            "[[models]]",
            f'name = "{writer}"',
            "prompt = ...  # for a million tokens that are read",
            "completion = ...  # for a million tokens that are written",
            "seen = YYYY-MM-DD  # the day you looked",
        )
    )


def bill_of(run: Path, public: CallReport, private: CallReport | None = None, prices: str = "") -> Bill:
    """What the run in the folder ``run``, finished or not, has used so far, and what that costs.

    ``public`` and ``private`` report its two call stores; ``prices`` is a price table that replaces the
    plan's.

    Raises:
        UsageError: the plan of the run or the table of prices cannot be read.
    """
    plan = resolve(read_toml(run / PLAN))
    used = public.used + (private.used if private else Used())
    table = read_prices(prices or plan.limits.prices)
    # Each call is stored with its host. Either all calls of a run stay on this machine, or all go to one
    # server.
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
