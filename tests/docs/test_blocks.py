"""Every command and every line of Python in the documents is executed by a test, or its page says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.blocks import BLOCK, ROOT, blocks_of, execute, furnish, names, pages, without_weights

from rpsg.cli import main

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = {page.relative_to(ROOT).as_posix(): blocks_of(page) for page in pages()}
#: Pages that tests of their own execute from the first block to the last.
OWN_TESTS = {
    "docs/extending.md": "tests/docs/test_extending.py",
    "docs/clinical-csv.md": "tests/docs/test_ways_in.py",
    "docs/dialogues.md": "tests/docs/test_ways_in.py",
    "docs/gateway.md": "tests/docs/test_gateway_way.py",
    "docs/viewer.md": "tests/viewer/test_view_command.py",
    "docs/shards.md": "tests/docs/test_shards_page.py",
    "docs/tickets.md": "tests/docs/test_ways_in.py",
    "docs/languages.md": "tests/docs/test_languages_page.py",
}
TYPED = [
    page for page, blocks in BLOCKS.items() if page not in OWN_TESTS and any(not b.reason for b in blocks)
]
#: Pages that begin with a finished run, and its folder.
WITH_A_RUN = {"docs/report.md": "RUN", "docs/evaluation.md": "runs/reviews"}


@pytest.mark.slow
@pytest.mark.parametrize("page", TYPED)
@pytest.mark.filterwarnings("default")  # a page may show what warns
def test_what_a_page_shows_can_be_typed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    without_weights(monkeypatch)
    furnish(tmp_path, page)
    if page in WITH_A_RUN:
        made = ["run", "reviews.csv", "--text", "review", "--user", "customer", "-o", WITH_A_RUN[page]]
        assert main(made) == 0
    given = names()
    for block in BLOCKS[page]:
        if not block.reason:
            execute(block, given, capsys)


def test_a_block_that_is_not_executed_says_why() -> None:
    """The reason is one that a reader understands; the pages with tests of their own need none."""
    reasons = {b.reason for blocks in BLOCKS.values() for b in blocks if b.reason}
    assert len(reasons) > 5
    assert all(len(reason.split()) > 3 for reason in reasons)
    assert [page for page in OWN_TESTS if page not in BLOCKS or not (ROOT / OWN_TESTS[page]).is_file()] == []


def test_no_more_blocks_are_left_out() -> None:
    """The number may only go down, and that of the blocks that are executed only up."""
    every = [block for blocks in BLOCKS.values() for block in blocks]
    left_out = [block for block in every if block.reason]
    assert len(left_out) <= 62
    assert len(every) - len(left_out) >= 62


def test_a_reason_belongs_to_the_block_below_it_alone() -> None:
    page = (
        "```console\nrpsg plan\n```\n\n<!-- not executed: it takes hours -->\n```console\nmake bench\n```\n"
    )
    told = [(match["content"], match["reason"]) for match in BLOCK.finditer(page)]
    assert told == [("rpsg plan\n", None), ("make bench\n", "it takes hours")]
