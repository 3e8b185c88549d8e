"""Columns beside the text: how a plan declares them, and the values that they can have. All of it is public.

    priority=low|normal|high      its values
    opened=2025-01..2025-12       dates, by month; by year, quarter or day if both ends are one
    age=18<40<65                  numbers, in ranges between these

A plan file may have the table ``[data.columns]`` instead: ``priority = ["low", "normal", "high"]``,
``opened = { from = "2025-01", to = "2025-12" }``, ``age = { edges = [18, 40, 65] }``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from rpsg.arguments import is_text
from rpsg.records import OTHER, OWN_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

Rule = Literal["value", "year", "quarter", "month", "day", "number"]
Period = Literal["year", "quarter", "month", "day"]

#: More columns, or more values of one, would be mostly noise.
MOST_COLUMNS, MOST_VALUES = 8, 60
#: How the two ends of a range of dates are written, from the longest period to the shortest.
_PERIODS: Mapping[Period, re.Pattern[str]] = {
    "year": re.compile(r"[0-9]{4}"),
    "quarter": re.compile(r"[0-9]{4}-Q[1-4]"),
    "month": re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])"),
    "day": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column: ``values`` are its values, or the names of its periods or ranges, in their order."""

    name: str
    by: Rule
    values: tuple[str, ...]
    edges: tuple[Decimal, ...] = ()

    @property
    def text(self) -> str:
        """The declaration, in the standard form, which is the one that a plan has."""
        if self.by == "value":
            return f"{self.name}={'|'.join(self.values)}"
        if self.by == "number":
            return f"{self.name}={'<'.join(map(str, self.edges))}"
        return f"{self.name}={self.values[0]}..{self.values[-1]}"


def declared(text: str) -> Column:
    """The column that ``text`` declares; ValueError says what is wrong, and repeats only a short name."""
    name, _, rest = (part.strip() for part in text.partition("="))
    if not rest:
        fits = name.isprintable() and name and not is_text(name) and "|" not in name
        named = name if fits else "priority"
        raise ValueError(
            f"a column is declared with its values: {named}=low|normal|high, or {named}=2025-01..2025-12 for "
            f"dates, or {named}=18<40<65 for numbers"
        )
    if is_text(name) or not name or not name.isprintable():
        raise ValueError("the name of a column is missing, or is a whole text")
    if name in OWN_NAMES or name.startswith("attribute_"):
        raise ValueError(f"a release has its own column {name!r}; give this one another name in your file")
    first, range_mark, last = rest.partition("..")
    for period, form in _PERIODS.items():
        if range_mark and form.fullmatch(first) and form.fullmatch(last):
            return Column(name, period, _checked(name, _periods(name, period, first, last)))
    numbers = rest.split("<")
    if all(_NUMBER.fullmatch(number.strip()) for number in numbers):
        edges = tuple(Decimal(number.strip()) for number in numbers)
        return Column(name, "number", _checked(name, _ranges(name, edges)), edges)
    return Column(name, "value", _checked(name, tuple(value.strip() for value in rest.split("|"))))


def _checked(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) < 2:
        raise ValueError(
            f"the column {name!r} needs at least two values (low|high), a range of dates (2025-01..2025-12) "
            "or edges of numbers (18<65)"
        )
    if len(values) > MOST_VALUES:
        raise ValueError(f"the column {name!r} has more than {MOST_VALUES} values: combine some of them")
    if len(set(values)) < len(values):
        raise ValueError(f"the column {name!r} declares a value twice")
    if not all(value and value.isprintable() and not is_text(value) for value in values):
        raise ValueError(f"the column {name!r} declares a value that is empty or is not a short name")
    return values


def _ranges(name: str, edges: tuple[Decimal, ...]) -> tuple[str, ...]:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"the edges of the column {name!r} must be in ascending order")
    between = (f"{low} to under {high}" for low, high in pairwise(edges))
    return f"under {edges[0]}", *between, f"{edges[-1]} or more"


def range_of(column: Column, number: Decimal) -> str:
    """The range of ``column`` that a number is in; an edge belongs to the higher range."""
    return column.values[sum(edge <= number for edge in column.edges)]


