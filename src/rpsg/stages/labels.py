"""Which label values a run works with when the data were asked for them: one rule for all who need it.

The run itself, its report and an evaluation derive them from the same noisy answer, and must not differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def labels_found(selected: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """The values of a selection, in order; none where there are fewer than two, which tell nothing apart."""
    found = tuple(sorted(value for value, _ in selected if value.strip()))
    return found if len(found) > 1 else ()
