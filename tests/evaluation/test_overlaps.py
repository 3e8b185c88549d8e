"""What is compared with itself says so: the run's own data, copied texts, texts on both sides."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from tests.evaluation.conftest import GARDEN, sentences

import rpsg
from rpsg.evaluation.corpora import Rows, halves, is_copied
from rpsg.storage.ownership import MARK, mark_own

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OWN = "The corpus was made from these texts"


def write(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def copied(file: Path, to: Path) -> Path:
    to.write_bytes(file.read_bytes())
    return to


def notes_of(run: Path, real: Path) -> str:
    return " ".join(rpsg.evaluate(run, real, metrics=["length_mean"], write_floor=False).notes)


def test_a_run_s_own_data_is_told_of_wherever_it_lies(finished: Path, held_out: Path, tmp_path: Path) -> None:
    data = finished.parent / "data.jsonl"
    assert OWN in notes_of(finished, data)
    assert OWN in notes_of(finished, copied(data, tmp_path / "innocent.jsonl"))
    assert OWN not in notes_of(finished, held_out)


def begun_here(run: Path) -> None:
    """As if the run had begun with the plan that it has now."""
    (run / "private" / MARK).unlink()
    mark_own(run)


def test_a_run_s_data_file_is_known_though_it_was_changed(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    data = copied(finished.parent / "data.jsonl", tmp_path / "data.jsonl")
    plan = run / "plan.toml"
    plan.write_text(plan.read_text().replace(str(finished.parent / "data.jsonl"), str(data)))
    begun_here(run)
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:-5]))
    assert OWN in notes_of(run, data)


def test_real_texts_of_other_columns_are_other_data(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({"body": t, "label": "x"}) + "\n" for t in sentences(40)))
    report = rpsg.evaluate(
        finished, other, text="body", user="body", metrics=["length_mean"], write_floor=False
    )
    assert OWN not in " ".join(report.notes)


def test_texts_on_both_sides_leave_the_ceiling(tmp_path: Path) -> None:
    real, more = sentences(60, GARDEN, seed=1, most=30), sentences(50, GARDEN, seed=2, most=30)
    corpus = write(tmp_path / "corpus.jsonl", sentences(40, seed=3, most=30))
    files = [write(tmp_path / "real.jsonl", real), write(tmp_path / "more.jsonl", [*more, *real[:20]])]
    report = rpsg.evaluate(corpus, files[0], train_real=files[1], metrics=["length_mean"])
    assert report.sizes["ceiling"] == 50
    assert any("20 of 70 texts were left out of the ceiling" in note for note in report.notes)


def test_a_ceiling_of_the_very_texts_it_is_compared_with_is_none(tmp_path: Path) -> None:
    real = write(tmp_path / "real.jsonl", sentences(60))
    corpus = write(tmp_path / "corpus.jsonl", sentences(40, seed=3))
    report = rpsg.evaluate(corpus, real, train_real=real, metrics=["word_distance", "self_bleu"])
    assert report.line("word_distance").ceiling is None
    assert any("There is no ceiling" in note for note in report.notes)


def test_an_evaluation_that_was_given_real_texts_is_internal_without_a_ceiling_too(tmp_path: Path) -> None:
    real = write(tmp_path / "real.jsonl", sentences(60))
    corpus = write(tmp_path / "corpus.jsonl", sentences(40, seed=3))
    report = rpsg.evaluate(corpus, real, train_real=real, metrics=["self_bleu"])
    assert not report.line("self_bleu").internal
    assert report.internal


def test_a_text_that_stands_twice_is_not_on_both_sides_of_a_split(tmp_path: Path) -> None:
    texts = sentences(60, most=30)
    real = write(tmp_path / "real.jsonl", [*texts, *texts])
    corpus = write(tmp_path / "corpus.jsonl", sentences(20, seed=3, most=30))
    report = rpsg.evaluate(corpus, real, metrics=["length_mean"])
    assert report.sizes["real"] == 60
    assert report.sizes["ceiling"] < 60
    assert any("left out of the ceiling" in note for note in report.notes)


def test_texts_of_the_corpus_that_stand_among_the_real_ones_are_counted(tmp_path: Path) -> None:
    texts = sentences(60, most=30)
    real = write(tmp_path / "real.jsonl", texts)
    mine = [*sentences(20, seed=3, most=30), f" {texts[0]}", texts[1].replace(" ", "  ")]
    report = rpsg.evaluate(write(tmp_path / "corpus.jsonl", mine), real, metrics=["length_mean"])
    assert any("2 of the 22 texts of the corpus are also, word for word," in note for note in report.notes)


def test_white_space_makes_no_other_text() -> None:
    assert is_copied(Rows(("a  b\n", "a b c", "A b")), Rows((" a b",))) == [True, False, False]


@pytest.mark.parametrize("people", [200_000, 100_000])
def test_two_hundred_thousand_texts_are_split_by_person_in_seconds(people: int) -> None:
    rows = Rows(("text",) * 200_000, users=tuple(f"person-{i % people}" for i in range(200_000)))
    began = time.process_time()
    first, second = halves(rows, seed=0)
    assert time.process_time() - began < 10
    assert abs(len(first) - len(second)) <= 2
