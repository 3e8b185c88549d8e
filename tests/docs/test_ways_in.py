"""The pages that lead from somebody's own file and server to a verified release do so, as they are typed."""

from __future__ import annotations

import csv
import json
import random
import re
import runpy
import shlex
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.docs.ways import (
    CLINIC,
    GATEWAY,
    LANGUAGES,
    ROOT,
    TICKETS,
    VISITS,
    blocks,
    commands,
    type_all,
    typed,
)
from tests.models.openai.faulty import Asked, FaultyServer, answer

import rpsg
from rpsg.cli import main


@pytest.mark.parametrize("page", [CLINIC, VISITS, GATEWAY, TICKETS])
def test_a_way_is_at_most_five_commands_from_installing_to_verifying(page: str) -> None:
    lines = commands(page)
    assert len(lines) <= 5
    assert lines[0][:2] == ["pip", "install"]
    assert lines[-1] == ["rpsg", "verify", "run"]
    extras = set(re.findall(r"\[(.*)\]", lines[0][2])[0].split(","))
    with (ROOT / "pyproject.toml").open("rb") as project:
        assert extras <= set(tomllib.load(project)["project"]["optional-dependencies"])


# -- the clinic -------------------------------------------------------------------------------------------

SEEN = {
    "cardiology": ["chest pain on stairs, stress test ordered", "palpitations after café visits"],
    "paediatrics": ["ear pain since Monday, watchful waiting", "a rash on both elbows, steroid cream"],
    "surgery": ["the patient\u2019s wound is dry and clean", "swollen knee after a fall, x-ray requested"],
}


@pytest.fixture
def notes(in_a_folder: Path) -> list[str]:
    """900 notes of 450 patients in the form of the page's table; returns what no release may hold."""
    (table,) = blocks(CLINIC, "csv")
    rng, lines, marks = random.Random(4), [table.splitlines()[0]], []
    for i in range(900):
        department = rng.choice(list(SEEN))
        patient, date = f"88{i % 450:04}77", f"{rng.randint(1, 28):02}.0{rng.randint(1, 9)}.1987"
        who = rng.choice(["Mr Müller", "Mrs Ångström"])
        note = f"{who}, {rng.randint(2, 90)}: {rng.choice(SEEN[department])}."
        lines.append(f'{patient};{date};{department};"{note}"')
        marks += [patient, date, note]
    (in_a_folder / "notes.csv").write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))
    return marks


def test_the_table_of_the_page_is_one_that_windows_writes() -> None:
    (table,) = blocks(CLINIC, "csv")
    assert table.encode("cp1252") != table.encode("utf-8")


