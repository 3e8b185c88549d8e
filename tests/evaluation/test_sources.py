"""What an evaluation reads: files of several tools with other columns, and lists of texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, sentences

import rpsg
from rpsg.cli import main
from rpsg.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LABELS = ("a", "b")


def write(path: Path, texts: Sequence[str], *, text: str = "text", label: str | None = None) -> Path:
    labels = {} if label is None else {label: LABELS}
    rows = [{text: t, **{name: of[i % 2] for name, of in labels.items()}} for i, t in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return write(tmp_path / "real.jsonl", sentences(80, GARDEN, seed=1), label="kind")


def measured(corpus: Any, real: Any, **how: Any) -> rpsg.Report:
    metrics = ["downstream_accuracy", "word_distance"]
    return rpsg.evaluate(corpus, real, **{"metrics": metrics, "embedder": "fake", **how})


def test_a_corpus_without_the_label_column_is_read_without_labels(real: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "theirs.jsonl", sentences(40, GARDEN))
    report = measured(corpus, real, label="kind")
    assert any("The corpus was read without labels: it has no column 'kind'" in n for n in report.notes)
    assert report.line("word_distance").corpus.value is not None
    line = report.line("downstream_accuracy")
    assert (line.corpus.value, line.corpus.higher_is_better) == (None, True)
    assert "no labels in the corpus" in line.corpus.reason
    assert line.ceiling is not None
    assert line.ceiling.value is not None


def test_a_floor_of_text_files_is_read_without_labels(real: Path, tmp_path: Path) -> None:
    floor = tmp_path / "floor"
    floor.mkdir()
    for i, text in enumerate(sentences(20, HARBOUR)):
        (floor / f"{i:02d}.txt").write_text(text)
    corpus = write(tmp_path / "corpus.jsonl", sentences(40, GARDEN), label="kind")
    report = measured(corpus, real, label="kind", floor=floor)
    assert any(note.startswith("The floor was read without labels") for note in report.notes)
    line = report.line("downstream_accuracy")
    assert line.corpus.value is not None
    assert line.floor is not None
    assert line.floor.value is None
    assert report.line("word_distance").score is not None


def test_the_label_column_of_synthetic_files_can_have_another_name(real: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "theirs.jsonl", sentences(40, GARDEN), text="body", label="class")
    columns = {"label": "kind", "synthetic_text": "body", "synthetic_label": "class"}
    report = measured(corpus, real, **columns)
    assert report.line("downstream_accuracy").corpus.value is not None
    assert not any("without labels" in note for note in report.notes)


def test_the_command_takes_the_label_column_of_synthetic_files(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write(tmp_path / "theirs.jsonl", sentences(40, GARDEN), label="class")
    what = ["evaluate", f"--synthetic={corpus}", f"--real={real}", "--label=kind", "--embedder=fake", "-q"]
    assert main([*what, "--metrics=downstream_accuracy", "--synthetic-label=class", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)["evaluation"]
    assert content["metrics"][0]["corpus"]["value"] is not None
    assert main([*what, "--synthetic-label=clas"]) == DataError.exit_code
    assert "--synthetic-label 'class'" in capsys.readouterr().err


def test_a_missing_text_column_names_the_option_for_it(real: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "theirs.jsonl", sentences(40, GARDEN), text="body")
    with pytest.raises(DataError, match=r"no column 'text' for `synthetic_text`\.[\s\S]*synthetic_text"):
        measured(corpus, real, label="kind")


def test_a_broken_label_is_not_taken_for_a_missing_column(real: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "theirs.jsonl"
    corpus.write_text('{"text": "a rose", "kind": ["a"]}\n')
    with pytest.raises(DataError, match="the label is a list"):
        measured(corpus, real, label="kind")


def test_real_texts_must_have_the_columns_that_are_named(real: Path, tmp_path: Path) -> None:
    corpus = write(tmp_path / "corpus.jsonl", sentences(40, GARDEN), label="sort")
    with pytest.raises(DataError, match=r"no column 'sort' for `label`\."):
        measured(corpus, real, label="sort")


def test_lists_of_texts_are_measured_as_their_files_are(tmp_path: Path) -> None:
    texts = [sentences(40, GARDEN, seed=1), sentences(80, GARDEN, seed=2), sentences(40, HARBOUR)]
    corpus, real, floor = (write(tmp_path / f"{i}.jsonl", ts) for i, ts in enumerate(texts))
    how = {"metrics": ["fid", "word_distance", "self_bleu"], "embedder": "fake"}
    from_files = rpsg.evaluate(corpus, real, floor=floor, **how)  # type: ignore[arg-type]
    in_memory = rpsg.evaluate([*texts[0], " "], tuple(texts[1]), floor=texts[2], **how)  # type: ignore[arg-type]
    assert in_memory.table() == from_files.table()
    assert in_memory.sizes == from_files.sizes


@pytest.mark.parametrize("given", [["a", None], {"text": "a"}, [1.5], 7, b"bytes"])
def test_what_is_no_list_of_texts_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="list of strings"):
        rpsg.evaluate(given)


def test_a_list_without_any_text_is_refused() -> None:
    with pytest.raises(DataError, match="no text"):
        rpsg.evaluate(["", " "])


def test_columns_of_real_texts_in_memory_are_refused() -> None:
    with pytest.raises(UsageError, match="no columns"):
        rpsg.evaluate(["a"], ["b", "c"], user="who")


def test_labels_of_a_list_are_noted_to_be_missing(real: Path) -> None:
    report = measured(sentences(40, GARDEN), real, label="kind")
    assert any("without labels" in note for note in report.notes)


def test_one_real_text_is_too_few(real: Path) -> None:
    real.write_text(real.read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match="At least two real texts"):
        measured(["a"], real)


def test_what_an_evaluation_gives_can_be_named(real: Path) -> None:
    report = measured(["a rose", "a tulip"], real, metrics="word_distance")
    assert isinstance(report, rpsg.Report)
    assert isinstance(report.lines[0], rpsg.Line)
    assert isinstance(report.lines[0].corpus, rpsg.Measure)
    assert {"Report", "Line", "Measure"} <= set(rpsg.__all__)


def test_every_error_can_be_caught_by_the_name_that_the_documentation_gives(real: Path) -> None:
    with pytest.raises(rpsg.RpsgError):
        measured(["a rose"], real, metrics="beauty")


def test_a_wrong_keyword_is_told_by_its_name(real: Path) -> None:
    with pytest.raises(TypeError, match="syntetic_text"):
        rpsg.evaluate(real, syntetic_text="body")  # type: ignore[call-arg]


def test_real_texts_may_have_another_encoding(real: Path, tmp_path: Path) -> None:
    """The hint of a file from Windows names the option, which is for real texts alone."""
    corpus, windows = write(tmp_path / "corpus.jsonl", sentences(40, GARDEN)), tmp_path / "windows.csv"
    windows.write_bytes(
        b"text\n" + "".join(f"d\xe9j\xe0 {t}\n" for t in sentences(60, GARDEN)).encode("cp1252")
    )
    with pytest.raises(DataError) as refused:
        measured(corpus, windows)
    assert "add: --encoding cp1252" in refused.value.hint
    report = measured(corpus, windows, encoding="cp1252", train_real=windows)
    assert report.line("word_distance").corpus.n_real == 60
    with pytest.raises(DataError) as refused:
        measured(windows, real, encoding="cp1252")
    assert refused.value.hint.endswith("save it as UTF-8.")
