"""``rpsg check`` tells the operator which rows a run would leave out, and never what they hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rpsg.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Rpsg

SECRET = "ZQXSECRET"
ROWS = [
    json.dumps({"text": SECRET, "user": SECRET, "label": "good"}),
    json.dumps({"text": SECRET, "user": None, "label": "good"}),
    json.dumps({"text": SECRET, "user": SECRET, "label": SECRET}),
    json.dumps({"text": SECRET}).removesuffix("}"),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(ROWS))
    return path


OPTIONS = ("--user", "user", "--label", "label", "--labels", "good,bad")


def test_rows_are_named_by_number_and_reason(rpsg: Rpsg, file: Path) -> None:
    seen = rpsg("check", str(file), *OPTIONS)
    assert seen.code == 3
    assert "This page is private" in seen.out
    for number, why in ((2, "the user is missing"), (3, "not one of those declared"), (4, "not valid JSON")):
        assert any(str(number) in line and why in line for line in seen.out.splitlines())
    assert "Declared: bad, good." in seen.out
    assert SECRET not in seen.out + seen.err


def test_the_facts_are_there_as_json(rpsg: Rpsg, file: Path) -> None:
    found = rpsg("check", str(file), *OPTIONS, "--json").json["check"]
    assert (found["rows"], found["used"], found["private"]) == (4, 1, True)
    assert found["left_out"]["the user is missing"] == {"rows": 1, "first": [2]}


def test_rows_counted_as_other_are_no_fault(rpsg: Rpsg, file: Path) -> None:
    file.write_text("\n".join([ROWS[0], ROWS[2]]))
    seen = rpsg("check", str(file), *OPTIONS, "--unlisted", "other")
    assert seen.code == 0
    assert 'Counted as "other" (1)' in seen.out
    assert "Every row can be used." in seen.out


def test_a_plan_file_says_what_is_looked_at_even_one_that_refuses(rpsg: Rpsg, file: Path) -> None:
    plan = Plan.model_validate({"data": {"path": "data.jsonl", "user": "user", "unusable": "refuse"}})
    (file.parent / "rpsg.toml").write_text(plan.to_toml())
    seen = rpsg("check")
    assert seen.code == 3
    assert "the user is missing" in seen.out
    assert "not valid JSON" in seen.out


def test_only_the_first_rows_are_listed_unless_all_are_wanted(rpsg: Rpsg, file: Path) -> None:
    file.write_text("\n".join([ROWS[0], *[ROWS[1]] * 30]))
    assert "31" not in rpsg("check", str(file), *OPTIONS).out.partition("What to do")[0].partition("why")[2]
    assert "31  the user is missing" in rpsg("check", str(file), *OPTIONS, "--all").out


def test_a_misspelt_column_is_answered_with_the_keys_there_are(rpsg: Rpsg, file: Path) -> None:
    seen = rpsg("check", str(file), "--text", "review")
    assert seen.code == 3
    assert "text, user, label" in " ".join(seen.err.split())


def test_a_file_without_a_usable_row_is_listed_too(rpsg: Rpsg, file: Path) -> None:
    file.write_text(ROWS[3])
    seen = rpsg("check", str(file))
    assert seen.code == 3
    assert "jq" in seen.out


def test_no_data_is_a_usage_error(rpsg: Rpsg, file: Path) -> None:
    file.unlink()
    assert rpsg("check").code == 2


def test_its_help_says_that_it_is_private(rpsg: Rpsg) -> None:
    assert "private" in rpsg("check", "--help").out


FRENCH = "Le chien n'est pas avec le chat dans la maison."


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (
            [FRENCH, FRENCH, "Rien", "Parfait", "The dog is not with the cat in the house."],
            "French (fr) in 2 of the 3 rows whose language can be recognized; 2 more are too short, or in",
        ),
        ([FRENCH, FRENCH], "French (fr) in all 2 rows whose language can be recognized. If you knew"),
        (["Knie rechts, Röntgen o. B.", "Husten"], "language not recognized"),
    ],
)
def test_the_language_is_one_of_the_rows_that_can_be_told(
    rpsg: Rpsg, file: Path, texts: list[str], told: str
) -> None:
    file.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    assert told in " ".join(rpsg("check", str(file)).out.split())
