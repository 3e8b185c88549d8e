"""RPSG makes a synthetic text corpus from a private one, with a privacy claim that can be checked.

run = rpsg.synthesize("notes.csv", text="note", about="notes that nurses write", out="RUN")
print(run.summary)
rpsg.verify(run)

Each name is imported when it is first used, so that ``import rpsg`` stays light. The import only switches off
the telemetry of the libraries that run models, and silences the logger ``rpsg`` until a program gives it a
handler. Attacks are in ``rpsg.audit``, comparisons in ``rpsg.compare``, and the interfaces for plug-ins in
``rpsg.protocols``.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpsg.hardening import switch_off_telemetry
from rpsg.version import VERSION

if TYPE_CHECKING:
    from rpsg.api import (
        check,
        evaluate,
        examine,
        make_plan,
        preview,
        read_run,
        run,
        samples,
        synthesize,
        verify,
    )
    from rpsg.errors import (
        BudgetError,
        DataError,
        InfeasibleError,
        LimitError,
        LostProcessError,
        MissingExtraError,
        ModelError,
        PlugInError,
        PrivacyError,
        RpsgError,
        RunError,
        UsageError,
        VerificationError,
    )
    from rpsg.measures import Line, Measure, Report
    from rpsg.plan import Keywords, Plan
    from rpsg.plan.previews import Preview, Sample, Samples
    from rpsg.privacy.verify import Check
    from rpsg.protocols import Progress
    from rpsg.release.run import Diagnosis, Run, Verification
    from rpsg.storage.readers import Reading

__version__ = VERSION
__all__ = [
    "BudgetError",
    "Check",
    "DataError",
    "Diagnosis",
    "InfeasibleError",
    "Keywords",
    "LimitError",
    "Line",
    "LostProcessError",
    "Measure",
    "MissingExtraError",
    "ModelError",
    "Plan",
    "PlugInError",
    "Preview",
    "PrivacyError",
    "Progress",
    "Reading",
    "Report",
    "RpsgError",
    "Run",
    "RunError",
    "Sample",
    "Samples",
    "UsageError",
    "Verification",
    "VerificationError",
    "check",
    "evaluate",
    "examine",
    "make_plan",
    "preview",
    "read_run",
    "run",
    "samples",
    "synthesize",
    "verify",
]
#: The modules of those public names that are neither in ``rpsg.api`` nor in ``rpsg.errors``.
_ELSEWHERE = {
    **dict.fromkeys(("Line", "Measure", "Report"), "rpsg.measures"),
    **dict.fromkeys(("Keywords", "Plan"), "rpsg.plan"),
    **dict.fromkeys(("Preview", "Sample", "Samples"), "rpsg.plan.previews"),
    **dict.fromkeys(("Diagnosis", "Run", "Verification"), "rpsg.release.run"),
    "Check": "rpsg.privacy.verify",
    "Progress": "rpsg.protocols",
    "Reading": "rpsg.storage.readers",
}
#: Packages that can be used after ``import rpsg`` alone.
_PACKAGES = ("audit", "compare")

switch_off_telemetry()
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"rpsg.{name}")
    if name in __all__:
        usual = "rpsg.errors" if name.endswith("Error") else "rpsg.api"
        return getattr(import_module(_ELSEWHERE.get(name, usual)), name)
    raise AttributeError(f"module 'rpsg' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, so that a Python prompt can complete them before they are imported."""
    return sorted({*__all__, *_PACKAGES, "__version__"})
