"""``rpsg models`` over a catalogue that is made up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from rpsg.cli import models
from rpsg.errors import ModelError, UsageError
from rpsg.models import download as assets

if TYPE_CHECKING:
    from tests.cli.conftest import Rpsg

    from rpsg.protocols import Progress

ROWS = [
    assets.AssetRow("good", "writer", 98_000_000, "Apache-2.0", "Writes.", present=True),
    assets.AssetRow("broken", "embedder", 22_000_000, "MIT", "Compares.", present=True),
    assets.AssetRow("away", "data", 12_000, "MIT", "Reviews.", present=False),
]


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(name: str) -> Path:
        if name == "broken":
            raise ModelError("The file x of broken is damaged.", hint="Bring it again.")
        if name not in {row.name for row in ROWS}:
            raise UsageError("There is no such name.")
        return Path("models", name)

    def pull(
        name: str, folder: Path | None = None, progress: Progress | None = None, *, accepted: bool = False
    ) -> Path:
        if progress:
            progress.start(f"pull {name}", 1)
        return check(name)

    monkeypatch.setattr(assets, "listing", lambda: ROWS)
    monkeypatch.setattr(assets, "check", check)
    monkeypatch.setattr(assets, "pull", pull)


def test_the_list_says_what_is_here_and_how_to_bring_the_rest(rpsg: Rpsg) -> None:
    page = rpsg("models", "list").out
    assert "98 MB" in page
    assert "rpsg models pull away" in page
    assert [row["present"] for row in rpsg("models", "list", "--json").json["models"]] == [True, True, False]


def test_a_pull_says_where_it_put_things(rpsg: Rpsg) -> None:
    pulled = rpsg("models", "pull", "good")
    assert str(Path("models", "good")) in pulled.out
    assert "pull good" in pulled.err
    assert rpsg("models", "pull", "good", "--json", "-q").json["pulled"]["name"] == "good"


@pytest.mark.parametrize(
    ("typed", "answer", "accepted"),
    [((), True, True), ((), False, False), (("--accept-licence",), False, True), (("--json",), True, False)],
)
def test_terms_are_shown_whoever_accepts_them_and_asked_for_at_a_terminal(
    rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], *, answer: bool, accepted: bool
) -> None:
    told: list[bool] = []

    def pull(name: str, *, progress: Progress | None, accepted: bool) -> Path:
        told.append(accepted)
        return Path("models", name)

    monkeypatch.setattr(assets, "terms", lambda _: "Do no evil.")
    monkeypatch.setattr(assets, "pull", pull)
    monkeypatch.setattr(models, "can_be_asked", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda _: answer)
    shown = rpsg("models", "pull", "good", *typed)
    assert ("Do no evil." in shown.out) == ("--json" not in typed)
    assert told == [accepted]


def test_all_that_is_here_is_checked_and_a_damaged_one_ends_in_6(rpsg: Rpsg) -> None:
    checked = rpsg("models", "check")
    assert checked.code == 6
    assert "✓ good" in checked.out
    assert "✗ broken: The file x of broken is damaged." in checked.out
    assert "away" not in checked.out
    assert [row["ok"] for row in rpsg("models", "check", "--json").json["checked"]] == [True, False]


def test_one_can_be_checked_by_name(rpsg: Rpsg) -> None:
    assert rpsg("models", "check", "good").code == 0
    assert rpsg("models", "check", "nobody").code == 2


def test_with_nothing_here_the_first_pull_is_named(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "listing", lambda: ROWS[2:])
    assert "rpsg models pull gemma-3-270m" in rpsg("models", "check").out


def test_alone_it_prints_its_help(rpsg: Rpsg) -> None:
    assert "pull" in rpsg("models").out
