"""The entry for the public registry says what the ledger says, and leaves open what no ledger knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rpsg.errors import UsageError, VerificationError
from rpsg.release.reader import Release
from rpsg.report.deployment import deployment, missing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab

#: What entries of the registry have, by section; those of 2026.
SECTIONS = {
    "basic",
    "dp_variant",
    "privacy_loss",
    "deployment_model",
    "accounting",
    "implementation",
    "administrative",
}


def test_an_entry_has_the_registry_s_form_and_the_ledger_s_numbers(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    entry = deployment(Release(run.path))
    told, claim = entry["deployment"], run.ledger["claim"]
    assert set(told) == SECTIONS
    assert told["privacy_loss"]["privacy_parameters"] == {
        "epsilon": claim["epsilon"],
        "delta": claim["delta"],
    }
    assert told["privacy_loss"]["privacy_unit"] == "User-level"
    assert told["deployment_model"]["model_name"] == "Central"
    for mechanism in run.ledger["mechanisms"]:
        assert mechanism["stage"] in told["implementation"]["mechanisms"]
    for line in run.ledger["not_covered"]:
        assert line in told["dp_variant"]["unprotected_quantities"]
    assert json.loads(json.dumps(entry)) == entry


def test_what_no_ledger_knows_is_left_to_the_publisher(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(300))))
    assert set(missing(deployment(Release(run.path)))) == {
        "deployment.basic.data_curators.data_curator_name",
        "deployment.basic.data_curators.data_curator_type",
        "deployment.basic.intended_use",
        "deployment.basic.data_product_region",
        "deployment.basic.data_product_sector",
        "deployment.basic.publication_date",
        "deployment.implementation.justification",
        "deployment.administrative.sources",
        "deployment.administrative.registry_authors",
    }


def test_what_claims_nothing_has_no_entry(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(40)), method={"name": "paper"}))
    with pytest.raises(UsageError, match="claims no differential privacy"):
        deployment(Release(run.path))


def test_a_ledger_in_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_text("{}")
    with pytest.raises(VerificationError, match="cannot be read"):
        deployment(Release(tmp_path))
