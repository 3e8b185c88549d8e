"""RPSG: a private text corpus in, a synthetic one and a checkable privacy claim out.

run = rpsg.synthesize("notes.csv", text="note", about="notes that nurses write", out="RUN")
print(run.summary)
rpsg.verify("RUN")

Names are looked up when they are used, so that ``import rpsg`` stays light. One thing is done at once: the
libraries under the models are told not to report to their makers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.telemetry import switch_off
from rpsg.version import VERSION

if TYPE_CHECKING:
    from rpsg.api import evaluate, make_plan, preview, read_run, run, synthesize, verify
    from rpsg.results import Line, Measure, Report

__version__ = VERSION
__all__ = [
    "Line",
    "Measure",
    "Report",
    "evaluate",
    "make_plan",
    "preview",
    "read_run",
    "run",
    "synthesize",
    "verify",
]
#: Names that are not in ``rpsg.api``: what ``evaluate`` gives.
_RESULTS = ("Line", "Measure", "Report")

switch_off()


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("rpsg.results" if name in _RESULTS else "rpsg.api"), name)
    raise AttributeError(f"module 'rpsg' has no attribute {name!r}")
