"""Which rows of a private file a run would leave out, for the operator only.

Private data is opened without a mechanism, so the result is as private as the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.errors import UsageError
from rpsg.privacy.private import open_private
from rpsg.storage.readers import Rules, read_by_rule

if TYPE_CHECKING:
    from rpsg.plan import Plan
    from rpsg.storage.readers import Reading


def check(plan: Plan) -> Reading:
    """The rows of the plan's data as a run reads them, and those that it cannot use.

    Raises:
        DataError: the file cannot be read at all.
        UsageError: no data is named.
    """
    if not plan.data.path:
        raise UsageError("No data was named.", hint="Name the file: rpsg check reviews.csv --text review")
    return open_private(read_by_rule(plan.data, Rules("drop", plan.data.unlisted), tells=True))
