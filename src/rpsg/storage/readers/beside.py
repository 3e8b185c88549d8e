"""The values of columns beside the text. The row alone decides which declared value, period or range it has.

Dates are read as 2025-03-31, 2025/03/31, 20250331 or 31.03.2025, with or without a time after them. A
declared column of months, quarters or years may also contain these themselves. If day and month could be
confused, as in 03/04/2025, no date is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.plan.columns import period_of, range_of
from rpsg.storage.readers.spelling import is_compound, spelled

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rpsg.plan.columns import Column

_DATE = re.compile(
    r"(?:(?P<y>[0-9]{4})(?P<s>[-/]?)(?P<m>[0-9]{2})(?P=s)(?P<d>[0-9]{2})"
    r"|(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4}))"
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?:Z|UTC|[AP]M|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
#: The most digits of a number. Longer ones are read as names, because Python needs hours to convert some of
#: them.
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads the values of one column. ``declared`` maps the one spelling of each value to the value."""

    column: Column
    declared: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.column.name

    def value_of(self, spelling: str) -> str | None:
        """The declared value, period or range for a value in its one spelling; None if there is none."""
        if self.column.by == "value":
            return self.declared.get(spelling)
        if self.column.by == "number":
            number = _number(spelling)
            return None if number is None else range_of(self.column, number)
        if spelling in self.declared:
            return self.declared[spelling]
        day = _day(spelling)
        return None if day is None else period_of(self.column, day)

    def problem(self, value: object) -> str:
        """Why a row has no declared value: the same words for all such rows of this column."""
        if is_compound(value):
            return f"the value of {self.name!r} is a list or an object"
        if spelled(value) is None:
            return f"the value of {self.name!r} is missing"
        return f"the value of {self.name!r} is not one of those declared"

    @property
    def hint(self) -> str:
        """What to do about such a row."""
        values = self.column.values
        some = ", ".join(values[:10]) + (", ..." if len(values) > 10 else "")
        return (
            f"Declared for {self.name!r}: {some}. Correct the row or the declaration, or count such rows as "
            f"one more value with --unlisted other."
        )


def by_spelling(values: Collection[str], what: str = "label") -> dict[str, str]:
    """The declared values, by the spelling that is compared with a file; ``what`` names them in errors.

    Raises:
        UsageError: a declared value would be an empty cell in a file, or two would be the same there.
    """
    declared: dict[str, str] = {}
    for value in values:
        name = spelled(value)
        if name is None:
            hint = (
                f"Leave the empty {what} out: the setting [data] unlisted decides what happens to rows "
                f"without a {what}."
            )
            raise UsageError(f"A declared {what} is empty.", hint=hint)
        if name in declared:
            raise UsageError(
                f"Two of the declared {what}s mean the same value.",
                hint="They differ only in spelling, like 5 and 5.0, or true and True. Declare only one of "
                "them.",
            )
        declared[name] = value
    return declared


def reader_of(column: Column) -> ColumnReader:
    """What reads the values of ``column``; with the errors of ``by_spelling``."""
    return ColumnReader(column, by_spelling(column.values, "value"))


def _number(spelling: str) -> Decimal | None:
    if len(spelling) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(spelling)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _day(spelling: str) -> date | None:
    found = _DATE.fullmatch(spelling)
    if found is None:
        return None
    year, month, day = (found[a] or found[b] for a, b in (("y", "year"), ("m", "month"), ("d", "day")))
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
