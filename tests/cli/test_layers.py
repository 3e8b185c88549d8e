"""Defaults < file < environment < options, and the page says which of them spoke."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Rpsg

FILE = '[privacy]\nepsilon = 1.0\nn_public = 500\n[data]\npath = "a.csv"\n'


def test_without_anything_the_defaults_are_the_plan(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("plan").code == 0
    assert fake.plan == type(fake.plan)()


def test_the_file_beats_the_defaults(fake: Api, rpsg: Rpsg) -> None:
    Path("other.toml").write_text(FILE)
    rpsg("plan", "--config", "other.toml")
    assert (fake.plan.privacy.epsilon, fake.plan.data.path) == (1.0, "a.csv")


def test_a_plan_file_in_this_folder_is_found(fake: Api, rpsg: Rpsg) -> None:
    Path("rpsg.toml").write_text(FILE)
    page = rpsg("plan")
    assert fake.plan.privacy.n_public == 500
    assert "file rpsg.toml" in page.out


def test_the_environment_beats_the_file(fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rpsg.toml").write_text(FILE)
    monkeypatch.setenv("RPSG_PRIVACY__EPSILON", "3")
    monkeypatch.setenv("RPSG_PRIVACY__SHARES__VOTES", "0.5")
    page = rpsg("plan")
    assert (fake.plan.privacy.epsilon, fake.plan.privacy.n_public) == (3.0, 500)
    assert fake.plan.privacy.shares.votes == 0.5
    assert "environment RPSG_PRIVACY__EPSILON" in page.out


def test_an_option_beats_the_environment(fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPSG_PRIVACY__EPSILON", "3")
    settings = rpsg("plan", "--epsilon", "4", "--json").json["settings"]
    assert settings["privacy.epsilon"] == {"value": 4.0, "from": "option --epsilon"}
    assert settings["privacy.delta"]["from"] == "default"


def test_labels_are_written_with_commas(fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    rpsg("plan", "--label", "mood", "--labels", "good, bad")
    assert fake.plan.data.labels == ("good", "bad")
    monkeypatch.setenv("RPSG_DATA__LABELS", "up,down")
    rpsg("plan", "--label", "mood")
    assert fake.plan.data.labels == ("up", "down")


@pytest.mark.parametrize(
    ("typed", "labels"),
    [
        (['"Food, drink",Garden'], ("Food, drink", "Garden")),
        (['"Food, drink"', "Garden"], ("Food, drink", "Garden")),
        (['"Food, drink"', '"Tea, coffee"'], ("Food, drink", "Tea, coffee")),
        (['Garden,"Say ""hi"", please"'], ("Garden", 'Say "hi", please')),
        (['Garden & "yard"', "Home"], ('Garden & "yard"', "Home")),
        (["1,5", "2,5"], ("1", "5", "2")),
        (['"1,5"', '"2,5"'], ("1,5", "2,5")),
        (["\u6625\uff0c\u79cb", "\u51ac"], ("\u6625\uff0c\u79cb", "\u51ac")),
    ],
)
def test_a_label_may_hold_commas_and_quotes_and_the_option_may_be_repeated(
    fake: Api, rpsg: Rpsg, typed: list[str], labels: tuple[str, ...]
) -> None:
    done = rpsg("plan", "--label", "kind", *(word for label in typed for word in ("--labels", label)))
    if len(set(labels)) == len(labels) and "1,5" not in typed:
        assert (done.code, fake.plan.data.labels) == (0, labels)
        shown = " ".join(done.out.split())
        again = shlex.split(shown[shown.rindex("rpsg run") :])
        rpsg("plan", "--label", "kind", "--labels", again[again.index("--labels") + 1])
        assert fake.plan.data.labels == labels, "as the page says that it is typed"
    else:
        assert done.code == 2, "a decimal comma without quotes is two labels, one of them twice"
        assert "declared twice" in done.err


def test_a_label_that_holds_a_comma_stands_in_quotes_and_is_retyped_so(fake: Api, rpsg: Rpsg) -> None:
    shown = rpsg("plan", "--label", "kind", "--labels", 'Home/Garden, "Food, drink"').out
    assert fake.plan.data.labels == ("Home/Garden", "Food, drink")
    assert """--labels 'Home/Garden,"Food, drink"'""" in " ".join(shown.split())


def test_a_variable_of_another_part_of_rpsg_is_no_setting(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_HOME", "anywhere")
    monkeypatch.setenv("RPSG_DATA__LABEL", "")
    assert rpsg("plan").code == 0
    assert fake.plan.data.label is None


def test_a_variable_with_one_underscore_is_refused(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_PRIVACY_EPSILON", "3")
    failed = rpsg("plan")
    assert failed.code == 2
    assert "RPSG_PRIVACY__EPSILON" in failed.err


def test_a_misspelt_key_says_where_it_was_written(fake: Api, rpsg: Rpsg) -> None:
    Path("rpsg.toml").write_text("[privacy]\nepsilom = 1.0\n")
    failed = rpsg("plan")
    assert failed.code == 2
    assert "privacy.epsilom" in failed.err
    assert "file rpsg.toml" in failed.err


@pytest.mark.parametrize(
    ("text", "words"),
    [("data = 'a.csv'\n", "not in any section"), ("[data\n", "not valid TOML")],
    ids=["no-section", "not-toml"],
)
def test_a_broken_plan_file_is_a_sentence(fake: Api, rpsg: Rpsg, text: str, words: str) -> None:
    Path("rpsg.toml").write_text(text)
    failed = rpsg("plan")
    assert (failed.code, words in failed.err) == (2, True)


def test_a_missing_plan_file_names_the_command_that_writes_one(fake: Api, rpsg: Rpsg) -> None:
    failed = rpsg("plan", "--config", "none.toml")
    assert failed.code == 2
    assert "rpsg init" in failed.err


def test_a_section_given_as_a_value_is_refused(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_PRIVACY__SHARES", "1")
    monkeypatch.setenv("RPSG_PRIVACY__SHARES__VOTES", "1")
    assert rpsg("plan").code == 2
