"""What ``import rpsg`` hands on: three lines from a private corpus to one that may be shared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.plan import Plan, resolve

if TYPE_CHECKING:
    from rpsg.protocols import Progress
    from rpsg.results import Preview, Run, Verification


def make_plan(*layers: Mapping[str, Any]) -> Plan:
    """A checked plan from layered settings (later layers win); UsageError says which key is wrong."""
    return resolve(*layers)


def preview(plan: Plan) -> Preview:
    """What a run of this plan would do and cost; nothing is spent, no private row is read.

    Raises InfeasibleError when the declared number of people cannot carry the schema or the size.
    """
    raise NotImplementedError


def run(plan: Plan, out: str | Path, progress: Progress | None = None) -> Run:
    """Run the plan in the folder ``out``, or go on with a run that stopped there."""
    raise NotImplementedError


def verify(release: str | Path, *, regenerate: bool = False) -> Verification:
    """Check a release folder (or a run folder): arithmetic of the claim, then replay of the corpus."""
    raise NotImplementedError


def read_run(path: str | Path) -> Run:
    """A finished run, read from its folder."""
    raise NotImplementedError
