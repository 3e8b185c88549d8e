"""The manual cannot drift from the program."""

from __future__ import annotations

from pathlib import Path

from rpsg.cli.options import SETTINGS
from rpsg.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_current() -> None:
    """If this fails: python -m rpsg.cli.reference > docs/cli.md."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_command_and_setting_is_on_the_page() -> None:
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
    assert all(setting.told in page for setting in SETTINGS)


def test_every_option_has_one_plain_line() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    for row in rows:
        said = row.strip("| ").split(" | ")[1]
        assert said.endswith("."), row
        assert len(said) <= 140, row
