"""Data frames, Arrow tables, data sets and dicts go in as a file does; a corpus comes out as one of them."""

from __future__ import annotations

import importlib
import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest

import rpsg
from rpsg.errors import DataError, MissingExtraError, UsageError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.release import outward
from rpsg.storage.readers import check_columns, header_of, read_by_rule
from rpsg.storage.readers.memory import held, is_held

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.release.run import Run

ROWS: list[dict[str, Any]] = [
    {"text": "tea", "user": 12, "label": "good"},
    {"text": "oil", "user": None, "label": None},
    {"text": None, "user": 14, "label": "bad"},
    {"text": "corn", "user": 13, "label": "bad"},
]


def of_pandas(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas", reason="pandas comes with the tools of development").DataFrame(rows)


def of_polars(rows: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("polars", reason="polars comes with the tools of development").DataFrame(rows)


def of_datasets(rows: list[dict[str, Any]]) -> Any:
    package = pytest.importorskip("datasets", reason="datasets is large, and no tool of development")
    return package.Dataset.from_list(rows)


KINDS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "dicts": lambda rows: rows,
    "pandas": of_pandas,
    "pandas with its own missing values": lambda rows: of_pandas(rows).convert_dtypes(),
    "pandas with categories": lambda rows: of_pandas(rows).astype({"label": "category"}),
    "pandas with text in place of numbers": lambda rows: of_pandas(rows).astype({"user": "str"}),
    "polars": of_polars,
    "polars, lazy": lambda rows: of_polars(rows).lazy(),
    "Arrow": pa.Table.from_pylist,
    "an Arrow reader": lambda rows: pa.Table.from_pylist(rows).to_reader(),
    "an Arrow data set": lambda rows: pa.dataset.dataset(pa.Table.from_pylist(rows)),
    "an Arrow batch": lambda rows: pa.Table.from_pylist(rows).to_batches()[0],
    "a data set": of_datasets,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_and_a_missing_value_are_the_same_in_every_table(kind: str) -> None:
    with held(KINDS[kind](ROWS)) as path:
        data = DataSection(path=str(path), user="user", label="label")
        assert header_of(path) == ["text", "user", "label"]
        check_columns(data)
        reading = open_private(read_by_rule(data, tells=True))
    assert [(row.text, row.user, row.label) for row in reading.corpus] == [
        ("tea", "12", "good"),
        ("corn", "13", "bad"),
    ]
    assert {why: places.first for why, places in reading.left_out.items()} == {
        "the user is missing": [2],
        "the text is missing or empty": [3],
    }


def test_a_table_is_held_only_for_as_long_as_it_is_read() -> None:
    with held(ROWS) as path:
        assert is_held(path)
        assert "tea" not in repr(path)
    assert not is_held(path)
    with pytest.raises(DataError, match="does not exist"):
        read_by_rule(DataSection(path=str(path)))


def test_two_tables_are_held_at_once() -> None:
    with held([{"text": "one"}]) as first, held([{"text": "two"}]) as second:
        texts = [
            [row.text for row in open_private(read_by_rule(DataSection(path=str(path)))).corpus]
            for path in (first, second)
        ]
    assert texts == [["one"], ["two"]]


def test_numbers_of_other_packages_are_numbers() -> None:

    users = [np.int64(7), np.float64(7), Decimal("7.0"), "7", 7.0]
    with held([{"text": f"text {n}", "user": user} for n, user in enumerate(users)]) as path:
        rows = open_private(read_by_rule(DataSection(path=str(path), user="user"))).corpus
    assert {row.user for row in rows} == {"7"}


def test_a_missing_column_is_named_with_those_there_are() -> None:
    with held(of_pandas(ROWS)) as path, pytest.raises(DataError, match="no column 'body'") as refused:
        check_columns(DataSection(path=str(path), text="body"))
    assert "Columns in the file: text, user, label." in refused.value.hint


def test_a_data_set_of_several_splits_is_refused_with_their_names() -> None:
    package = pytest.importorskip("datasets", reason="datasets is large, and no tool of development")
    splits = package.DatasetDict({"train": of_datasets(ROWS)})
    with pytest.raises(UsageError, match="several splits") as refused, held(splits):
        pass
    assert "train" in refused.value.hint


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        ([], "a list without rows", "Give the path of a file"),
        (["Tea"], "a list without dicts", '{"text": text} for text in texts'),
        ({"text": ["Tea"]}, "a dict", "pandas.DataFrame(data)"),
        (iter(ROWS), "a list_iterator", "list(data)"),
        (3, "an int", "Give the path of a file"),
        (np.array([["Tea", "u"]]), "an? ndarray", "pandas.DataFrame(data, columns="),
    ],
    ids=["empty", "texts", "columns", "iterator", "number", "array"],
)
def test_what_holds_no_rows_is_refused_with_what_it_is_and_how_to_make_rows_of_it(
    data: Any, what: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=f"cannot be read from {what}") as refused, held(data):
        pass
    assert hint in refused.value.hint


