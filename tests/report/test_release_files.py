"""What a release holds for reports and loaders, and that nobody can change it unseen."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.report.conftest import ATTACKS, changed

from rpsg import api
from rpsg.errors import RunError, UsageError
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.release.history import read_history, write_history
from rpsg.release.reader import Release
from rpsg.report.croissant import croissant, write_croissant
from rpsg.report.page import report
from rpsg.report.summary import card, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

    Runs = Callable[[str], Run]

RUNS = ["strict", "labels", "floor", "paper", "split", "hostile"]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", RUNS)
def test_the_release_holds_a_report_that_its_ledger_names(reported: Runs, name: str) -> None:
    run = reported(name)
    named = {output["name"]: output["sha256"] for output in run.ledger["outputs"]}
    assert named["report.html"] == sha(run.release / "report.html")
    assert named["croissant.json"] == sha(run.release / "croissant.json")
    assert api.verify(run.release).ok


def test_the_same_release_gives_the_same_report_again(reported: Runs) -> None:
    release = reported("strict").release
    assert report(Release(release)) == (release / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["report.html", "croissant.json", "README.md", "evidence/candidates.jsonl"])
def test_a_changed_file_is_found(reported: Runs, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(reported("strict").release, tmp_path / "release")
    (copy / file).write_bytes((copy / file).read_bytes().replace(b"e", b"E", 1))
    failed = [check.name for check in api.verify(copy).checks if not check.ok]
    assert failed == [file]


def test_a_story_from_the_folder_gives_the_summary_again(reported: Runs) -> None:
    for name in ("strict", "labels", "floor"):
        run = reported(name)
        assert summary(Release(run.release)) == run.summary


def test_a_release_without_the_lives_of_texts_can_still_be_told(reported: Runs, tmp_path: Path) -> None:
    copy = shutil.copytree(reported("strict").release, tmp_path / "release")
    (copy / "evidence/candidates.jsonl").unlink()
    release = Release(copy)
    assert not release.is_whole
    assert len(release.texts) == 20
    assert "does not say what became of the drafts" in report(release)


@pytest.mark.parametrize("file", ["corpus.jsonl", "evidence/plan.toml"])
def test_a_missing_file_is_told_by_its_name(reported: Runs, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(reported("strict").release, tmp_path / "release")
    (copy / file).unlink()
    with pytest.raises(RunError, match=file.rpartition("/")[2]):
        report(Release(copy))


@pytest.mark.parametrize("file", ["ledger.json", "corpus.jsonl", "evidence/release-001.json", "egress.json"])
def test_a_damaged_file_is_an_error_in_words(reported: Runs, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(reported("strict").release, tmp_path / "release")
    (copy / file).write_bytes(b'{"half": ')
    with pytest.raises(RunError, match="damaged"):
        report(Release(copy))


def test_lives_come_back_as_they_were(tmp_path: Path) -> None:
    pool = Pool(
        (
            Candidate(0, "a text", Card({"topic": "tea"}, ("leaf",)), scores={"votes": -2.0}),
            Candidate(1, "", Card({"topic": "oil"}), parent=0, dropped=Drop("writing", "too short")),
        )
    )
    write_history(tmp_path / "lives.jsonl", pool)
    assert read_history(tmp_path / "lives.jsonl", {0: "a text"}) == pool


def test_a_score_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    write_history(
        tmp_path / "lives.jsonl", Pool((Candidate(0, "x", Card({}), scores={"nll": float("inf")}),))
    )
    assert read_history(tmp_path / "lives.jsonl", {}).candidates[0].scores == {}


def test_lives_hold_no_text(reported: Runs) -> None:
    run = reported("strict")
    lives = (run.release / "evidence/candidates.jsonl").read_text(encoding="utf-8")
    assert all(text not in lives for text in run.texts)


# -- metadata for loaders


def metadata(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.release / "croissant.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", RUNS)
def test_croissant_names_the_files_of_the_corpus_by_hash(reported: Runs, name: str) -> None:
    run = reported(name)
    files = {f["contentUrl"]: f["sha256"] for f in metadata(run)["distribution"]}
    assert {"corpus.jsonl", "corpus.csv"} <= files.keys()
    assert all(value == sha(run.release / file) for file, value in files.items())


@pytest.mark.parametrize("name", RUNS)
def test_croissant_has_a_field_for_everything_in_a_record(reported: Runs, name: str) -> None:
    run = reported(name)
    (records,) = metadata(run)["recordSet"]
    held = {key for record in run.records for key in record if key != "attributes"}
    held |= {f"attributes/{key}" for record in run.records for key in record["attributes"]}
    assert {field["name"] for field in records["field"]} == held
    sources = {field["source"]["fileObject"]["@id"] for field in records["field"]}
    assert sources == {"corpus.jsonl"}


#: What must be specified, by the section "Dataset-level information" of the specification of Croissant 1.0.
REQUIRED = {
    *("@context", "@type", "conformsTo", "description", "license", "name", "url", "creator", "datePublished"),
    "distribution",
}


def test_croissant_leaves_out_of_what_is_required_only_what_the_owner_must_say(reported: Runs) -> None:
    for name in RUNS:
        found = metadata(reported(name))
        assert REQUIRED - found.keys() == {
            "license",
            "url",
            "creator",
            "datePublished",
        }
        assert found["@type"] == "sc:Dataset"
        assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
        assert found["@context"]["@vocab"] == "https://schema.org/"
        assert all(value not in (None, "", [], {}) for value in found.values())


def test_croissant_identifies_every_file_and_field_once_and_refers_to_those_alone(reported: Runs) -> None:
    found = metadata(reported("hostile"))
    files = [f["@id"] for f in found["distribution"]]
    others = [f["@id"] for r in found["recordSet"] for f in (r, *r["field"])]
    assert len({*files, *others}) == len(files) + len(others)
    assert all(len(f["sha256"]) == 64 and f["encodingFormat"] for f in found["distribution"])
    (records,) = found["recordSet"]
    assert records["key"]["@id"] in others
    assert {field["source"]["fileObject"]["@id"] for field in records["field"]} <= set(files)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0.html"),
        ("cc-by-4.0", "https://spdx.org/licenses/CC-BY-4.0.html"),
        ("apache-2.0", "https://spdx.org/licenses/Apache-2.0.html"),
        ("mit", "https://spdx.org/licenses/MIT.html"),
        ("our-own-1", {"@type": "sc:CreativeWork", "name": "our-own-1"}),
    ],
)
def test_a_licence_is_an_address_or_a_work_with_a_name(name: str, told: Any) -> None:
    assert croissant("texts", {}, [], label=False, license_name=name)["license"] == told


def test_a_licence_that_nobody_named_is_left_out() -> None:
    assert "license" not in croissant("texts", {}, [], label=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["", "mit", "our-own-1"])
def test_the_loader_of_croissant_takes_every_form_of_licence_and_language(
    reported: Runs, tmp_path: Path, name: str
) -> None:
    loader = pytest.importorskip("mlcroissant", reason="mlcroissant (pip) is not installed")
    copy = shutil.copytree(reported("strict").release, tmp_path / "release")
    files = {"corpus.jsonl": sha(copy / "corpus.jsonl")}
    write_croissant(copy, croissant("texts", files, [], label=False, license_name=name, language="de"))
    dataset = loader.Dataset(str(copy / "croissant.json"))
    assert dataset.metadata.in_language == ["de"]
    assert bool(dataset.metadata.license) == bool(name)
    assert len(list(dataset.records("texts"))) == 20


def test_the_language_of_the_texts_is_told_as_the_pack_has_it(
    lab: Lab, pack_folder: Path, tmp_path: Path
) -> None:
    spoken = shutil.copytree(pack_folder, tmp_path / "spoken")
    toml = (spoken / "pack.toml").read_text(encoding="utf-8")
    (spoken / "pack.toml").write_text('language = "no"\n' + toml, encoding="utf-8")
    for folder, said, code in ((spoken, '["no"]', "no"), (pack_folder, None, None)):
        plan = lab.plan(method={"name": "floor"}, corpus={"domain": str(folder)})
        run = lab.run(plan, f"run-{code}")
        assert front((run.release / "README.md").read_text(encoding="utf-8")).get("language") == said
        assert metadata(run).get("inLanguage") == code


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_loader_of_croissant_reads_the_corpus(reported: Runs) -> None:
    loader = pytest.importorskip("mlcroissant", reason="mlcroissant (pip) is not installed")
    run = reported("strict")
    dataset = loader.Dataset(str(run.release / "croissant.json"))
    texts = [record["texts/text"].decode() for record in dataset.records("texts")]
    assert texts == list(run.texts)


# -- the card


def front(text: str) -> dict[str, str]:
    """The front matter, as far as our cards use YAML: a key, a colon, a value."""
    start, matter, _ = text.split("---\n", 2)
    assert start == ""
    return dict(line.split(": ", 1) for line in matter.splitlines() if ": " in line and line[0].isalpha())


@pytest.mark.parametrize("name", RUNS)
def test_the_card_has_front_matter_that_hubs_read(reported: Runs, name: str) -> None:
    run = reported(name)
    text = (run.release / "README.md").read_text(encoding="utf-8")
    matter = front(text)
    assert matter["license"] == "unknown"
    assert matter["size_categories"] == "[n<1K]"
    assert ("differential-privacy" in matter["tags"]) == ("epsilon" in run.ledger["claim"])
    assert json.loads(matter["pretty_name"]).startswith("Synthetic texts: ")
    assert "    data_files: corpus.jsonl" in text.splitlines()


def test_a_public_line_cannot_break_out_of_the_front_matter(reported: Runs) -> None:
    release = Release(reported("strict").release)
    about = "a: b\n---\nlicense: cc0 \x7f\x1b" + ATTACKS[6]
    corpus = release.plan.corpus.model_copy(update={"about": about})
    plan = release.plan.model_copy(update={"corpus": corpus})
    matter = front(card(changed(release, plan=plan)))
    assert json.loads(matter["pretty_name"]) == "Synthetic texts: " + " ".join(about.split())
    assert matter["pretty_name"].isascii()
    assert matter["license"] == "unknown"


def test_the_licence_that_the_plan_names_stands_in_card_and_metadata(lab: Lab) -> None:
    run = lab.run(lab.plan(method={"name": "floor"}, corpus={"license": "cc-by-4.0"}))
    assert front((run.release / "README.md").read_text(encoding="utf-8"))["license"] == "cc-by-4.0"
    assert metadata(run)["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"


def test_a_licence_cannot_bring_lines_of_its_own(lab: Lab) -> None:
    with pytest.raises(UsageError, match="license"):
        lab.plan(corpus={"license": "mit\ntags: [safe]"})
