"""``rpsg doctor`` judges a server as a run does: its texts, and whether it needs a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.faulty import FaultyServer, answer

if TYPE_CHECKING:
    from tests.cli.conftest import Rpsg
    from tests.models.openai.faulty import Asked

REFUSES = "I'm sorry, but I can't assist with that."
PLACES = ("market", "harbour", "mill", "garden", "station", "bakery", "bridge", "cellar")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def story(asked: Asked) -> dict[str, Any]:
    """A text that a run can use, and that is not like the others."""
    seed = asked.body.get("seed", 0)
    here, there = PLACES[seed % 8], PLACES[seed // 8 % 8]
    return answer(f"We walked from the {here} to the {there}, and {seed % 97} people were {there} guests.")


def typed(server: FaultyServer) -> tuple[str, ...]:
    return ("--writer", "openai:m", "--embedder", "fake", "--base-url", server.url)


def test_a_writer_whose_texts_no_run_can_use_is_found_as_a_run_finds_it(rpsg: Rpsg) -> None:
    """The doctor said that a run can start, and the run ended with 6."""
    Path("rows.jsonl").write_text('{"text": "The soup came late."}\n' * 300)
    with FaultyServer(lambda _: answer(REFUSES)) as server:
        shown = rpsg("doctor", *typed(server))
        ran = rpsg("run", "rows.jsonl", *typed(server), "-o", "run", "-q")
    assert (shown.code, ran.code) == (1, 6)
    assert "A run can start." not in shown.out
    examined = " ".join(shown.out.split())
    assert "8 of 8: refused politely" in examined
    assert " ".join(ran.err.split()).partition(" Use another")[0] in examined, "in the same words"


def test_a_server_on_this_machine_needs_no_key_as_for_a_run(rpsg: Rpsg) -> None:
    with FaultyServer(story) as server:
        shown = rpsg("doctor", *typed(server))
    assert shown.code == 0, shown.out
    assert "A run can start." in shown.out
    assert "keys: OPENAI_API_KEY is not set; a server at the address" in " ".join(shown.out.split())