def test_a_series_is_refused_with_how_to_make_a_data_frame_of_it() -> None:
    texts = of_pandas(ROWS)["text"]
    with pytest.raises(UsageError, match="Nothing was read") as refused, held(texts):
        pass
    assert 'data.to_frame("text")' in refused.value.hint


@pytest.mark.parametrize("index", [["user"], ["label", "user"]], ids=" and ".join)
def test_a_named_index_of_pandas_is_a_column(index: list[str]) -> None:
    columns = {"user": "user", "label": "label"}
    with held(of_pandas(ROWS).set_index(index)) as path:
        data = DataSection(path=str(path), account="a", **columns)
        check_columns(data)
        found = open_private(read_by_rule(data)).corpus
    assert [(row.text, row.user, row.label) for row in found] == [
        ("tea", "12", "good"),
        ("corn", "13", "bad"),
    ]


def test_data_in_memory_without_a_row_are_not_called_by_a_path() -> None:
    for rows, says in ((of_pandas(ROWS)[:0], "has no rows"), ([{"text": ""}], "has no usable row")):
        with held(rows) as path, pytest.raises(DataError, match=says) as refused:
            read_by_rule(DataSection(path=str(path), account="a"))
        assert refused.value.message.startswith("The data in memory")
        assert "memory:" not in str(refused.value)


def test_a_file_that_pandas_reads_in_pieces_is_refused_with_how_to_join_them(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    (tmp_path / "a.csv").write_text("text\ntea\n")
    with (
        pandas.read_csv(tmp_path / "a.csv", chunksize=1) as pieces,
        pytest.raises(UsageError, match="cannot be read from a TextFileReader") as refused,
        held(pieces),
    ):
        pass
    assert "pandas.concat(data)" in refused.value.hint


@pytest.mark.parametrize("odd", [None, "tea", 3])
def test_what_is_no_dict_among_dicts_is_a_row_that_is_left_out(odd: Any) -> None:
    """A single row must not decide whether there is a release."""
    with held([odd, *ROWS]) as path:
        reading = open_private(read_by_rule(DataSection(path=str(path), user="user")))
    assert [row.text for row in reading.corpus] == ["tea", "corn"]
    assert reading.left_out["the text is missing or empty"].rows == 2


def test_a_missing_column_is_named_in_python_as_python_has_it() -> None:
    with held(of_pandas(ROWS)) as path, pytest.raises(DataError) as refused:
        check_columns(DataSection(path=str(path), text="txt"))
    assert "The data in memory: there is no column 'txt' for `text`." in str(refused.value)
    assert "text='text'" in str(refused.value)


def test_a_name_with_spaces_around_it_is_offered_and_no_first_line_is_spoken_of() -> None:
    """A data frame keeps the spaces that a reader of CSV takes off, and it has no lines."""
    with held(of_pandas([{"Patient ID ": 7, "text": "tea"}])) as path, pytest.raises(DataError) as refused:
        check_columns(DataSection(path=str(path), user="Patient ID"))
    assert "Give it with user='Patient ID '." in str(refused.value)
    whole = [{"Who was there, and what did they say to you about it?": 7, "text": "tea"}]
    with held(of_pandas(whole)) as path, pytest.raises(DataError) as refused:
        check_columns(DataSection(path=str(path), user="who"))
    assert "first line" not in str(refused.value)
    assert "Who was there" not in str(refused.value)


def rows_of(count: int) -> list[dict[str, Any]]:
    words = ("soup", "bread", "tea", "rice", "kettle")
    return [
        {"text": f"The {words[n % 5]} number {n} came late and was cold.", "user": n} for n in range(count)
    ]


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "models": {"writer": "fake", "embedder": "fake"},
        "epsilon": 8.0,
        "delta": 1e-5,
        "size": 8,
        "user": "user",
    }


