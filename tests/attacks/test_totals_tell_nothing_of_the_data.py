"""What was released before, and from which rows, changes nothing that anybody but the operator can see.

The hole: totals over runs were found by an exact match of the content and stood in the public ledger. After
October's file, November's said "2 releases" if nobody had left, and "1" if one person had: an equality test
on private data, with certainty. The refusal at the lifetime cap was the same oracle.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import BudgetError
from rpsg.privacy.odometer import Odometer, account_name
from rpsg.protocols import Silent
from rpsg.storage.run_folder import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

    Retell = Callable[[Run], None]


@dataclass
class Screen(Silent):
    """Keeps all that a run says."""

    said: list[str] = field(default_factory=list)

    def start(self, stage: str, total: int | None = None) -> None:
        self.said.append(f"{stage} {total}")

    def note(self, message: str) -> None:
        self.said.append(message)

    def done(self, **facts: object) -> None:
        self.said.append(repr(facts))


def own_state(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An installation that has seen nothing yet."""
    monkeypatch.setenv("RPSG_HOME", str(folder))


RANDOM = (
    r'"(?:ledger_id|run_id|entry_sha256|value|draw)": ?"[0-9a-f]{32,64}"',
    r'"at":"[^"]*"',  # the time of a line in the journal of the folder, which is not private
)


def public(run: Path) -> dict[str, bytes]:
    """Everything outside the private folder, without ids, random bits, times and the files' own hashes."""
    found = {}
    for path in sorted(run.rglob("*")):
        inside = path.relative_to(run).parts
        if path.is_file() and "private" not in inside and path.suffix != ".sqlite":
            text = path.read_bytes().decode("utf-8", "replace")
            for pattern in RANDOM:
                text = re.sub(pattern, '"random"', text)
            found["/".join(inside)] = re.sub(r"[0-9a-f]{32,64}", "hash", text).encode()
    return found


def test_nobody_can_see_whether_novembers_rows_are_octobers(
    lab: Lab, retell: Retell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lab.rows(300)
    own_state(monkeypatch, tmp_path / "home-a")
    october = lab.run(lab.plan(lab.file(rows, "october.jsonl")), "october")
    retell(october)
    seen = {}
    for name, november in (("same", rows), ("one less", rows[:-1]), ("one more", [*rows, rows[0]])):
        own_state(monkeypatch, tmp_path / f"home-{name}")
        lab.run(lab.plan(lab.file(rows, "october.jsonl")), f"october {name}")
        screen = Screen()
        run = lab.run(lab.plan(lab.file(november, "november.jsonl")), f"{name}/run", progress=screen)
        seen[name] = (public(run.path), screen.said)
    assert seen["same"] == seen["one less"] == seen["one more"]
    assert len(seen["same"][0]) > 10


def test_the_comparison_would_see_a_total(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    before = public(run.path)
    ledger = run.release / "ledger.json"
    ledger.write_text(ledger.read_text().replace('"cost": {', '"cost": {"releases": 2,'))
    assert public(run.path) != before


def test_no_public_word_speaks_of_other_runs(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"account": "the-declared-name"})
    lab.run(plan, "one")
    run = lab.run(plan, "two")
    assert set(run.ledger["cost"]) == {"mu2", "delta_fail"}
    assert "cumulative" not in run.ledger
    assert any("any other release from these data" in line for line in run.ledger["not_covered"])
    for name, content in public(run.path).items():
        if name.startswith("release/"):
            assert b"the-declared-name" not in content, name
            assert not re.search(rb"over all runs|in \d+ runs|lifetime budget|have now spent", content), name


@pytest.mark.parametrize("less", [0, 1], ids=["the same rows", "one person less"])
def test_the_refusal_at_the_cap_depends_on_the_declared_account_alone(lab: Lab, less: int) -> None:
    rows = lab.rows(300)
    small: dict[str, Any] = {"privacy": {"lifetime_epsilon": 5.0}}
    lab.run(lab.plan(lab.file(rows, "october.jsonl"), **small), "october")
    november = lab.file(rows[less:], "november.jsonl")
    lab.run(lab.plan(november, **small), "november")  # another place, another account
    declared: dict[str, Any] = {**small, "data": {"account": "reviews"}}
    lab.run(lab.plan(november, **declared), "first")
    with pytest.raises(BudgetError, match="'reviews' has used epsilon"):
        lab.run(lab.plan(lab.file(rows[:200], "others.jsonl"), **declared), "second")


def test_the_operator_is_told_in_the_private_folder_and_nowhere_else(lab: Lab) -> None:
    rows = lab.rows(300)
    one = lab.run(lab.plan(lab.file(rows, "october.jsonl")), "one")
    screen = Screen()
    moved = lab.file(rows[::-1], "november.jsonl")
    two = lab.run(lab.plan(moved), "two", progress=screen)
    assert "under no account except" in (one.path / "private" / "notes.md").read_text()
    told = (two.path / "private" / "notes.md").read_text()
    assert "october.jsonl" in told
    assert not any("october" in line for line in screen.said)
    assert not any(b"october" in content for content in public(two.path).values())
    totals = [
        Odometer().statement(account_name("", r)).totals[0] for r in (lab.folder / "october.jsonl", moved)
    ]
    assert totals[0].mu2 == totals[1].mu2 == pytest.approx(two.ledger["cost"]["mu2"])


def test_the_operators_own_ledger_has_the_total_and_the_public_one_has_not(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)), data={"account": "reviews"})
    runs = [lab.run(plan, name) for name in ("one", "two")]
    mine = [json.loads(open_vault(r.path).read("ledger.private.json"))["facts"] for r in runs]
    assert mine[1]["paid"]["totals"][0]["mu2"] == pytest.approx(2 * mine[0]["paid"]["totals"][0]["mu2"])
    assert mine[1]["paid"]["reserved_by"] == []
    assert [r.ledger["cost"]["mu2"] for r in runs] == [pytest.approx(mine[0]["paid"]["totals"][0]["mu2"])] * 2
