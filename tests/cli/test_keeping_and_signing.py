"""`rpsg purge`, `publish`, `keygen`, `verify --key` and `ledger export` as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rpsg import api

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Rpsg
    from tests.conftest import Lab


@pytest.fixture
def run(lab: Lab) -> Path:
    return api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run").path


def test_a_release_is_signed_and_checked_with_the_commands_that_the_help_names(
    rpsg: Rpsg, run: Path, tmp_path: Path
) -> None:
    assert rpsg("keygen", str(tmp_path / "key")).code == 0
    signed = json.loads(rpsg("publish", str(run), "--sign", str(tmp_path / "key"), "--json").out)
    checked = rpsg("verify", str(run / "release"), "--key", str(tmp_path / "key.pub"))
    assert checked.code == 0
    assert signed["published"]["fingerprint"] in " ".join(checked.out.split())
    assert rpsg("keygen", str(tmp_path / "other")).code == 0
    assert rpsg("verify", str(run / "release"), "--key", str(tmp_path / "other.pub")).code == 8


def test_the_operator_opens_a_run_and_then_purges_it(rpsg: Rpsg, run: Path) -> None:
    opened = rpsg("verify", str(run), "--with-vault")
    assert opened.code == 0
    assert "the commitment opens on these data" in opened.out
    assert rpsg("purge", str(run)).code == 2, "nobody is there to be asked"
    assert (run / "private" / "vault.json").exists()
    purged = rpsg("purge", str(run), "--yes")
    assert purged.code == 0
    assert "What nobody can promise" in purged.out
    assert rpsg("verify", str(run)).code == 0
    assert rpsg("verify", str(run), "--with-vault").code == 7


def test_an_entry_for_the_registry_is_printed_or_written(rpsg: Rpsg, run: Path, tmp_path: Path) -> None:
    printed = rpsg("ledger", "export", str(run), "--registry")
    assert json.loads(printed.out)["status"] == "Draft"
    told = rpsg("ledger", "export", str(run), "--registry", "-o", str(tmp_path / "entry.json"))
    assert "deployment.implementation.justification" in told.out
    assert json.loads((tmp_path / "entry.json").read_text()) == json.loads(printed.out)
    assert rpsg("ledger", "export", str(run)).code == 2


def test_private_files_in_the_clear_are_an_option_by_name(rpsg: Rpsg, lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    (lab.folder / "rpsg.toml").write_text(plan.to_toml())
    out = lab.folder / "open"
    done = rpsg(
        "run", "--config", str(lab.folder / "rpsg.toml"), "--vault", "none", "-o", str(out), "--quiet"
    )
    assert done.code == 0
    assert json.loads((out / "release" / "ledger.json").read_text())["vault"] == "none"