def test_a_table_needs_the_name_of_an_account(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="privacy account"):
        rpsg.synthesize(rows_of(5), out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def made(tmp_path: Path, settings: dict[str, Any]) -> Run:
    return rpsg.synthesize(rows_of(400), out=tmp_path / "run", account="ward 7", **settings)


def test_a_corpus_is_made_of_a_table_and_the_same_call_resumes(
    made: Run, tmp_path: Path, settings: dict[str, Any]
) -> None:
    again = rpsg.synthesize(rows_of(400), out=tmp_path / "run", account="ward 7", **settings)
    assert again.texts == made.texts
    assert rpsg.verify(made.release).ok
    published = [file.read_bytes() for file in made.release.rglob("*") if file.is_file()]
    assert not any(b"memory:" in content or b"number 17 came" in content for content in published)


def test_a_run_is_shown_by_its_folders_and_not_by_all_that_it_holds(made: Run) -> None:
    assert repr(made).startswith("<Run: 8 synthetic texts, epsilon 8, in ")
    assert made.texts[5] not in str(made)


def test_tables_can_be_evaluated(made: Run) -> None:
    found = rpsg.evaluate(list(made.texts), rows_of(60), metrics=["length_distance"], embedder="fake")
    assert found.lines[0].corpus.n_real == 30
    of_a_table = rpsg.evaluate(made.to_arrow(), rows_of(60), metrics=["length_distance"], embedder="fake")
    assert of_a_table.lines[0].corpus.value == found.lines[0].corpus.value


def test_the_corpus_comes_back_as_an_arrow_table(made: Run) -> None:
    table = made.to_arrow()
    assert table.column_names[:2] == ["id", "text"]
    assert tuple(table.column("text").to_pylist()) == made.texts
    header = (made.release / "corpus.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(f'"{name}"' for name in table.column_names)


def test_the_corpus_comes_back_as_a_data_frame(made: Run) -> None:
    of_pandas([])
    frame = made.to_pandas()
    assert tuple(frame["text"]) == made.texts
    assert list(frame.columns) == made.to_arrow().column_names


def test_a_package_that_is_missing_is_named(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError) as refused:
        made.to_pandas()
    assert "rpsg[frames]" in refused.value.hint


def test_two_releases_are_two_data_sets_to_a_loader(
    made: Run, tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaders keep what they have read by the name of a folder and of its configuration."""
    other = rpsg.synthesize(
        rows_of(400), out=tmp_path / "other", account="ward 8", generation={"seed": 5}, **settings
    )
    names = [
        next(line for line in (run.release / "README.md").read_text().splitlines() if "config_name" in line)
        for run in (made, other)
    ]
    assert names[0] != names[1]
    package = pytest.importorskip("datasets", reason="datasets is large, and no tool of development")
    monkeypatch.setattr(importlib.import_module("datasets.config"), "HF_DATASETS_CACHE", tmp_path / "cache")
    loaded = [
        package.load_dataset(str(run.release), split="train", cache_dir=str(tmp_path / "cache"))
        for run in (made, other)
    ]
    assert [tuple(one["text"]) for one in loaded] == [made.texts, other.texts]


def test_rows_keep_their_attributes_as_columns() -> None:
    records = [
        {"id": 0, "text": "a", "attributes": {"tone": "kind", "text": "odd"}},
        {"id": 1, "text": "b", "label": "x", "attributes": {}},
    ]
    assert json.loads(json.dumps(outward.columns_of(records))) == {
        "id": [0, 1],
        "text": ["a", "b"],
        "label": [None, "x"],
        "attribute_text": ["odd", None],
        "tone": ["kind", None],
    }
