"""Data, pack and models in different languages: told, or refused, by public facts alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack, read_pack
from rpsg.errors import UsageError
from rpsg.methods.base import Job
from rpsg.methods.dp_steps import public_filters
from rpsg.methods.languages import language_of_texts
from rpsg.methods.named import cautions_of, method_of
from rpsg.pipeline.people import nobody
from rpsg.pipeline.preview import preview
from rpsg.pipeline.private_data import NoQuestions
from rpsg.plan import Plan, resolve
from rpsg.protocols import Silent
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.scrub import scrub, scrub_identities

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def planned(language: str = "", domain: str = "clinical", **models: str) -> Plan:
    given = {"data": {"language": language}, "corpus": {"domain": domain}, "models": models}
    return resolve({**given, "privacy": {"n_public": 2000, "delta": 1e-6}})


def told(plan: Plan) -> str:
    return " ".join(cautions_of(plan))


def test_english_data_with_an_english_pack_bring_no_warning() -> None:
    assert cautions_of(planned("en")) == cautions_of(planned())


def test_a_pack_in_another_language_than_the_data_is_told() -> None:
    assert "private texts are in German, and the pack clinical writes in English" in told(planned("de"))
    assert "Packs in German: --domain clinical-de." in told(planned("de"))
    assert "RPSG has no pack in Italian: give the folder of a pack of your own" in told(planned("it"))
    assert "writes in German" in told(planned("fr", "clinical-de", embedder="letters"))
    assert "private texts are in" not in told(planned("de", "clinical-de", embedder="letters"))


@pytest.mark.parametrize("embedder", ["minilm", "int8", "static", "st:all-MiniLM-L6-v2"])
def test_an_english_embedder_is_told_where_the_texts_are_not_english(embedder: str) -> None:
    assert f"The embedder {embedder} was made for English" in told(
        planned("", "clinical-de", embedder=embedder)
    )
    assert "was made for English" not in told(planned("en", embedder=embedder))


@pytest.mark.parametrize(
    "embedder", ["letters", "st:intfloat/multilingual-e5-small", "openai:m", "gguf:m.gguf"]
)
def test_an_embedder_that_may_know_the_language_is_not(embedder: str) -> None:
    assert "was made for English" not in told(planned("", "clinical-de", embedder=embedder))


def test_nobody_reads_texts_without_data_so_nothing_is_said_of_the_embedder() -> None:
    plan = resolve({"corpus": {"domain": "clinical-de"}, "method": {"name": "floor"}})
    assert "was made for English" not in told(plan)


@pytest.mark.parametrize("classifier", ["vader", "transformers:siebert/sentiment-roberta-large-english"])
def test_an_english_lexicon_is_refused_for_another_language(classifier: str) -> None:
    plan = planned("de", "clinical-de", sentiment=classifier)
    with pytest.raises(UsageError, match="knows English only, and the pack clinical-de is in German"):
        method_of(plan).check_plan(plan)
    method_of(planned(sentiment=classifier)).check_plan(planned(sentiment=classifier))
    plan = planned("de", "clinical-de", sentiment="transformers:FOLDER")
    method_of(plan).check_plan(plan)


def test_the_page_of_a_plan_says_the_language() -> None:
    said = preview(planned("de", "clinical-de", embedder="letters")).explanations
    assert "The pack writes in German, which you declare for the private texts too." in said
    assert any("writes in one language (English)" in line for line in preview(planned()).explanations)


def test_the_pack_decides_the_language_of_the_texts_and_the_declaration_only_where_it_does_not_say(
    pack_folder: Path,
) -> None:
    assert language_of_texts(planned("fr"), find_pack("clinical-de")) == "de"
    assert language_of_texts(planned("fr"), read_pack(pack_folder)) == "fr"


@pytest.mark.parametrize("code", ["German", "de-AT", "d", "deut"])
def test_a_language_is_a_code(code: str) -> None:
    with pytest.raises(UsageError):
        planned(code)


@pytest.mark.parametrize(
    ("domain", "kept"), [("clinical-de", [0, 2]), ("survey-fr", [1, 2]), ("clinical", [0, 1, 2, 3])]
)
def test_a_text_in_another_language_or_with_a_sentence_twice_is_dropped_and_english_packs_drop_none(
    lab: Lab, domain: str, kept: list[int]
) -> None:
    pack, tools, plan = find_pack(domain), lab.tools(), lab.plan(method={"name": "floor"})
    job = Job(plan, pack, None, nobody(tools, Silent(), "no data"), NoQuestions(), tools, Silent())
    texts = (
        "Der Patient ist nach dem Sturz auf die Station gekommen und hat keine Schmerzen.",
        "Le patient est venu dans la salle après une chute et il ne va pas trop mal.",
        "RR 130/80, HbA1c 6,9 %, L-Thyroxin 75.",
        "Weiter mit Salbe. Am Knie 3 cm. Ruhe. Am Knie 5,5 cm.",
    )
    pool = public_filters(
        job, pack, Pool(tuple(Candidate(i, text, Card({})) for i, text in enumerate(texts)))
    )
    assert [c.id for c in pool.alive()] == kept


# -- what is scrubbed ---------------------------------------------------------------------------------------


def scrubbed(text: str, language: str, *, names: bool = False) -> str:
    pool = Pool((Candidate(0, text, Card({})),))
    return (scrub_identities(pool, None, language) if names else scrub(pool, language)).candidates[0].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ruf 030/1234567 an, oder 089/12 34 5.", "Ruf [NUMBER] an, oder [NUMBER]."),
        ("Zu Hause 0 30 / 12 34 56.", "Zu Hause [NUMBER]."),
        ("Tel. 4711, Tél. : 06 12 34 56 78", "Tel. [NUMBER], Tél. : [NUMBER]"),
        ("+43 1 51581-0 und +41 44 668 18 00", "[NUMBER] und [NUMBER]"),
        ("müller@praxis-köln.de, josé@correo.es", "[EMAIL], [EMAIL]"),
        ("mu\u0308ller@praxis.de", "[EMAIL]"),
        ("IBAN AT61 1904 3002 3457 3201", "IBAN [IBAN]"),
        ("IBAN CH93 0076 2011 6238 5295 7", "IBAN [IBAN]"),
        ("RV-Nr. 65 070649 C 012", "RV-Nr. [ID]"),
        ("Steuer-ID: 12 345 678 901", "Steuer-ID: [ID]"),
        ("Ausweis L01X00T47", "Ausweis [ID]"),
        ("SVNR 1237 010180, AHV 756.1234.5678.97", "SVNR [NUMBER], AHV [NUMBER]"),
        ("UID CHE-123.456.789", "UID [ID]"),
        ("NIR 1 84 12 2A 451 089 46", "NIR [ID]"),
        ("DNI 12345678Z o 12.345.678-Z", "DNI [ID] o [ID]"),
        ("NIE X1234567L, NUSS 28/12345678/40", "NIE [ID], NUSS [ID]"),
        ("Kennzeichen B-AB 1234, AB-123-CD", "Kennzeichen [ID], [ID]"),
        ("Wohnt Hauptstraße 12a.", "Wohnt [ADDRESS]."),
        ("J'habite 12 bis, rue de la Paix.", "J'habite [ADDRESS]."),
        ("Vivo en la Calle Mayor, 5.", "Vivo en la [ADDRESS]."),
    ],
)
def test_formats_of_other_countries_are_scrubbed_in_their_languages(text: str, expected: str) -> None:
    assert scrubbed(text, "de") == expected
    assert scrubbed(expected, "de") == expected


@pytest.mark.parametrize(
    "text",
    [
        "RR 150/90, HbA1c 6,9 %, 2x1/2 Tablette, seit 03/2024.",
        "L-Thyroxin 75, Vitamin B-12, T-ASS 100, SpO2 97 %.",
        "5/10 auf der Skala, EKG 12, der Weg ist weit, drei Plätze.",
        "Il y a 3 places à table et 12 rues.",
    ],
)
def test_values_of_a_note_stay(text: str) -> None:
    assert scrubbed(text, "de") == text


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("请打电话13812345678联系我。", "zh", "请打电话[NUMBER]联系我。"),
        ("网站https://a.example/x很好,写信到li@example.cn谢谢", "zh", "网站[LINK]很好,写信到[EMAIL]谢谢"),
        ("身份证号11010519491231002X,请查。", "zh", "身份证号[ID],请查。"),
        ("電話は090-1234-5678です。", "ja", "電話は[NUMBER]です。"),
        (
            "\uff10\uff19\uff10\uff0d\uff11\uff12\uff13\uff14\uff0d\uff15\uff16\uff17\uff18へ",
            "ja",
            "[NUMBER]へ",
        ),
        ("โทร081-234-5678นะ เมลsom@example.co.thค่ะ", "th", "โทร[NUMBER]นะ เมล[EMAIL]ค่ะ"),
        ("今天3个病人,体温38.5度,2024年入院。", "zh", "今天3个病人,体温38.5度,2024年入院。"),
    ],
)
def test_what_stands_between_letters_without_spaces_is_scrubbed(
    text: str, language: str, expected: str
) -> None:
    assert scrubbed(text, language) == expected


@pytest.mark.parametrize(
    "part", ["Dr ", "Dr.", "Frau Dr. ", "Prof. Dr. A. ", "\uff11", "\uff11\uff0d", "1", "今1"]
)
def test_a_long_row_of_anything_is_scrubbed_in_one_go_in_other_languages(part: str) -> None:
    """The square of so many characters would take hours."""
    began = time.process_time()
    scrubbed(part * (40_000 // len(part)), "de", names=True)
    assert time.process_time() - began < 30


@pytest.mark.parametrize("text", ["Plate AB-123-CD, Hauptstrasse 12", "id 12345678Z"])
def test_english_texts_are_scrubbed_as_ever(text: str) -> None:
    assert scrubbed(text, "en") == scrubbed(text, "") == text != scrubbed(text, "de")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Frau Müller kam mit Herrn Dr. Özdemir.", "de", "Frau [NAME] kam mit Herrn Dr. [NAME]."),
        ("Frau Doktor, noch einmal zu M. Crohn.", "de", "Frau Doktor, noch einmal zu M. Crohn."),
        ("Ich heiße Jürgen und frage.", "de", "Ich heiße [NAME] und frage."),
        ("Je m'appelle Élodie Durand.", "fr", "Je m'appelle [NAME]."),
        ("M. Lefèvre et Mme de la Tour.", "fr", "M. [NAME] et Mme [NAME]."),
        ("La Sra. García López vino.", "es", "La Sra. [NAME] vino."),
        ("Prof. Dr. med. Ä. Öztürk hat Dienst.", "de", "Prof. Dr. med. [NAME] hat Dienst."),
        ("Dr. Müller Termin gegeben.", "de", "Dr. [NAME] Termin gegeben."),
        ("Le Pr. Émile Ozanne et Dr Écrivain.", "fr", "Le Pr. [NAME] et Dr [NAME]."),
        ("El Dr. Óscar Núñez.", "es", "El Dr. [NAME]."),
    ],
)
def test_names_after_a_title_are_scrubbed_where_seeds_are_private(
    text: str, language: str, expected: str
) -> None:
    assert scrubbed(text, language, names=True) == expected
