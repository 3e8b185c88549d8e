"""RPSG: a private text corpus in, a synthetic one and a checkable privacy claim out.

run = rpsg.synthesize("notes.csv", text="note", about="notes that nurses write", out="RUN")
print(run.summary)
rpsg.verify("RUN")

Names are imported when they are used, so that ``import rpsg`` stays light; it only switches off the telemetry
of the libraries that run models.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.hardening import switch_off_telemetry
from rpsg.version import VERSION

if TYPE_CHECKING:
    from rpsg.api import check, evaluate, make_plan, preview, read_run, run, samples, synthesize, verify
    from rpsg.errors import RpsgError
    from rpsg.measures import Line, Measure, Report

__version__ = VERSION
__all__ = [
    "Line",
    "Measure",
    "Report",
    "RpsgError",
    "check",
    "evaluate",
    "make_plan",
    "preview",
    "read_run",
    "run",
    "samples",
    "synthesize",
    "verify",
]
#: Where names are that are not in ``rpsg.api``: what ``evaluate`` returns, and the error that all others are.
_ELSEWHERE = dict.fromkeys(("Line", "Measure", "Report"), "rpsg.measures") | {"RpsgError": "rpsg.errors"}

switch_off_telemetry()
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_ELSEWHERE.get(name, "rpsg.api")), name)
    raise AttributeError(f"module 'rpsg' has no attribute {name!r}")
