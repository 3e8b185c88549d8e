"""What the tests of pages that lead to a release have in common: the pages, and typing what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rpsg.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def downloads_weights(words: Sequence[str]) -> bool:
    """Whether the command needs the network of an index for weights, and somebody who accepts their terms."""
    return list(words[:3]) == ["rpsg", "models", "pull"]


#: Each way from somebody's own file to a verified release: all commands, in order.
GERMAN, FRENCH, SPANISH = (typed(block) for block in blocks(LANGUAGES, "console"))
WAYS = {
    "clinic": commands(CLINIC),
    "conversations": commands(VISITS),
    "gateway": commands(GATEWAY),
    "tickets": commands(TICKETS),
    "German": GERMAN,
    "French": FRENCH,
    "Spanish": SPANISH,
}
#: What most of them begin with.
INSTALL = ["pip", "install", ".[local]"]


def walk(way: Sequence[Sequence[str]], programs: Path) -> list[str]:
    """Type a way in the folder of the test; returns what each command printed.

    ``programs`` are those of an environment in which its first line was typed (the fixture ``installed``).
    Weights are not downloaded: the tests name models that need none.
    """
    install, *others = way
    assert list(install) == INSTALL
    return [_printed(programs, words) for words in others if not downloads_weights(words)]


def _printed(programs: Path, words: Sequence[str]) -> str:
    program, *more = words
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "200"}
    done = subprocess.run(
        [programs / program, *more], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (words, done.stdout + done.stderr)
    return done.stdout + done.stderr


def type_all(page: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Type every command of a page in this process, but those that install or download."""
    for words in commands(page):
        if words[0] == "rpsg" and not downloads_weights(words):
            code = main(words[1:])
            said = capsys.readouterr()
            assert code == 0, (words, said.out + said.err)
    return said.out


def released(folder: str | Path) -> str:
    """Everything in a release, byte for byte, as characters of Latin-1."""
    files = [file for file in Path(folder, "release").rglob("*") if file.is_file()]
    return b"\n".join(file.read_bytes() for file in files).decode("latin-1")


def as_released(text: str) -> str:
    """A text in the form in which ``released`` has it."""
    return text.encode().decode("latin-1")
