"""Whether any attack sees a leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpsg.audit.subject import NotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpsg.audit.finding import Finding
    from rpsg.audit.subject import Subject


def raises_alarm(case: Subject, attacks: Mapping[str, Callable[[Subject], Finding]], *, least: int) -> bool:
    """Whether an attack finds a lower bound above 0; more than ``least`` of them must be able to run."""
    bounds = []
    for attack in attacks.values():
        try:
            bounds.append(attack(case).epsilon_lower or 0.0)
        except NotRunError:
            continue
    assert len(bounds) > least
    return max(bounds) > 0.0
