"""`rpsg purge`, `publish`, `keygen`, `verify --key` and `ledger` as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
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
    assert "This page is private" in opened.out
    assert "This page is private" not in rpsg("verify", str(run)).out
    assert "the commitment opens on these data" in opened.out
    assert rpsg("purge", str(run)).code == 2, "nobody is there to be asked"
    assert rpsg("purge", str(run / "elsewhere")).code == 7, "and a folder that there is not comes first"
    assert (run / "private" / "vault.json").exists()
    purged = rpsg("purge", str(run), "--yes")
    assert purged.code == 0
    assert "What a purge does not reach" in purged.out
    assert rpsg("verify", str(run)).code == 0
    assert rpsg("verify", str(run), "--with-vault").code == 7


def test_a_place_of_the_data_without_the_vault_is_refused(rpsg: Rpsg, run: Path) -> None:
    assert rpsg("verify", str(run), "--data", "texts.csv").code == 2


def test_a_public_key_signs_nothing_and_the_private_one_is_named(
    rpsg: Rpsg, run: Path, tmp_path: Path
) -> None:
    rpsg("keygen", str(tmp_path / "mine"))
    refused = rpsg("publish", str(run), "--sign", str(tmp_path / "mine.pub"))
    assert refused.code == 2
    assert str(tmp_path / "mine") in refused.err.replace("\n", "")
    assert "chmod" not in refused.err


def test_an_entry_for_the_registry_is_printed_or_written(rpsg: Rpsg, run: Path, tmp_path: Path) -> None:
    printed = rpsg("ledger", "export", str(run), "--registry")
    assert json.loads(printed.out)["status"] == "Draft"
    told = rpsg("ledger", "export", str(run), "--registry", "-o", str(tmp_path / "entry.json"))
    assert "deployment.implementation.justification" in told.out
    assert json.loads((tmp_path / "entry.json").read_text()) == json.loads(printed.out)
    assert rpsg("ledger", "export", str(run)).code == 2
    before = (run / "release" / "ledger.json").read_bytes()
    for taken in (run / "release" / "ledger.json", tmp_path):
        refused = rpsg("ledger", "export", str(run), "--registry", "-o", str(taken))
        assert (refused.code, "exists already" in " ".join(refused.err.split())) == (2, True)
    assert (run / "release" / "ledger.json").read_bytes() == before


def test_the_printed_schema_is_that_of_the_ledger_of_a_run(rpsg: Rpsg, run: Path) -> None:
    printed = rpsg("ledger", "schema").json
    jsonschema.Draft202012Validator.check_schema(printed)
    ledger = json.loads((run / "release" / "ledger.json").read_bytes())
    jsonschema.Draft202012Validator(printed).validate(ledger)
    assert not jsonschema.Draft202012Validator(printed).is_valid({**ledger, "rows": 300})


def test_a_pair_of_keys_needs_a_name(rpsg: Rpsg) -> None:
    assert "needs a name" in rpsg("keygen", "").err


def test_keys_that_cannot_be_written_there_are_to_be_written_elsewhere(rpsg: Rpsg, tmp_path: Path) -> None:
    seen = rpsg("keygen", str(tmp_path / "no" / "mine"))
    assert seen.code == 2
    assert "rpsg keygen FOLDER/NAME" in seen.err


def test_private_files_in_the_clear_are_an_option_by_name(rpsg: Rpsg, lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(300)))
    (lab.folder / "rpsg.toml").write_text(plan.to_toml())
    out = lab.folder / "open"
    done = rpsg(
        "run", "--config", str(lab.folder / "rpsg.toml"), "--vault", "none", "-o", str(out), "--quiet"
    )
    assert done.code == 0
    assert json.loads((out / "release" / "ledger.json").read_text())["vault"] == "none"
