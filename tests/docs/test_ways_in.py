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

import pytest
from tests.docs.ways import (
    CLINIC,
    ROOT,
    TICKETS,
    VISITS,
    WAYS,
    as_released,
    blocks,
    commands,
    released,
    walk,
)

import rpsg
from rpsg.cli import main
from rpsg.domains import find_pack
from rpsg.privacy.private import open_private
from rpsg.stages.dialogue import turns_of
from rpsg.storage.readers import read_corpus


@pytest.mark.parametrize("name", WAYS)
def test_a_way_is_at_most_five_commands_from_installing_to_verifying(name: str) -> None:
    lines = WAYS[name]
    assert len(lines) <= 5
    assert lines[0][:2] == ["pip", "install"]
    assert lines[-1][:2] == ["rpsg", "verify"]
    (run,) = [line for line in lines if line[:2] == ["rpsg", "run"]]
    assert run[-2:] == ["-o", *lines[-1][2:]]
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
        # With a hyphen, as on the page: eight digits alone also occur by chance among a release's numbers.
        patient, date = f"88-{i % 450:04}77", f"{rng.randint(1, 28):02}.0{rng.randint(1, 9)}.1987"
        who = rng.choice(["Mr Müller", "Mrs Ångström"])
        note = f"{who}, {rng.randint(2, 90)}: {rng.choice(SEEN[department])}."
        lines.append(f'{patient};{date};{department};"{note}"')
        marks += [patient, date, note]
    (in_a_folder / "notes.csv").write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))
    return marks


def test_the_table_of_the_page_is_one_that_windows_writes() -> None:
    (table,) = blocks(CLINIC, "csv")
    assert table.encode("cp1252") != table.encode("utf-8")


@pytest.mark.slow
def test_a_clinic_gets_from_its_table_to_a_verified_release(
    notes: list[str], installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    walk(WAYS["clinic"], installed)
    run = rpsg.read_run(Path("run"))
    assert len(run.texts) == 100
    assert {row["label"] for row in run.records} <= set(SEEN)
    assert run.ledger["claim"]["epsilon"] == 4
    everything = released("run")
    assert not [mark for mark in notes if as_released(mark) in everything]


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


RECORDED = ROOT / "tests" / "data" / "dialogues" / "visits.csv"


def recorded() -> list[list[dict[str, str]]]:
    """The turns of each conversation of the table, in the form of the page's file."""
    conversations: list[list[dict[str, str]]] = []
    with RECORDED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            turns: list[dict[str, str]] = []
            for line in row["dialogue"].splitlines():
                speaker, colon, text = line.partition(": ")
                if colon and speaker.isidentifier():
                    turns.append({"speaker": speaker, "text": text})
                else:  # the same person goes on in the next line
                    turns[-1]["text"] += f" {line}"
            conversations.append(turns)
    return conversations


def in_lines(turns: list[dict[str, str]]) -> str:
    return "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in turns)


def test_turns_and_speakers_are_the_same_from_lists_of_turns_and_from_a_table(tmp_path: Path) -> None:
    """The table is in the form in which a public set of such conversations has them."""
    conversations = recorded()
    said = Counter(turn["speaker"] for turns in conversations for turn in turns)
    assert {"Doctor", "Doctor_2", "Patient", "Guest_family", "Guest_clinician"} <= said.keys()
    lists = tmp_path / "visits.jsonl"
    lists.write_text("".join(f"{json.dumps({'turns': turns})}\n" for turns in conversations), "utf-8")
    read = [row.text for row in open_private(read_corpus(lists, text="turns")).documents]
    assert read == [in_lines(turns) for turns in conversations]
    beside = [row.text for row in open_private(read_corpus(RECORDED, text="dialogue")).documents]
    speakers = find_pack("consultations").speakers
    assert [turns_of(text, speakers) for text in beside] == [turns_of(text, speakers) for text in read]
    assert sum(bool(turns_of(text, speakers)) for text in read) == len(read) - 1, (
        "one begins with a clinician"
    )


@pytest.mark.slow
def test_conversations_get_from_their_turns_to_a_verified_release(
    in_a_folder: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer names speakers as the pack's examples do; it is one that needs no weights."""
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    conversations = recorded()
    rows = [{"patient": f"p{i}", "turns": conversations[i % len(conversations)]} for i in range(500)]
    (in_a_folder / "visits.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    shown = [json.loads(line) for line in "".join(blocks(VISITS, "json")).splitlines()]
    assert all(
        row.keys() == rows[0].keys() and row["turns"][0].keys() == {"speaker", "text"} for row in shown
    )

    walk(WAYS["conversations"], installed)
    run = rpsg.read_run(Path("run"))
    assert len(run.records) == 100
    lines = Path("run/release/corpus.jsonl").read_text("utf-8").splitlines()
    for row in map(json.loads, lines):
        speakers = [turn["speaker"] for turn in row["turns"]]
        assert set(speakers) <= {"Doctor", "Patient", "Guest"}
        assert len(set(speakers)) > 1
        assert row["text"] == in_lines(row["turns"])
    everything = released("run")
    private = {turn["text"] for turns in conversations for turn in turns if len(turn["text"].split()) > 3}
    assert len(private) > 50
    assert not [text for text in private if as_released(text) in everything]


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


@pytest.mark.slow
def test_a_help_desk_gets_from_its_tickets_to_a_release_with_their_columns(
    tickets: list[dict[str, str]], installed: Path
) -> None:
    walk(WAYS["tickets"], installed)
    run = rpsg.read_run(Path("run"))
    assert len(run.texts) == 30
    frame = run.to_pandas()
    assert all(set(frame[name]) <= set(values) for name, values in COLUMNS.items())
    with Path("run/release/corpus.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    _, shown = blocks(TICKETS, "csv")
    assert ",".join(header).startswith(shown.strip().removesuffix("..."))
    everything = released("run")
    assert not [row for row in tickets if row["customer"] in everything]
    assert not [row for row in tickets if row["opened"] in everything], "only quarters"


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
