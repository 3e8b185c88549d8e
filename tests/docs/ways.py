"""What the tests of pages that lead to a release have in common: the pages, and typing what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.cli import main

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("clinical-csv", "dialogues", "gateway", "tickets", "languages")
CLINIC, VISITS, GATEWAY, TICKETS, LANGUAGES = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in PAGES
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """What the page tells to type, from installing on."""
    return typed("".join(blocks(page, "console")))


def typed(block: str) -> list[list[str]]:
    """The commands of a block, in words."""
    return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]


def type_all(page: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Type every command of a page but those that need the network of a package index or a model hub."""
    for program, *words in commands(page):
        if program == "rpsg" and words[:2] != ["models", "pull"]:
            code = main(words)
            said = capsys.readouterr()
            assert code == 0, (words, said.out + said.err)
    return said.out
