"""Each language's way on its page leads from a table to a verified release, as it is typed."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.ways import LANGUAGES, WAYS, as_released, blocks, released, walk

import rpsg
from rpsg.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
MESSAGES_ES = (
    "El router lleva dos días sin señal y nadie me coge el teléfono",
    "Ya funciona, muchas gracias por la ayuda y por la paciencia",
    "¿Cuándo llega la factura de este año? No entiendo la última",
)
SERVICES = ("livraison", "accueil", "facturation", "")


def german(rng: random.Random) -> tuple[list[list[str]], list[str]]:
    """800 rows of 400 patients, and what no release may hold."""
    rows, marks = [], []
    for i in range(800):
        area = rng.choice(list(NOTES_DE))
        note = f"Patient {i}, {rng.randint(2, 90)} J.: {rng.choice(NOTES_DE[area])}."
        rows.append([f"PAT-{i % 400:04}-Z", "05.02.2024", area, note])
        marks += [f"PAT-{i % 400:04}-Z", note]
    return rows, marks


def french(rng: random.Random) -> tuple[list[list[str]], list[str]]:
    """300 rows, a quarter of them without a service, and what no release may hold."""
    said = [f"Réponse {i} : {rng.choice(ANSWERS_FR)}." for i in range(300)]
    return [[rng.choice(SERVICES), text] for text in said], said


def spanish(rng: random.Random) -> tuple[list[list[str]], list[str]]:
    """400 rows of 300 customers, and what no release may hold."""
    said = [f"Mensaje {i}: {rng.choice(MESSAGES_ES)}." for i in range(400)]
    who = [f"CLI-{i % 300:04}-Z" for i in range(400)]
    return [[one, "2025-03-14", text] for one, text in zip(who, said, strict=True)], who + said


#: For each language: its file, separator and encoding, what makes its rows, its code, and the release's size.
TABLES: dict[str, tuple[str, str, str, Callable[[random.Random], tuple[list[list[str]], list[str]]]]] = {
    "German": ("notizen.csv", ";", "cp1252", german),
    "French": ("reponses.csv", ";", "utf-8", french),
    "Spanish": ("mensajes.csv", ",", "utf-8", spanish),
}
RELEASES = {"German": ("run", "de", 100), "French": ("enquete", "fr", 60), "Spanish": ("mensajes", "es", 60)}


def shown(language: str) -> str:
    """The table that the page shows."""
    return blocks(LANGUAGES, "csv")[list(TABLES).index(language)]


@pytest.fixture
def put(in_a_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Sequence[str]]:
    """Puts a language's table in the folder of the test; returns what no release may hold."""
    monkeypatch.delenv("RPSG_MODELS__EMBEDDER")
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")

    def write(language: str) -> Sequence[str]:
        name, separator, encoding, made = TABLES[language]
        assert f"`{name}`:" in LANGUAGES
        rows, marks = made(random.Random(7))
        with (in_a_folder / name).open("w", encoding=encoding, newline="") as file:
            file.write(shown(language).splitlines()[0] + "\r\n")
            csv.writer(file, delimiter=separator).writerows(rows)
        return marks

    return write


def test_the_german_table_of_the_page_is_one_that_windows_writes() -> None:
    assert shown("German").encode("cp1252") != shown("German").encode("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("language", TABLES)
def test_a_table_in_another_language_becomes_a_verified_release_in_it(
    language: str, put: Callable[[str], Sequence[str]], installed: Path
) -> None:
    marks = put(language)
    printed = walk(WAYS[language], installed)
    assert "was made for English" not in "".join(printed)
    assert "The claim holds" in printed[-1]

    folder, code, size = RELEASES[language]
    run = rpsg.read_run(Path(folder))
    assert len(run.texts) == size
    assert f'language: ["{code}"]' in Path(folder, "release/README.md").read_text("utf-8")
    assert json.loads(Path(folder, "release/croissant.json").read_text("utf-8"))["inLanguage"] == code
    assert f"The texts are in {language}." in Path(folder, "release/report.html").read_text("utf-8")
    everything = released(folder)
    assert not [mark for mark in marks if as_released(mark) in everything]

    if language == "German":
        assert {row["label"] for row in run.records} <= set(NOTES_DE)
    elif language == "French":
        labels = {row["label"] for row in run.records}
        assert "other" in labels <= {"livraison", "accueil", "facturation", "other"}


def test_check_tells_the_operator_alone_in_which_language_the_rows_are(
    put: Callable[[str], Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    put("French")
    assert main(["check", "reponses.csv", "--text", "reponse", "--language", "de"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "rows whose language can be recognized" in told
    assert "But German (de) is declared." in told
    options = ["--language", "de", "--writer", "fake", "--embedder", "fake", "--json"]
    assert main(["plan", "reponses.csv", "--text", "reponse", *options]) == 0
    assert "French" not in capsys.readouterr().out


SENTENCES_DE = (
    "Der Patient hat seit Montag Schmerzen in der Schulter und kann nicht mit dem Rad zur Arbeit",
    "Die Wunde ist noch nicht zu, aber es geht ihr besser, und wir sehen sie bei der Kontrolle",
    "Er ist mit dem Medikament nicht zufrieden und wird es auch bei der Kur nicht nehmen",
)


@pytest.mark.parametrize(("pack", "told"), [("clinical", True), ("clinical-de", False)])
def test_a_pack_in_another_language_than_the_notes_is_noticed_by_a_noisy_share(
    pack: str,
    told: bool,
    in_a_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No language is declared. The share is an entry of a sum that is asked for anyway."""
    monkeypatch.setenv("RPSG_MODELS__WRITER", "fake")
    notes = [f"pat{i},{SENTENCES_DE[i % 3]} ({i})." for i in range(500)]
    (in_a_folder / "notes.csv").write_text("\n".join(["patient,note", *notes]), "utf-8")
    words = ["run", "notes.csv", "--text", "note", "--user", "patient", "--domain", pack]
    more = ["--epsilon", "4", "--size", "20", "-o", "run"]
    assert main([*words, *more]) == 0
    said = capsys.readouterr()
    line = "of the private texts seem to be in a language other than"
    assert (line in " ".join((said.out + said.err).split())) is told
    assert (line in Path("run/release/report.html").read_text("utf-8")) is told
    assert main(["verify", "run"]) == 0
    asked = [mechanism["stage"] for mechanism in rpsg.read_run("run").ledger["mechanisms"]]
    assert asked == ["size", "cards", "sketch"]
