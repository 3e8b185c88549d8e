"""A run with a published audit, and what tests of publishing share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.audit import audit_run, canary_run
from rpsg.disk.json_text import strict_json
from rpsg.models.fake import FILLER
from rpsg.privacy.signing import make_pair
from rpsg.testing.lab import APPLE
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.audit import AuditReport

FEW = ("near-copies", "copies", "refer", "extraction", "exposure", "noisy-answers", "noise-left")


@dataclass
class Published:
    """A run at epsilon 2 whose audit was published, and what its ledger says."""

    run: Path
    key: Path
    before: dict[str, Any]
    caution: str

    @property
    def ledger(self) -> dict[str, Any]:
        return dict(strict_json((self.run / "release" / "ledger.json").read_bytes()))


def rows(lab: Lab, count: int) -> list[dict[str, Any]]:
    """Rows in words of the fake writer: the audit of a corpus in another language has no verdict."""
    return list(lab.rows(count, words=(*APPLE, *FILLER)))


def plan_of(lab: Lab, **data: Any) -> Any:
    """Half of those among whom a control leaks are canaries, so one of its few leaks certainly is."""
    public = lab.file([{"text": text} for text in texts(500, 3)], "public.jsonl")
    about = {"audit_holdout": 0.5, "account": "shop", "audit_canaries": 400, "canary_texts": str(public)}
    return lab.plan(
        lab.file(rows(lab, 200)), corpus={"size": 150}, privacy={"epsilon": 2.0}, data={**about, **data}
    )


def counted_run(lab: Lab, plan: Any) -> Path:
    """An audit run that counts: by its coins, hardly ever, one does not."""
    for attempt in range(3):
        apart = lab.folder / f"audit-{attempt}"
        if canary_run(plan, apart, attacks=FEW).verdict == "no violation seen":
            return apart
    pytest.fail("three audit runs in a row do not count")


def counted_audit(run: Path) -> AuditReport:
    """An audit of a run that counts: by who is held out and what is planted, hardly ever, one does not."""
    for seed in range(3):
        report = audit_run(run, attacks=FEW, seed=seed)
        if report.verdict == "no violation seen":
            return report
    pytest.fail("three audits in a row do not count")


def pair(lab: Lab) -> Path:
    key = lab.folder / "key"
    make_pair(key, lab.folder / "key.pub")
    return key


def kept(run: Path, report: Any) -> None:
    (run / "private" / "audit.json").write_text(report.to_json(with_matches=True))
