"""The page inside releases of version 0.1.0 is made as it was, and rpsg report shows today's."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.report.conftest import changed, read_page

from rpsg.release.reader import Release
from rpsg.report.first_form import first_report, has_first_form
from rpsg.report.page import report

KEPT = Path(__file__).parents[1] / "data" / "releases"


@pytest.fixture(params=["strict", "votes", "split", "paper", "floor"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    """A release that version 0.1.0 made."""
    with tarfile.open(KEPT / f"{request.param}-0.1.0.tar.gz") as packed:
        # Python 3.11 has the argument from its fourth release on.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(tmp_path, **safely)
    return Release(tmp_path / "release", in_place=True)


def test_the_old_page_comes_out_byte_for_byte(old: Release) -> None:
    assert has_first_form(old)
    assert first_report(old).encode() == (old.path / "report.html").read_bytes()


def test_an_old_release_can_be_shown_on_the_page_of_today(old: Release) -> None:
    tree = read_page(report(old))
    assert {"samples", "facts", "short"} <= {e.attributes.get("id") for e in tree.walk()}


def test_a_release_of_another_version_has_the_page_of_today(old: Release) -> None:
    code = {**old.ledger["code"], "version": "0.2.0"}
    assert not has_first_form(changed(old, ledger={**old.ledger, "code": code}))
