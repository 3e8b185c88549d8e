"""``rpsg init`` writes a plan file that reads back."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import typer

from rpsg.cli import init
from rpsg.plan import Plan, described, read_toml, resolve

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Rpsg


def written(name: str = "rpsg.toml") -> Plan:
    return resolve(read_toml(Path(name)))


def test_without_a_terminal_the_defaults_are_written(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("init").code == 0
    assert written() == Plan()


def test_options_are_written(fake: Api, rpsg: Rpsg) -> None:
    about = 'notes of "nurses"; 100 % \\ ünï\x7f'
    rpsg(
        "init",
        "a.csv",
        "--label",
        "mood",
        "--labels",
        "good,bad",
        "--about",
        about,
        "--epsilon",
        "1",
        "-o",
        "p.toml",
    )
    plan = written("p.toml")
    assert (plan.data.path, plan.data.labels, plan.privacy.epsilon) == ("a.csv", ("good", "bad"), 1.0)
    assert plan.corpus.about == about


def test_every_key_has_a_comment(fake: Api, rpsg: Rpsg) -> None:
    rpsg("init")
    lines = Path("rpsg.toml").read_text().splitlines()
    key = re.compile(r"(# )?\w+ = ")
    bare = [line for before, line in pairwise(lines) if key.match(line) and not before.startswith("# ")]
    assert bare == []


def test_the_file_is_planned_next(fake: Api, rpsg: Rpsg) -> None:
    rpsg("init", "--epsilon", "1.5")
    rpsg("plan")
    assert fake.plan.privacy.epsilon == 1.5


def test_an_existing_file_is_kept(fake: Api, rpsg: Rpsg) -> None:
    Path("rpsg.toml").write_text("mine")
    assert rpsg("init").code == 2
    assert Path("rpsg.toml").read_text() == "mine"


def test_a_wrong_value_is_refused_before_a_file_is_written(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("init", "--epsilon", "0").code == 2
    assert not Path("rpsg.toml").exists()


def test_a_place_that_cannot_be_written_is_a_sentence(fake: Api, rpsg: Rpsg) -> None:
    assert rpsg("init", "-o", "no/such/folder/p.toml").code == 7


def test_what_matters_is_asked_on_a_terminal(fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes.csv").write_text("body,author\nfine,me\n")
    answers = iter(["notes.csv", "body", "", "author", "de", "nurses' notes", "", "300", "1.5", "cc-by-4.0"])
    asked: list[str] = []

    def prompt(question: str, **_: object) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert rpsg("init").code == 0
    plan = written()
    assert len(asked) == 10
    assert "clinical-de" in asked[6]
    assert all("Columns: body, author." in question for question in asked[1:4])
    assert not any("Columns" in question for question in (asked[0], *asked[4:]))
    assert (plan.data.text, plan.data.label, plan.data.user) == ("body", None, "author")
    assert plan.data.language == "de"
    assert (plan.corpus.about, plan.privacy.epsilon) == ("nurses' notes", 1.5)
    assert (plan.corpus.size, plan.corpus.license) == (300, "cc-by-4.0")


def test_the_column_that_is_offered_is_one_of_the_file() -> None:
    assert init._usual("data.text", "text", ["id", "review_text"]) == "review_text"
    assert init._usual("data.text", "text", ["user_id", "title", "Notes"]) == "Notes"
    assert init._usual("data.text", "text", ["user_id", "x"]) == "", "an id is no text"
    assert init._usual("data.text", "text", ["x"]) == "x"
    assert init._usual("data.text", "text", ["id", "text"]) == "text"
    assert init._usual("data.text", "text", []) == "text"


def test_a_column_that_the_file_does_not_have_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["3", "boddy", " BODY ", ""])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(answers))
    assert init._answer("Which?", "", ["id", "body"]) == "body"
    assert init._answer("Which?", "", ["id", "body"]) == "", "an answer may be left out"


def test_a_first_row_in_place_of_a_header_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Zaphod went home; and slept; badly, they said to all of us here\n")
    assert init._columns({"data.path": str(file)}) == []


def test_the_file_is_short_and_with_all_it_has_every_setting(fake: Api, rpsg: Rpsg) -> None:
    rpsg("init", "a.csv", "--delta", "1e-5")
    assert len(Path("rpsg.toml").read_text().splitlines()) < 45
    rpsg("init", "a.csv", "--delta", "1e-5", "--all", "-o", "all.toml")
    assert len(Path("all.toml").read_text().splitlines()) > 200
    assert (
        written() == written("all.toml") == resolve({"data": {"path": "a.csv"}, "privacy": {"delta": 1e-5}})
    )


def test_a_plan_without_data_says_what_is_missing(fake: Api, rpsg: Rpsg) -> None:
    assert "Write the path of the private texts into rpsg.toml" in " ".join(rpsg("init").out.split())


def test_what_an_option_answered_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "")
    assert init.ask({key: "given" for key, _ in init.QUESTIONS}) == {}


def test_the_schema_knows_every_setting_with_its_default_and_description(fake: Api, rpsg: Rpsg) -> None:
    schema = rpsg("init", "--schema").json
    assert not Path("rpsg.toml").exists()
    for setting in described(Plan):
        node = schema
        for part in setting.key.split("."):
            node = node["properties"][part]
            node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        assert node["description"] == setting.about
        assert node["default"] == (list(setting.default) if setting.kind == "list" else setting.default)
        allowed = node.get("enum") or next((n["enum"] for n in node.get("anyOf", ()) if "enum" in n), ())
        assert tuple(allowed) == setting.choices


def test_editors_find_the_schema_beside_the_plan_and_the_plan_is_the_same(
    fake: Api, rpsg: Rpsg, tmp_path: Path
) -> None:
    assert rpsg("init", "--epsilon", "3", "-o", str(tmp_path / "a.toml")).code == 0
    assert rpsg("init", "--epsilon", "3", "--editor", "-o", str(tmp_path / "b.toml")).code == 0
    first, _, rest = (tmp_path / "b.toml").read_text(encoding="utf-8").partition("\n")
    assert first == "#:schema ./rpsg.schema.json"
    assert rest == (tmp_path / "a.toml").read_text(encoding="utf-8")
    schema = json.loads((tmp_path / "rpsg.schema.json").read_text(encoding="utf-8"))
    assert schema == rpsg("init", "--schema").json
    jsonschema.validate(tomllib.loads(rest), schema)


def test_the_schema_takes_what_init_writes_and_refuses_what_a_plan_refuses(fake: Api, rpsg: Rpsg) -> None:
    schema = rpsg("init", "--schema").json
    rpsg("init", "--epsilon", "1", "--n-public", "500")
    plan = tomllib.loads(Path("rpsg.toml").read_text())
    jsonschema.validate(plan, schema)
    for wrong in ({"privacy": {"epsilom": 1}}, {"privacy": {"epsilon": 0}}, {"method": {"select": "luck"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**plan, **wrong}, schema)
