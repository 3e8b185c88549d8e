"""The hole: the commitment's nonce belonged to the run folder, the same for whatever came out of it.

A folder that was copied before its release, or whose release was taken away, gave two public commitments
that were equal exactly when the rows were: a test that tells for certain whether anybody was added.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from rpsg.pipeline.verification.opening import open_run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def commitment(run: Path) -> str:
    return str(json.loads((run / "release" / "ledger.json").read_bytes())["private_commitment"]["value"])


def test_releases_of_the_same_rows_from_one_folder_have_different_commitments(lab: Lab) -> None:
    plan = lab.plan(lab.file(lab.rows(150)), privacy={"lifetime_epsilon": 20.0})
    first = lab.run(plan).path
    before = commitment(first)
    shutil.rmtree(first / "release")
    second = lab.run(plan).path
    assert commitment(second) != before
    assert (second / "private" / "commitment").read_text() == commitment(second)


def test_a_commitment_is_opened_with_its_own_nonce(lab: Lab) -> None:
    file = lab.file(lab.rows(150))
    run = lab.run(lab.plan(file)).path
    shutil.rmtree(run / "release")
    lab.run(lab.plan(file))
    assert open_run(run)[0].ok
    file.write_text(file.read_text().replace("tea", "oil"))
    assert not open_run(run)[0].ok
