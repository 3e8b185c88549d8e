"""What a newcomer types first: too few people, a slip in a name, a file that is none, another language, init.

Each ends before anything is spent, with what to do; and what it says to do works.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Outcome, Rpsg

FAKES = ("--writer", "fake", "--embedder", "fake")
CHEAP = (*FAKES, "--epsilon", "8", "--delta", "1e-5", "--size", "8", "--quiet")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the same rows as JSON Lines, as CSV, and in the encoding of Windows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    rows = [
        {
            "note": f"Frau Müller kam zum {n}. Mal spät.",
            "patient": n,
            "kind": "ab"[n % 2],
            "day": f"2024-0{1 + n % 9}-11",
        }
        for n in range(400)
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = "\n".join([";".join(rows[0]), *(";".join(map(str, row.values())) for row in rows)])
    Path("rows.csv").write_text(table + "\n", encoding="utf-8")
    Path("windows.csv").write_text(table + "\n", encoding="cp1252")
    return tmp_path


def told(outcome: Outcome) -> str:
    return " ".join(outcome.err.split())


def spent(rpsg: Rpsg) -> bool:
    return any(account["totals"] for account in rpsg("budget", "--json").json["accounts"])


# -- too few people ---------------------------------------------------------------------------------------

FEW: dict[str, str] = {
    "the default pack": "--n-public 30 --epsilon 0.5",
    "a clinical pack and eight labels": "--n-public 40 --epsilon 1 --domain clinical "
    "--label kind --labels a,b,c,d,e,f,g,h",
    "a German pack for German notes": "--n-public 25 --epsilon 1 --domain clinical-de --language de",
    "a Spanish pack": "--n-public 60 --epsilon 0.5 --domain support-es",
    "votes in place of a sketch": "--n-public 100 --epsilon 0.3 --select votes",
    "donors, who are no voters": "--n-public 100 --epsilon 0.8 --method split",
    "a budget of a tenth": "--n-public 300 --epsilon 0.1",
}  # fmt: skip


@pytest.mark.parametrize("case", FEW)
def test_too_few_people_are_told_how_many_it_takes_and_which_epsilon(rpsg: Rpsg, case: str) -> None:
    options = ("rows.csv", "--text", "note", "--user", "patient", *FAKES, *FEW[case].split())
    planned = rpsg("plan", *options)
    assert planned.code == 4
    assert rpsg("run", *options, "-o", "run").code == 4
    assert not Path("run").exists()
    assert not spent(rpsg)
    said = told(planned)
    more, epsilon = re.search(r"([\d,]+) people(?=,)", said), re.search(r"--epsilon to (\d+\.\d)", said)
    assert more
    assert epsilon, said
    assert rpsg("plan", *options, "--n-public", more[1].replace(",", "")).code == 0
    assert rpsg("plan", *options, "--epsilon", epsilon[1]).code == 0
    assert rpsg("plan", *options, "--epsilon", str(0.7 * float(epsilon[1]))).code == 4
    assert rpsg("plan", *options, "--method", "floor").code == 0


def test_where_no_epsilon_that_protects_is_enough_this_is_said(rpsg: Rpsg) -> None:
    failed = rpsg("plan", "rows.csv", "--text", "note", *FAKES, "--n-public", "4")
    assert failed.code == 4
    assert "No --epsilon up to 10 is enough" in told(failed)


@pytest.mark.parametrize("epsilon", ["32", "37", "45", "60", "900"])
def test_an_epsilon_that_means_nothing_is_no_bug(rpsg: Rpsg, epsilon: str) -> None:
    failed = rpsg("plan", "rows.csv", "--text", "note", *FAKES, "--select", "votes", "--epsilon", epsilon)
    assert failed.code in {4, 5}, "such a budget exceeds the lifetime budget"
    assert "bug" not in told(failed)


# -- a slip, and the corrected command with the same -o ----------------------------------------------------

RIGHT = (
    "windows.csv --encoding cp1252 --text note --user patient --label kind --labels a,b "
    "--columns day=2024-01..2024-09"
)
SLIPS: dict[str, tuple[str, str]] = {
    "the name of the file": ("windows.csv", "window.csv"),
    "the column of the text": ("--text note", "--text nott"),
    "the column of the person": ("--user patient", "--user patinet"),
    "the column of the label": ("--label kind", "--label Kind"),
    "a column beside the text": ("--columns day=", "--columns dya="),
    "the encoding is missing": ("--encoding cp1252 ", ""),
    "the encoding is another": ("cp1252", "utf-16"),
    "the encoding does not exist": ("cp1252", "cp12522"),
    "the format": ("--text note", "--text note --format jsonl"),
    "the pack": ("--text note", "--text note --domain clinica"),
}  # fmt: skip


@pytest.mark.parametrize("case", SLIPS)
def test_the_corrected_command_runs_in_the_same_folder(rpsg: Rpsg, case: str) -> None:
    wrong = RIGHT.replace(*SLIPS[case])
    assert wrong != RIGHT
    failed = rpsg("run", *wrong.split(), *CHEAP, "-o", "run")
    assert failed.code in {2, 3}, told(failed)
    assert not spent(rpsg)
    done = rpsg("run", *RIGHT.split(), *CHEAP, "-o", "run")
    assert done.code == 0, told(done)
    assert rpsg("verify", "run").code == 0


# -- a plan of what is not there ---------------------------------------------------------------------------


def test_a_column_of_a_table_that_is_nearly_right_is_suggested(rpsg: Rpsg) -> None:
    for option, slip, meant in (
        ("--text", "Note", "note"),
        ("--text", "nott", "note"),
        ("--user", "patient_id", "patient"),
        ("--label", "kinds", "kind"),
        ("--columns", "dya=2024-01..2024-09", "day"),
    ):
        given = {"--text": "note", option: slip}
        failed = rpsg("plan", "rows.csv", *(word for pair in given.items() for word in pair), *FAKES)
        assert failed.code == 3
        assert meant in told(failed).split("Columns in the file:")[-1]


NOTHING: dict[str, str] = {
    "a name that is not there": "is not there",
    "a folder without texts": "folder",
    "an empty file": "is empty",
    "a header without rows": "has no rows",
    "a link to nothing": "does not exist",
    "a file taken for a folder": "does not exist",
    "a device": "is not a file",
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_plan_of_what_cannot_be_read_ends_in_3(rpsg: Rpsg, case: str) -> None:
    Path("folder").mkdir()
    Path("empty.csv").touch()
    Path("header.csv").write_text("note,patient\n")
    Path("link.csv").symlink_to("elsewhere")
    names = ("nothere.csv", "folder", "empty.csv", "header.csv", "link.csv", "rows.csv/a.csv", "/dev/null")
    failed = rpsg("plan", dict(zip(NOTHING, names, strict=True))[case], "--text", "note", *FAKES)
    assert failed.code == 3
    assert NOTHING[case].replace("is not there", "does not exist") in told(failed)
    assert "claimed" not in failed.out


# -- texts in another language than the pack ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "pack", "says"),
    [
        ("de", "generic", "private texts are in German, and the pack generic writes in English"),
        ("fr", "clinical-de", "private texts are in French, and the pack clinical-de writes in German"),
        ("en", "survey-fr", "private texts are in English, and the pack survey-fr writes in French"),
        ("ja", "support-es", "private texts are in Japanese, and the pack support-es writes in Spanish"),
        ("km", "clinical", "private texts are in km, and the pack clinical writes in English"),
        ("", "generic", "The pack writes in one language (English), whatever the language of the private"),
    ],
)
def test_a_plan_says_when_the_pack_writes_in_another_language(
    rpsg: Rpsg, language: str, pack: str, says: str
) -> None:
    declared = ("--language", language) if language else ()
    done = rpsg("plan", "rows.csv", "--text", "note", *FAKES, "--domain", pack, *declared)
    assert done.code == 0
    assert says in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("pack", "code"),
    [("clinical-de", "de"), ("survey-fr", "fr"), ("support-es", "es"), ("clinical", "en"), ("generic", "en")],
)
def test_the_card_says_the_language_that_the_pack_writes_in(rpsg: Rpsg, pack: str, code: str) -> None:
    options = ("--text", "note", *CHEAP, "--domain", pack, "--method", "floor")
    assert rpsg("run", "rows.csv", *options, "-o", "run").code == 0
    assert f'\nlanguage: ["{code}"]\n' in Path("run/release/README.md").read_text(encoding="utf-8")


# -- init ---------------------------------------------------------------------------------------------------


def test_init_with_nothing_and_then_a_plan_says_what_is_missing(rpsg: Rpsg) -> None:
    assert "Write the path of the private texts into rpsg.toml" in " ".join(rpsg("init").out.split())
    planned = rpsg("plan", *FAKES)
    assert planned.code == 2
    assert "No data is named" in planned.out
    assert "Once that is fixed" in planned.out


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("rows.csv", "there is no column 'text' for --text"),
        ("nothere.csv", "nothere.csv does not exist"),
        ("rows.csv --text nott", "there is no column 'nott' for --text"),
        ("rows.csv --text note --user patinet", "there is no column 'patinet' for --user"),
        ("windows.csv --text note", "--encoding cp1252"),
    ],
)
def test_init_says_what_a_run_could_not_read(rpsg: Rpsg, typed: str, says: str) -> None:
    made = rpsg("init", *typed.split())
    assert made.code == 0
    assert says in " ".join(made.out.split())
    assert rpsg("plan", *FAKES).code == 3


@pytest.mark.parametrize(
    "typed", ["rows.csv --text note", "rows.jsonl --text note --user patient", RIGHT, "- --text note"]
)
def test_init_of_what_can_be_read_has_nothing_to_say(rpsg: Rpsg, typed: str) -> None:
    made = rpsg("init", *typed.split())
    assert made.code == 0
    assert "could not read" not in made.out
    assert Path("rpsg.toml").is_file()


# -- loaders of data sets -----------------------------------------------------------------------------------


def test_seven_releases_are_seven_data_sets_to_a_loader(rpsg: Rpsg) -> None:
    """Loaders keep rows by the name of the configuration, so no two corpora may share one."""
    others = {
        "as it is": "",
        "another seed": "--seed 5",
        "another size": "--size 9",
        "another pack": "--domain clinical-de",
        "with labels": "--label kind --labels a,b",
        "with a column": "--columns day=2024-01..2024-09",
        "without private data": "--method floor",
    }
    names = set()
    for number, more in enumerate(others.values()):
        options = ("--text", "note", "--user", "patient", *CHEAP, *more.split(), "--account", str(number))
        assert rpsg("run", "rows.csv", *options, "-o", str(number)).code == 0
        card = Path(str(number), "release", "README.md").read_text(encoding="utf-8")
        names.update(re.findall(r"config_name: (\S+)", card))
    assert len(names) == len(others)
    assert "default" not in names
