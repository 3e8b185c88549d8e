"""A release as an entry of the public registry of differential-privacy deployments."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from rpsg.domains import read_pack
from rpsg.errors import RpsgError, VerificationError
from rpsg.json_text import strict_json
from rpsg.plan import resolve
from rpsg.privacy.schema import ledger_schema, violations
from rpsg.report.deployment import deployment
from rpsg.storage.layout import EVIDENCE, LEDGER, PACK, PLAN
from rpsg.storage.untrusted import copied, release_in

if TYPE_CHECKING:
    from pathlib import Path


def registry_entry(path: Path) -> dict[str, Any]:
    """The entry of the release in ``path`` or in the run folder ``path``; see ``report.deployment``.

    Raises:
        VerificationError: there is no release, or its ledger or its plan cannot be read.
        UsageError: the release makes no claim of differential privacy.
    """
    with copied(release_in(path)) as copy:
        try:
            ledger = strict_json((copy / LEDGER).read_bytes())
            broken = next(violations(ledger, ledger_schema()), "")
            plan = resolve(tomllib.loads((copy / EVIDENCE / PLAN).read_text(encoding="utf-8")))
            about = plan.corpus.about or read_pack(copy / EVIDENCE / PACK).about
        except (OSError, ValueError, RecursionError, RpsgError):
            broken = "a file is missing or is not in its form"
        if broken:
            raise VerificationError(
                f"The ledger or the plan of this release cannot be read ({broken}).",
                hint=f"Look at it with: rpsg verify {path}",
            )
        return deployment(ledger, about)