def test_a_clinic_gets_from_its_table_to_a_verified_release(
    notes: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    type_all(CLINIC, capsys)
    run = rpsg.read_run(Path("run"))
    assert len(run.texts) == 100
    assert {row["label"] for row in run.records} <= set(SEEN)
    assert run.ledger["claim"]["epsilon"] == 4
    files = [file for file in Path("run/release").rglob("*") if file.is_file()]
    released = b"\n".join(file.read_bytes() for file in files).decode("latin-1")
    assert not [mark for mark in notes if mark in released]


@pytest.mark.parametrize("line", re.findall(r"`(rpsg (?:plan|check) [^`]+)`", CLINIC.replace("\n", " ")))
@pytest.mark.usefixtures("notes")
def test_the_clinic_looks_before_it_spends(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    assert main(shlex.split(line)[1:]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("notes")
def test_without_the_encoding_the_clinic_is_told_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "notes.csv", "--text", "note"]) == 3
    assert "--encoding cp1252" in capsys.readouterr().err


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.usefixtures("notes")
def test_the_clinic_s_way_works_with_real_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RPSG_MODELS__EMBEDDER")
    monkeypatch.setattr("rpsg.methods.trial.TEXTS", 3)
    run = next(words for words in commands(CLINIC) if words[:2] == ["rpsg", "run"])
    # With this seed the writer is tested on three short texts.
    small = ["--writer=smollm2-135m", "--size=2", "--oversample=2", "--seed=13", "--quiet"]
    assert main([*run[1:], *small]) == 0
    assert main(["verify", "run"]) == 0


# -- the conversations -----------------------------------------------------------------------------------


def talked(asked: Asked) -> dict[str, Any]:
    """A reply in turns, in words of its own, with a turn of somebody whom the pack does not name."""
    rng = random.Random(json.dumps(asked.body, sort_keys=True))
    words = ["knee", "tablet", "night", "cough", "sister", "walk", "better", "worse", "doctor", "morning"]
    first, second = (" ".join(rng.choices(words, k=8)) for _ in range(2))
    return answer(f"Doctor: {first}?\nPatient: {second}.\nNurse: {first}.")


def test_conversations_get_from_their_turns_to_a_verified_release(
    in_a_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [json.loads(line) for line in "".join(blocks(VISITS, "json")).splitlines()]
    rows = ({**shown[i % len(shown)], "patient": f"p{i}"} for i in range(500))
    (in_a_folder / "visits.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    with FaultyServer(talked) as server:
        monkeypatch.setenv("RPSG_MODELS__WRITER", "openai:m")
        monkeypatch.setenv("RPSG_SERVER__BASE_URL", server.url)
        type_all(VISITS, capsys)
    run = rpsg.read_run(Path("run"))
    assert run.records
    for row in run.records:
        assert [turn["speaker"] for turn in row["turns"]] == ["Doctor", "Patient"]
        assert row["text"] == "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in row["turns"])
        assert shown[0]["turns"][0]["text"] not in row["text"]


# -- the tickets ------------------------------------------------------------------------------------------

COLUMNS = {
    "product": ("router", "phone", "invoice", "app"),
    "priority": ("low", "normal", "high"),
    "opened": ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"),
}


@pytest.fixture
def tickets(in_a_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The example's tickets, in the file that the page names; returns their rows."""
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    runpy.run_path(str(ROOT / "examples" / "tickets" / "invent.py"), run_name="__main__")
    with (in_a_folder / "tickets.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_tickets_have_the_columns_of_the_page_s_table(tickets: list[dict[str, str]]) -> None:
    shown, _ = blocks(TICKETS, "csv")
    table = list(csv.DictReader(shown.splitlines()))
    assert table[0].keys() == tickets[0].keys()
    assert all(row in tickets for row in table)


def test_a_help_desk_gets_from_its_tickets_to_a_release_with_their_columns(
    tickets: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    type_all(TICKETS, capsys)
    run = rpsg.read_run(Path("run"))
    assert len(run.texts) == 30
    frame = run.to_pandas()
    assert all(set(frame[name]) <= set(values) for name, values in COLUMNS.items())
    with Path("run/release/corpus.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    _, shown = blocks(TICKETS, "csv")
    assert ",".join(header).startswith(shown.strip().removesuffix("..."))
    released = b"\n".join(f.read_bytes() for f in Path("run/release").rglob("*") if f.is_file())
    assert not [row for row in tickets if row["customer"].encode() in released]
    assert not [row for row in tickets if row["opened"].encode() in released], "only quarters"


def test_joint_shares_of_columns_are_within_the_noise_that_the_plan_states(
    tickets: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More texts than the page's, so that the noise and not the number of texts decides."""
    monkeypatch.setenv("RPSG_CORPUS__SIZE", "200")
    run = next(words for words in commands(TICKETS) if words[:2] == ["rpsg", "run"])
    words = [word for word in run[1:] if word not in {"--size", "30"}]
    assert main(words) == 0, capsys.readouterr().err
    (cards,) = [line for line in rpsg.read_run("run").ledger["mechanisms"] if line["stage"] == "cards"]
    with Path("run/release/corpus.csv").open(encoding="utf-8", newline="") as file:
        released = list(csv.DictReader(file))
    private = [{**row, "opened": f"2025-Q{(int(row['opened'][3:5]) + 2) // 3}"} for row in tickets]
    noise = cards["sigma"] / len(private)
    for pair, most in ((("product", "priority"), 1.9), (("priority", "opened"), 2.4)):
        ours, theirs = (Counter(tuple(row[n] for n in pair) for row in rows) for rows in (released, private))
        off = [ours[key] / len(released) - theirs[key] / len(private) for key in ours | theirs]
        assert (sum(each * each for each in off) / len(off)) ** 0.5 < most * noise, (noise, off)
    even = [
        1 / 12 - count / len(private)
        for count in Counter((row["product"], row["priority"]) for row in private).values()
    ]
    assert (sum(each * each for each in even) / 12) ** 0.5 > 2.2 * noise, "even shares would be told apart"


@pytest.mark.usefixtures("tickets")
def test_the_plan_says_of_columns_what_the_page_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = blocks(TICKETS, "toml")
    columns = tomllib.loads(table)["data"]["columns"]
    assert rpsg.make_plan({"data": {"columns": columns}}).data.columns == (
        "product=router|phone|invoice|app",
        "opened=2025-Q1..2025-Q4",
        "age=18<40<65",
    )
    line = next(words for words in commands(TICKETS) if words[:2] == ["rpsg", "run"])
    given = line[line.index("--columns") + 1]
    options = ["--domain", "support", "--n-public", "400", "--columns", given]
    assert main(["plan", "tickets.csv", "--text", "message", "--user", "customer", *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    quoted = [part.strip() for part in re.sub(r"^> ?", "", TICKETS, flags=re.MULTILINE).split("\n\n")]
    told = [" ".join(part.split()) for part in quoted if part.startswith(("Counted: ", "The shares of"))]
    assert len(told) == 3
    assert [sentence for sentence in told if sentence not in said] == []


# -- other languages --------------------------------------------------------------------------------------

NOTES_DE = {
    "Innere": ["Brustschmerzen beim Treppensteigen, Belastungs-EKG geplant", "Vorhofflimmern, Blutdruck gut"],
    "Chirurgie": [
        "Sturz auf das Knie, Schwellung, Röntgen o. B.",
        "Schnittwunde genäht, Fadenzug in zehn Tagen",
    ],
    "Pädiatrie": ["Fieber seit Montag, Ohrenschmerzen links", "bellender Husten in der Nacht, Pseudokrupp"],
}
ANSWERS_FR = (
    "Colis arrivé en retard et le carton était ouvert, très déçu",
    "Rien à dire, tout s'est bien passé, merci à l'équipe",
    "La facture est incompréhensible et personne ne répond au téléphone",
)


@pytest.fixture
def notizen(in_a_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """800 German notes of 400 patients and 300 French answers; returns what no release may hold."""
    monkeypatch.delenv("RPSG_MODELS__EMBEDDER")
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    notes, answers = (block.splitlines() for block in blocks(LANGUAGES, "csv"))
    rng, rows, marks = random.Random(7), [notes[0]], []
    for i in range(800):
        area = rng.choice(list(NOTES_DE))
        note = f"Patient {i}, {rng.randint(2, 90)} J.: {rng.choice(NOTES_DE[area])}."
        rows.append(f'PAT-{i % 400:04}-Z;05.02.2024;{area};"{note}"')
        marks += [f"PAT-{i % 400:04}-Z", note]
    (in_a_folder / "notizen.csv").write_bytes("\r\n".join([*rows, ""]).encode("cp1252"))
    rows = [answers[0]]
    for i in range(300):
        said = f"Réponse {i} : {rng.choice(ANSWERS_FR)}."
        rows.append(f'{rng.choice(("livraison", "accueil", "facturation", ""))};"{said}"')
        marks.append(said)
    (in_a_folder / "reponses.csv").write_text("\n".join([*rows, ""]), "utf-8")
    return marks


def test_the_german_table_of_the_page_is_one_that_windows_writes() -> None:
    table = blocks(LANGUAGES, "csv")[0]
    assert table.encode("cp1252") != table.encode("utf-8")


def test_other_languages_get_from_a_table_to_a_verified_release(
    notizen: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ways = [typed(block) for block in blocks(LANGUAGES, "console") if "verify" in block]
    assert [len(way) for way in ways] == [4, 2]
    for program, *words in ways[0][2:] + ways[1]:
        assert program == "rpsg"
        code = main(words)
        said = capsys.readouterr()
        assert code == 0, (words, said.out + said.err)
        assert "was made for English" not in said.out + said.err
    for folder, language, size in (("run", "de", 100), ("enquete", "fr", 60)):
        run = rpsg.read_run(Path(folder))
        assert len(run.texts) == size
        assert f'language: ["{language}"]' in Path(folder, "release/README.md").read_text("utf-8")
        assert json.loads(Path(folder, "release/croissant.json").read_text("utf-8"))["inLanguage"] == language
        files = [file for file in Path(folder, "release").rglob("*") if file.is_file()]
        released = b"\n".join(file.read_bytes() for file in files).decode("latin-1")
        assert not [mark for mark in notizen if mark.encode().decode("latin-1") in released]
    assert "German" in Path("run/release/report.html").read_text("utf-8")
    assert {row["label"] for row in rpsg.read_run(Path("run")).records} <= set(NOTES_DE)
    labels = {row["label"] for row in rpsg.read_run(Path("enquete")).records}
    assert "other" in labels <= {"livraison", "accueil", "facturation", "other"}


@pytest.mark.usefixtures("notizen")
def test_check_tells_the_operator_alone_in_which_language_the_rows_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "reponses.csv", "--text", "reponse", "--language", "de"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "rows that are long enough to tell seem to be French (fr), but German (de) is declared" in told
    assert main(["plan", "reponses.csv", "--text", "reponse", "--language", "de", "--json"]) == 0
    assert "French" not in capsys.readouterr().out
