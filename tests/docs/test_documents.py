"""What the documents tell to type exists, and what they point at is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.cli import logs
from rpsg.cli.app import EXIT_CODES, parser
from rpsg.domains import find_pack, pack_names
from rpsg.privacy.claims import not_covered

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
    if "run" not in page.relative_to(ROOT).parts
)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(rpsg [^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TYPED = re.compile(r"^(?:rpsg|make|pip|python)\b")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands_of(page: Path) -> Iterator[str]:
    """Every line of a console block, and every inline command that starts with rpsg."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from INLINE.findall(text)


def rpsg_commands() -> list[tuple[str, str]]:
    return [(named(page), line) for page in PAGES for line in commands_of(page) if line.startswith("rpsg ")]


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words call, and the words left for it."""
    command, words = parser, logs.from_command(words)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = getattr(command, "commands")[words[0]], words[1:]  # noqa: B009  # typer types it as a plain command
    return command, words


@pytest.mark.parametrize(("page", "line"), rpsg_commands())
def test_every_command_in_the_documents_can_be_typed(page: str, line: str) -> None:
    command, words = found(shlex.split(line)[1:])
    assert not hasattr(command, "commands") or not [w for w in words if not w.startswith("-")], (page, line)
    options = {name for parameter in command.params for name in parameter.opts}
    asked = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert asked <= options | {"--version"}, (page, asked - options)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_console_blocks_hold_only_commands(page: Path) -> None:
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        assert all(TYPED.match(line) for line in block.replace("\\\n", " ").splitlines()), named(page)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target, _, heading = link.partition("#")
        if "://" in target:
            continue
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), (named(page), link)
        if heading:
            assert heading in set(headings(place)), (named(page), link)


def headings(page: Path) -> Iterator[str]:
    """The anchors of a page's headings, as code hosts make them."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            words = line.lstrip("#").strip().lower().replace("`", "")
            yield re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = {m for page in PAGES for m in re.findall(r"`?make ([a-z]+)[` \n]", _code(page))}
    assert {"demo", "test"} <= typed <= targets


def _code(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return "\n".join([*BLOCK.findall(text), *re.findall(r"`[^`\n]+`", text)]) + "\n"


def test_every_domain_pack_in_the_documents_exists() -> None:
    table = (ROOT / "docs" / "domain-packs.md").read_text(encoding="utf-8").partition("## Your own")[0]
    names = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert sorted(names) == sorted(pack_names())
    assert [find_pack(name).name for name in names] == names


def test_every_exit_code_is_told() -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [
        c for c, _ in EXIT_CODES
    ]


def test_no_document_names_a_place_of_one_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(?:work|root|tmp|home)/", page.read_text(encoding="utf-8")), named(
            page
        )


def test_every_test_that_the_page_of_the_claim_names_is_there() -> None:
    """The page names for each sentence the tests that hold it."""
    text = (ROOT / "docs" / "privacy-claim.md").read_text(encoding="utf-8")
    tests = re.findall(r"`(tests/[^`]+)`", text)
    assert len(tests) > 20
    assert [name for name in tests if not (ROOT / name).is_file()] == []


def test_the_page_of_the_claim_lists_what_every_claim_does_not_cover() -> None:
    text = " ".join((ROOT / "docs" / "privacy-claim.md").read_text(encoding="utf-8").split())
    unit = {"unit": "user", "unusable_rows": "drop"}
    assert [line for line in not_covered(unit) if f"- {line}" not in text] == []
