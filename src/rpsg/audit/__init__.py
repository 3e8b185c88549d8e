"""Attacks on a synthetic corpus, made by RPSG or by any other tool, and what their outcome proves.

from rpsg.audit import audit

report = audit("synthetic.jsonl", "members.csv", "held-out.csv", epsilon=2, delta=1e-6)
print(report.verdict, report.reason)

Modules are loaded only when they are used, so importing this package loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpsg.audit.of_run import audit_run
    from rpsg.audit.planted_run import canary_run
    from rpsg.audit.report import AuditReport
    from rpsg.audit.run import audit

__all__ = ["AuditReport", "audit", "audit_run", "canary_run"]
_PLACES = {
    "AuditReport": "rpsg.audit.report",
    "audit": "rpsg.audit.run",
    "audit_run": "rpsg.audit.of_run",
    "canary_run": "rpsg.audit.planted_run",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'rpsg.audit' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, which a prompt completes before they are imported."""
    return sorted(__all__)