def _periods(name: str, period: Period, first: str, last: str) -> tuple[str, ...]:
    """The names of all periods from ``first`` to ``last``."""
    ends = [_number(period, end) for end in (first, last)]
    if None in ends or ends[0] >= ends[1]:  # type: ignore[operator]  # None is excluded by the first half
        raise ValueError(f"the column {name!r} needs two dates that exist, the earlier one first")
    start, stop = (int(end or 0) for end in ends)
    if stop - start >= MOST_VALUES:
        raise ValueError(
            f"the column {name!r} has more than {MOST_VALUES} periods: declare longer ones, "
            f"such as months instead of days"
        )
    return tuple(_name(period, number) for number in range(start, stop + 1))


def _number(period: Period, text: str) -> int | None:
    """The running number of a period; None for a day that is not in the calendar."""
    year, _, rest = text.partition("-")
    try:
        match period:
            case "year":
                return int(year)
            case "quarter":
                return 4 * int(year) + int(rest[1:]) - 1
            case "month":
                return 12 * int(year) + int(rest) - 1
            case "day":
                return date.fromisoformat(text).toordinal()
    except ValueError:
        return None


def _name(period: Period, number: int) -> str:
    match period:
        case "year":
            return f"{number:04}"
        case "quarter":
            return f"{number // 4:04}-Q{number % 4 + 1}"
        case "month":
            return f"{number // 12:04}-{number % 12 + 1:02}"
        case "day":
            return date.fromordinal(number).isoformat()


def period_of(column: Column, day: date) -> str | None:
    """The period of ``column`` that a day is in; None for a day outside of all."""
    names = {
        "year": f"{day.year:04}",
        "quarter": f"{day.year:04}-Q{(day.month + 2) // 3}",
        "month": f"{day.year:04}-{day.month:02}",
        "day": day.isoformat(),
    }
    name = names.get(column.by)
    return name if name in column.values else None


def as_texts(given: Any) -> Any:
    """A table of declarations as a tuple of texts. Anything else is returned as given, for the plan to
    check.
    """
    if not isinstance(given, Mapping):
        return given
    return tuple(_of_table(str(name), rule) for name, rule in given.items())


def _of_table(name: str, rule: Any) -> str:
    if "=" in name:
        raise ValueError("the name of a column cannot contain the sign =; rename the column in your file")
    if isinstance(rule, str):
        return f"{name}={rule}"
    if isinstance(rule, Mapping):
        if set(rule) == {"from", "to"}:
            return f"{name}={rule['from']}..{rule['to']}"
        if set(rule) == {"edges"} and isinstance(rule["edges"], Sequence):
            return f"{name}={'<'.join(map(str, rule['edges']))}"
        raise ValueError(
            f"the column {name!r} is declared by a table, which must have either from and to, or edges"
        )
    if isinstance(rule, Sequence):
        values = [str(value) for value in rule]
        if any("|" in value for value in values):
            raise ValueError(f"the column {name!r} has a value with the sign | in it, which separates values")
        return f"{name}={'|'.join(values)}"
    raise ValueError(f'the column {name!r} is declared with its values: ["low", "high"]')


def checked(texts: Iterable[str], read: Iterable[str | None]) -> tuple[str, ...]:
    """The declarations, each in the standard form. ``read``: the names of columns that are read for something
    else.

    Raises:
        ValueError: a declaration cannot be read, or two of them contradict each other.
    """
    columns = [declared(text) for text in texts]
    names = [column.name for column in columns]
    if len(names) > MOST_COLUMNS:
        raise ValueError(f"at most {MOST_COLUMNS} columns can be counted")
    if len(set(names)) < len(names):
        raise ValueError("a column is declared twice")
    if twice := set(names).intersection(read):
        raise ValueError(f"the column {min(twice)!r} is read already, as text, label or user")
    return tuple(column.text for column in columns)


def every_value(column: Column, *, other: bool) -> tuple[str, ...]:
    """Every value that a text of the release can have, including "other" if undeclared values are counted as
    "other".
    """
    return (*column.values, OTHER) if other and OTHER not in column.values else column.values
