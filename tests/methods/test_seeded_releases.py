"""What a release from private seeds says, word for word, and that nobody changes it unseen."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from rpsg import api
from rpsg.errors import UsageError
from rpsg.models.fake import FakeWriter
from rpsg.privacy.claims import NOT_PRIVATE
from rpsg.privacy.schema import ledger_schema
from rpsg.privacy.signing import seal
from rpsg.testing.noise import FixedNoise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.release.run import Run

    Change = Callable[[Path], None]

SEEDED = ["paper", "split", "rupta"]
FOLLOWS = "everything follows from plan, pack and evidence"


@pytest.fixture(scope="module")
def made(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A finished run of each method."""
    lab = lab_of(tmp_path_factory.mktemp("seeded"))
    file = lab.file(lab.rows(400))
    return {name: lab.run(lab.plan(file, method={"name": name}), name) for name in (*SEEDED, "strict")}


@pytest.fixture
def copied(made: dict[str, Run], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a release, to be changed."""
    return lambda name: shutil.copytree(made[name].release, tmp_path / "release")


def failed(release: Path) -> set[str]:
    return {check.name for check in api.verify(release).checks if not check.ok}


def appended(name: str, words: str = "\nepsilon 1 guaranteed\n") -> Change:
    def change(release: Path) -> None:
        with (release / name).open("a", encoding="utf-8") as file:
            file.write(words)

    return change


def replaced(name: str, before: str, after: str) -> Change:
    def change(release: Path) -> None:
        text = (release / name).read_text(encoding="utf-8")
        assert before in text
        (release / name).write_text(text.replace(before, after), encoding="utf-8")

    return change


def sealed_again(release: Path) -> None:
    """A new ledger that names the files as they are now, as anybody can write it."""
    ledger = json.loads((release / "ledger.json").read_text(encoding="utf-8"))
    for output in ledger["outputs"]:
        output["sha256"] = hashlib.sha256((release / output["name"]).read_bytes()).hexdigest()
    body = {key: value for key, value in ledger.items() if key != "chain"}
    told = json.dumps(seal(body), indent=1, ensure_ascii=False) + "\n"
    (release / "ledger.json").write_text(told, encoding="utf-8")


CHANGES: dict[str, tuple[Change, str]] = {
    "words in the card": (appended("README.md"), "README.md"),
    "words in the summary": (appended("summary.md"), "summary.md"),
    "a setting": (replaced("evidence/plan.toml", "size = 20", "size = 21"), "evidence/plan.toml"),
    "a prompt": (appended("evidence/pack/candidate.txt"), FOLLOWS),
    "a new prompt": (appended("evidence/pack/abstract.txt"), FOLLOWS),
    "who saw what": (appended("egress.json", " "), "egress.json"),
}


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize(("change", "found_by"), CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_found(
    copied: Callable[[str], Path], name: str, change: Change, found_by: str
) -> None:
    release = copied(name)
    assert failed(release) == set()
    change(release)
    assert found_by in failed(release)


AGAIN: dict[str, tuple[str, Change, str]] = {
    "a card with a budget": ("paper", appended("README.md"), "README.md"),
    "a summary with a budget": ("paper", appended("summary.md", "\u03b5 = 1"), "summary.md"),
    "a summary that protects donors": (
        "split",
        replaced("summary.md", "are not protected", "are protected"),
        "summary.md",
    ),
    "a page without its claim": (
        "paper",
        replaced("report.html", "No differential-privacy guarantee", "Guaranteed"),
        "report.html",
    ),
    "rows with another claim": (
        "paper",
        replaced("corpus.jsonl", "No differential-privacy guarantee", "A guarantee"),
        "corpus.jsonl",
    ),
}


@pytest.mark.parametrize(("name", "change", "found_by"), AGAIN.values(), ids=AGAIN)
def test_words_that_say_more_than_the_ledger_are_found_though_it_names_them(
    copied: Callable[[str], Path], name: str, change: Change, found_by: str
) -> None:
    release = copied(name)
    sealed_again(release)
    assert failed(release) == set()
    change(release)
    sealed_again(release)
    assert found_by in failed(release)


@pytest.mark.parametrize("name", [*SEEDED, "strict"])
def test_files_that_the_ledger_does_not_name_are_no_part_of_a_release(
    made: dict[str, Run], tmp_path: Path, name: str
) -> None:
    release = shutil.copytree(made[name].release, tmp_path / "release")
    files = {p.relative_to(release).as_posix() for p in release.rglob("*") if p.is_file()}
    named = {output["name"] for output in made[name].ledger["outputs"]}
    assert {"summary.md", "README.md", "egress.json", "evidence/plan.toml", "report.html"} <= named
    assert all(f.startswith(("evidence/release-", "evidence/pack/")) for f in files - named - {"ledger.json"})
    (release / "PROMISE.md").write_text("epsilon 1 guaranteed")
    (check,) = api.verify(release).checks
    assert not check.ok
    assert "'PROMISE.md' does not belong to a release" in check.detail


def test_a_run_under_test_noise_holds_and_says_in_every_row_that_it_is_not_private(lab: Lab) -> None:
    run = lab.run(lab.plan(lab.file(lab.rows(60)), method={"name": "paper"}), noise=FixedNoise())
    assert {row["claim"] for row in run.records} == {NOT_PRIVATE}
    assert failed(run.release) == set()


def test_of_voters_nothing_is_said_to_be_read_without_noise(made: dict[str, Run]) -> None:
    told = {flow["from"] for flow in made["split"].ledger["non_dp_flows"]}
    assert "records of donors" in told
    assert "records" not in told
    assert "records" in {flow["from"] for flow in made["paper"].ledger["non_dp_flows"]}


@pytest.mark.parametrize("name", [*SEEDED, "strict"])
def test_no_release_names_what_is_no_budget_or_was_never_used(made: dict[str, Run], name: str) -> None:
    release = made[name].release
    plan = (release / "evidence" / "plan.toml").read_text(encoding="utf-8")
    told = plan + (release / "report.html").read_text(encoding="utf-8") + made[name].summary
    assert "nominal_epsilon" not in told
    never_used = ("filters", "surrogate", "representatives", "histogram_sigma", "cosine_retain", "selection")
    assert any(f"{key} = " in plan for key in never_used) == (name == "paper")
    assert any(f"paper.{key}" in told for key in never_used) == (name == "paper")
    assert ("[paper]" in plan) == (name in {"paper", "split"})
    assert ("[split]" in plan) == (name == "split")
    assert ("[privacy]" in plan) == (name in {"split", "strict"})


@pytest.mark.parametrize("paper", [{"selection": "votes"}, {"histogram_sigma": 2.0}], ids=str)
def test_split_mode_refuses_settings_that_it_has_no_step_for(lab: Lab, paper: dict[str, Any]) -> None:
    writer = FakeWriter()
    plan = lab.plan(lab.file(lab.rows(400)), method={"name": "split"}, paper=paper)
    with pytest.raises(UsageError) as caught:
        lab.run(plan, writer=writer)
    assert next(iter(paper)) in caught.value.hint
    assert writer.requests == []
    assert not (lab.folder / "run").exists()


def test_a_line_about_the_corpus_that_names_a_budget_is_refused_before_anything_is_read(lab: Lab) -> None:
    plan = lab.plan("no-such-file", method={"name": "paper"}, corpus={"about": "reviews at \u03b5 = 1"})
    with pytest.raises(UsageError, match="gives no guarantee") as caught:
        lab.run(plan)
    assert "--about" in caught.value.hint


@pytest.mark.parametrize("name", ["strict", *SEEDED])
def test_the_schema_describes_the_ledger_of_each_method(made: dict[str, Run], name: str) -> None:
    jsonschema.Draft202012Validator(ledger_schema()).validate(made[name].ledger)


@pytest.mark.parametrize("name", [*SEEDED, "strict"])
def test_no_path_of_the_operator_is_in_a_release(made: dict[str, Run], lab: Lab, name: str) -> None:
    """The plan names the pack by its folder."""
    assert str(lab.pack) in (made[name].path / "plan.toml").read_text(encoding="utf-8")
    for file in made[name].release.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert str(lab.pack).encode() not in content, file
        assert str(made[name].path.parent).encode() not in content, file
    assert 'domain = "tiny"' in (made[name].release / "evidence" / "plan.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SEEDED)
def test_words_about_rows_are_true_for_rows_from_records(made: dict[str, Run], name: str) -> None:
    release = made[name].release
    for file in ("README.md", "croissant.json", "report.html"):
        told = (release / file).read_text(encoding="utf-8")
        assert "number of the row in this file" in told, file
        assert "of the private text that it was made from" in told, file
        for false in (
            "the run that wrote it",
            "one to each",
            "wrote it as text",
            "asked for it",
            "card it was",
        ):
            assert false not in told, (file, false)
    whose = "a seed donor" if name == "split" else "a private text"
    assert whose in (release / "report.html").read_text(encoding="utf-8")


def test_words_about_rows_are_those_of_cards_where_there_are_cards(made: dict[str, Run]) -> None:
    told = (made["strict"].release / "README.md").read_text(encoding="utf-8")
    assert "number of the text among all drafts of the run" in told
    assert "the values that its prompt asked for" in told
