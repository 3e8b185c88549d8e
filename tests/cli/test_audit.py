"""``rpsg audit`` says what a corpus tells of its members, to the owner of the data alone."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from rpsg.audit import audit
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.cli.conftest import Outcome, Rpsg

PEOPLE, SIZE = 100, 400
ROWS = texts(2 * PEOPLE + SIZE, 3)
MEMBERS, OTHERS, NULL = ROWS[:PEOPLE], ROWS[PEOPLE : 2 * PEOPLE], ROWS[2 * PEOPLE :]
LEAKY = [*MEMBERS[:50], *NULL[50:]]
FEW = ("--attacks", "near-copies,copies,refer", "--quiet")


def write(path: Path, rows: Sequence[str], column: str = "text") -> Path:
    lines = [json.dumps({column: row, "who": f"person-{path.stem}-{i}"}) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.jsonl", MEMBERS)
    write(tmp_path / "out.jsonl", OTHERS)
    write(tmp_path / "null.jsonl", NULL)
    write(tmp_path / "few.jsonl", NULL[:60])
    write(tmp_path / "leaky.jsonl", LEAKY)
    return tmp_path


@pytest.fixture
def audited(rpsg: Rpsg, folder: Path) -> object:
    def call(corpus: str, *options: str) -> Outcome:
        sides = ("--members", str(folder / "in.jsonl"), "--nonmembers", str(folder / "out.jsonl"))
        return rpsg("audit", "--synthetic", str(folder / corpus), *sides, *FEW, *options)

    return call


def flat(text: str) -> str:
    return " ".join(text.split())


def test_copies_of_members_refute_the_claim(audited: Rpsg) -> None:
    seen = audited("leaky.jsonl", "--epsilon", "1", "--delta", "1e-6")
    assert seen.code == 8
    assert "This page is private" in seen.out.splitlines()[0]
    assert "The claim is refuted" in flat(seen.out)
    assert "epsilon 1, delta 1e-06" in seen.out
    assert seen.err == ""


def test_a_corpus_that_learnt_nothing_shows_no_violation_and_how_little_that_proves(audited: Rpsg) -> None:
    seen = audited("null.jsonl", "--user", "who")
    assert seen.code == 0
    assert "No violation was seen." in seen.out
    assert "is no proof" in flat(seen.out)
    assert "without text" not in flat(seen.out)
    assert "nothing, so the test is whether members can be told from the others" in flat(seen.out)


def test_rows_without_text_are_counted_for_each_file(audited: Rpsg, folder: Path) -> None:
    empty = ["", "  ", "\u200b"]
    write(folder / "null.jsonl", [*NULL, *empty])
    members = (folder / "in.jsonl").read_text()
    (folder / "in.jsonl").write_text(f'{members}\n{{"who": "person-in-nobody", "text": null}}')
    write(folder / "public.jsonl", [*texts(60, 4), *empty[:2]])
    seen = audited("null.jsonl", "--user", "who", "--reference", "public.jsonl", "-o", "mine.json")
    told = "3 of the synthetic corpus, 1 of the members, 2 of the reference."
    assert f"Rows without text were left out: {told}" in flat(seen.out)
    found = json.loads((folder / "mine.json").read_text())
    assert found["counts"]["synthetic texts"] == len(NULL)
    assert f"Rows without text were left out: {told}" in found["notes"]


def test_a_claim_that_so_few_people_cannot_refute_is_not_run(audited: Rpsg) -> None:
    seen = audited("null.jsonl", "--epsilon", "20")
    assert seen.code == 12
    assert "The audit has no verdict." in seen.out
    assert "even a perfect attack could not prove more than epsilon" in flat(seen.out)


def test_an_audit_that_does_not_count_gives_one_reason_for_all_its_attacks(audited: Rpsg) -> None:
    seen = audited("few.jsonl")
    assert seen.code == 12
    told = flat(seen.out)
    assert "near-copies, copies, refer: The audit as a whole has no verdict." in told
    assert "no violation seen" not in told
    assert told.count("has no verdict") == 2


def test_without_a_claim_none_is_refuted_and_whole_texts_are_counted(audited: Rpsg) -> None:
    seen = audited("leaky.jsonl")
    assert seen.code == 8
    assert "The corpus reveals who was in the data" in flat(seen.out)
    assert "The claim is refuted" not in flat(seen.out)
    assert "50 whole texts of members, and 0 of people held out, word for word" in flat(seen.out)
    assert "found at 0.1 %" not in seen.out.partition("What the claim allows")[0]


def test_what_is_found_at_one_in_a_thousand_is_shown_with_a_thousand_people(
    rpsg: Rpsg, tmp_path: Path
) -> None:
    rows = [" ".join(row.split()[:8]) for row in texts(2400, 5)]
    files = [
        write(tmp_path / f"{name}.jsonl", part)
        for name, part in zip(
            ("in", "out", "made"), (rows[:1000], rows[1000:2000], [*rows[:300], *rows[2000:]]), strict=True
        )
    ]
    sides = ("--members", str(files[0]), "--nonmembers", str(files[1]))
    seen = rpsg("audit", "--synthetic", str(files[2]), *sides, "--attacks", "near-copies", "--quiet")
    shown = seen.out.partition("What the claim allows")[0]
    assert re.search(r"\n *attack +found at 0.1 %\n *near-copies +\d+\.\d ±\d+\.\d %\n", shown)
    assert "At 0.1 %: if only 0.1 % of them are." in flat(shown)
    assert max(map(len, seen.out.splitlines())) <= 80


def test_a_claim_in_mu_is_shown_with_what_it_allows(audited: Rpsg) -> None:
    seen = audited("null.jsonl", "--mu", "0.5")
    assert "mu 0.5, tested as epsilon" in flat(seen.out)
    assert "best AUC" in seen.out


def test_neither_page_nor_progress_nor_json_holds_a_text_or_a_person(rpsg: Rpsg, folder: Path) -> None:
    sides = ("--members", "in.jsonl", "--nonmembers", "out.jsonl", "--user", "who")
    seen = rpsg("audit", "--synthetic", "leaky.jsonl", *sides, *FEW[:2], "-o", str(folder))
    told = seen.out + seen.err + (folder / "audit.json").read_text()
    assert not any(text in told for text in (*MEMBERS, *OTHERS))
    assert "person-" not in told
    assert "%" in seen.err
    assert not any(f"{unit} left" in seen.err for unit in ("s", "min"))


def test_the_json_is_marked_as_private_and_has_no_matches(audited: Rpsg) -> None:
    seen = audited("leaky.jsonl", "--json")
    assert seen.code == 8
    found = seen.json["audit"]
    assert (found["private"], found["verdict"]) == (True, "refuted")
    assert all("matches" not in each for each in found["findings"])


def test_the_file_is_the_owners_alone_and_has_the_places_of_matches(audited: Rpsg, folder: Path) -> None:
    for _ in range(2):  # an earlier audit may be replaced
        seen = audited("leaky.jsonl", "-o", str(folder / "mine.json"))
        assert "mine.json" in seen.out
    kept = folder / "mine.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    findings = json.loads(kept.read_text())["findings"]
    assert any(each["matches"] for each in findings)


def test_a_page_can_be_had_in_place_of_json_with_the_closest_texts(audited: Rpsg, folder: Path) -> None:
    kept = folder / "mine.html"
    for _ in range(2):
        seen = audited("leaky.jsonl", "-o", str(kept))
        assert "The same report as a page for the privacy officer" in seen.out
    page = kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "The corpus reveals who was in the data" in page
    assert "The corpus has 50 whole texts of members, and 0 of people held out, word for word." in page
    assert "The closest texts" in page
    assert any(text in page for text in MEMBERS)


@pytest.mark.parametrize("out", ["release", "release/audit.json", "release/deeper/audit.json"])
def test_nothing_is_written_into_a_release(audited: Rpsg, folder: Path, out: str) -> None:
    (folder / "release" / "deeper").mkdir(parents=True)
    (folder / "release" / "ledger.json").write_text("{}")
    seen = audited("leaky.jsonl", "-o", str(folder / out))
    assert seen.code == 10
    assert list((folder / "release").rglob("audit.json")) == []
    assert seen.out == ""


def test_inputs_and_other_files_are_not_written_over(audited: Rpsg, folder: Path) -> None:
    (folder / "notes.json").write_text("mine")
    for name in ("in.jsonl", "notes.json"):
        before = (folder / name).read_text()
        assert audited("leaky.jsonl", "-o", str(folder / name)).code == 2
        assert (folder / name).read_text() == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--attacks", "mind-reading"), 2),
        (("--delta", "1e-6"), 2),
        (("--mu", "1", "--epsilon", "1"), 2),
        (("--text", "body"), 3),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(audited: Rpsg, options: tuple[str, ...], code: int) -> None:
    seen = audited("null.jsonl", *options)
    assert (seen.code, seen.out) == (code, "")
    assert len(seen.err.splitlines()) >= 2


def test_an_embedder_that_is_named_adds_the_attacks_that_need_one(rpsg: Rpsg, folder: Path) -> None:
    sides = ("--members", "in.jsonl", "--nonmembers", "out.jsonl", "--attacks", "closest,copies", "--json")
    without = rpsg("audit", "--synthetic", "leaky.jsonl", *sides).json["audit"]["findings"]
    with_one = rpsg("audit", "--synthetic", "leaky.jsonl", *sides, "--with-embedder", "fake")
    verdicts = [
        {each["name"]: each["verdict"] for each in found}
        for found in (without, with_one.json["audit"]["findings"])
    ]
    assert verdicts == [
        {"closest": "not run", "copies": "refuted"},
        {"closest": "refuted", "copies": "refuted"},
    ]
    assert "--with-embedder" in without[0]["reason"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--with-shadows",), "can only be used with a run"),
        (("--with-embedder", "telepathy"), "no embedder 'telepathy'"),
        (("--with-recogniser-model", "en_core_web_sm"), "--with-recogniser presidio"),
        # Without PyTorch that is what is missing first.
        (("--with-surrogate", "nowhere"), "nowhere" if find_spec("torch") else "package torch is needed"),
    ],
)
def test_an_aid_that_cannot_be_is_refused_before_a_private_text_is_read(
    audited: Rpsg, folder: Path, options: tuple[str, ...], said: str
) -> None:
    (folder / "in.jsonl").unlink()
    seen = audited("null.jsonl", *options)
    assert seen.out == ""
    assert said in flat(seen.err)
    assert "in.jsonl" not in seen.err


def test_an_audit_without_its_texts_says_how_it_is_called(rpsg: Rpsg) -> None:
    seen = rpsg("audit", "--synthetic", "x.jsonl")
    assert seen.code == 2
    assert "--members FILE" in flat(seen.err)


def test_the_synthetic_file_may_have_another_column(audited: Rpsg, folder: Path) -> None:
    write(folder / "other.jsonl", LEAKY, "generated")
    assert audited("other.jsonl", "--synthetic-text", "generated").code == 8
    assert "--synthetic-text" in audited("other.jsonl").err


def test_python_takes_paths_and_lists_alike(folder: Path) -> None:
    named = ["near-copies", "copies"]
    of_files = audit(
        folder / "leaky.jsonl", folder / "in.jsonl", str(folder / "out.jsonl"), user="who", attacks=named
    )
    of_lists = audit(LEAKY, MEMBERS, OTHERS, attacks=named)
    assert of_files.to_json() == of_lists.to_json()


def test_the_sides_of_an_audit_may_have_another_encoding(rpsg: Rpsg, folder: Path) -> None:
    sides = []
    for name, rows in (("in", MEMBERS), ("out", OTHERS)):
        sides.append(folder / f"{name}.csv")
        sides[-1].write_bytes("\n".join(["text", *(f"d\xe9j\xe0 {row}" for row in rows)]).encode("cp1252"))
    files = ("--members", str(sides[0]), "--nonmembers", str(sides[1]))
    call = ("audit", "--synthetic", str(folder / "few.jsonl"), *files, "--attacks", "copies", "--quiet")
    refused = rpsg(*call)
    assert (refused.code, "--encoding cp1252" in refused.err) == (3, True)
    assert rpsg(*call, "--encoding", "cp1252").code in {0, 12}
