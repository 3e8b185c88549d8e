"""The manual cannot drift from the program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docs.reference import reference, settings_page

from rpsg.plan import Plan, described

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "page"), [("cli.md", reference), ("settings.md", settings_page)], ids=["commands", "settings"]
)
def test_the_page_is_current(name: str, page: Callable[[], str]) -> None:
    """If this fails: make reference."""
    assert (DOCS / name).read_text(encoding="utf-8") == page()


def test_every_command_is_on_the_page() -> None:
    page = reference()
    for command in (
        "init",
        "plan",
        "run",
        "verify",
        "explain",
        "list",
        "models list",
        "models pull",
        "models check",
    ):
        assert f"## rpsg {command}\n" in page


def test_every_setting_is_in_its_section_with_its_option() -> None:
    sections = {part.partition("]")[0]: part for part in settings_page().split("## [")[1:]}
    for setting in described(Plan):
        section, _, name = setting.key.rpartition(".")
        row = next(line for line in sections[section].splitlines() if line.startswith(f"| `{name}`"))
        assert setting.about in row.replace("\\|", "|")
        assert setting.option in row


def test_every_option_has_one_plain_line() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    for row in rows:
        said = row.strip("| ").split(" | ")[1]
        assert said.endswith("."), row
        assert len(said) <= 140, row
