"""Dates, labels and tables as pandas, Arrow, ``datasets``, Excel and polars write them: one meaning each."""

from __future__ import annotations

import datetime as dt
import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rpsg.errors import DataError
from rpsg.plan import DataSection
from rpsg.privacy.private import open_private
from rpsg.storage.readers import check_columns, read_by_rule
from rpsg.storage.readers.memory import held
from rpsg.storage.readers.spelling import spelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAYS = [dt.datetime(2024, 1, 2), dt.datetime(2024, 2, 3)]  # noqa: DTZ001  # files have no time zone


def labels(path: Path | str, **settings: Any) -> list[str | None]:
    data = DataSection(path=str(path), label="label", account="a", **settings)
    check_columns(data)
    return [row.label for row in open_private(read_by_rule(data, tells=True)).corpus]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.datetime(2024, 1, 2), "2024-01-02"),  # noqa: DTZ001
        ("2024-01-02 00:00:00.000000000", "2024-01-02"),
        ("2024-01-02T00:00:00", "2024-01-02"),
        ("2024-01-02 03:04:05.600000", "2024-01-02 03:04:05.6"),
        (dt.datetime(2024, 1, 2, 3, 4, 5, 600_000), "2024-01-02 03:04:05.6"),  # noqa: DTZ001
        (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "2024-01-02 00:00:00+00:00"),
        ("2024-01-02T00:00:00Z", "2024-01-02 00:00:00+00:00"),
        ("2024-01-02 00:00:00+0100", "2024-01-02 00:00:00+01:00"),
        ("at 2024-01-02 00:00:00", "at 2024-01-02 00:00:00"),
        ("ward:3", "ward:3"),
    ],
    ids=str,
)
def test_a_point_in_time_has_one_spelling(written: object, means: str) -> None:
    assert spelled(written) == means


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_days_are_the_same_labels_in_parquet_arrow_and_csv(tmp_path: Path, unit: str) -> None:
    table = pa.table({"text": ["a tea", "an oil"], "label": pa.array(DAYS, pa.timestamp(unit))})
    pq.write_table(table, tmp_path / "a.parquet", version="2.6")
    (tmp_path / "a.csv").write_text("text,label\na tea,2024-01-02\nan oil,2024-02-03\n")
    days = ["2024-01-02", "2024-02-03"]
    with held(table) as path:
        assert labels(path, labels=days) == days
    assert labels(tmp_path / "a.parquet", labels=days) == days
    assert labels(tmp_path / "a.csv", labels=days) == days


def test_days_of_pandas_are_the_same_labels() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    frame = pandas.DataFrame({"text": ["a tea", "an oil"], "label": pandas.to_datetime(DAYS)})
    with held(frame) as path:
        assert labels(path) == ["2024-01-02", "2024-02-03"]


def test_labels_of_a_data_set_are_names_and_minus_one_is_none() -> None:
    package = pytest.importorskip("datasets", reason="datasets is large, and no tool of development")
    kinds = package.Features(
        {"text": package.Value("string"), "label": package.ClassLabel(names=["no", "yes"])}
    )
    rows = {"text": ["one tea", "two teas", "three teas"], "label": [1, 0, -1]}
    data = package.Dataset.from_dict(rows, features=kinds)
    for shown in (data, data.with_format("numpy"), data.with_format("arrow")):
        with held(shown) as path:
            assert labels(path, labels=["no", "yes"]) == ["yes", "no"]


class ClassLabel:
    names = ("no", "yes")


class Dataset:
    """What is used of a data set of ``datasets``, which is too large for the tools of development."""

    __module__ = "datasets.arrow_dataset"
    column_names = ("text", "label")

    def __init__(self, form: str | None = "torch") -> None:
        self.features = {"text": object(), "label": ClassLabel()}
        self._form = form

    def with_format(self, form: str | None) -> Dataset:
        return Dataset(form)

    def __getitem__(self, name: str) -> list[Any]:
        columns: dict[str, list[Any]] = {"text": ["one tea", "two teas", "three teas"], "label": [1, 0, -1]}
        plain = columns[name]
        return plain if self._form is None else [object() for _ in plain]


def test_a_data_set_is_read_without_its_format_and_with_the_names_of_its_labels() -> None:
    with held(Dataset()) as path:
        assert labels(path) == ["yes", "no"]


def test_runs_of_equal_labels_are_labels() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))
    with held(pa.table({"text": ["one tea", "two teas", "an oil"], "label": runs})) as path:
        assert labels(path) == ["a", "a", "b"]


def test_an_interval_of_pandas_is_not_called_missing() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    frame = pandas.DataFrame({"text": ["a tea", "an oil"], "label": pandas.cut(pandas.Series([1, 9]), 2)})
    with held(frame) as path:
        reading = open_private(read_by_rule(DataSection(path=str(path), label="label"), tells=True))
    assert list(reading.left_out) == ["the label is a list or an object"]


def test_a_lazy_table_that_cannot_be_computed_is_refused_without_its_own_words() -> None:
    polars = pytest.importorskip("polars", reason="polars comes with the tools of development")
    lazy = polars.DataFrame({"text": ["private words"]}).lazy().select(polars.col("text").cast(polars.Int64))
    with pytest.raises(DataError, match="LazyFrame cannot be computed") as refused, held(lazy):
        pass
    assert "data.collect()" in refused.value.hint
    assert "private" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("option", ["user", "label"])
def test_a_column_of_objects_is_refused_before_anything_is_spent(tmp_path: Path, option: str) -> None:
    pq.write_table(pa.table({"text": ["a tea"], "meta": [{"id": 1}]}), tmp_path / "a.parquet")
    data = DataSection(path=str(tmp_path / "a.parquet"), **{option: "meta"})
    with pytest.raises(DataError, match=r"'meta' for .* holds lists or objects"):
        check_columns(data)


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("write", "says", "does"),
    [
        (lambda folder: made(folder / "a.csv", b"\xef\xbb\xbf"), "is empty", "at least one row"),
        (lambda folder: made(folder / "a.csv", b"\n\r\n\n"), "is empty", "at least one row"),
        (lambda _: "https://example.org/a.csv", "does not exist", "download it first"),
        (lambda _: "s3://bucket/a.parquet", "does not exist", "download it first"),
        (lambda _: "~/notes.csv", "does not exist", "Write the whole path: "),
        (
            lambda folder: made(folder / "jp.csv", "text\nとても良い\n".encode("cp932")),
            "not UTF-8",
            "cp932 for Japanese",
        ),
    ],
    ids=["mark", "blank", "https", "s3", "home", "Japanese"],
)
def test_what_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, write: Callable[[Path], Any], says: str, does: str
) -> None:
    with pytest.raises(DataError, match=says) as refused:
        check_columns(DataSection(path=str(write(tmp_path))))
    assert does in refused.value.hint


def test_a_format_that_the_file_contradicts_is_refused_and_no_encoding_is_blamed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a tea"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="is a Parquet file, not csv") as refused:
        check_columns(DataSection(path=str(tmp_path / "a.parquet"), format="csv"))
    assert refused.value.hint == "Leave --format out."


def test_gzip_in_three_members_is_read_to_its_end(tmp_path: Path) -> None:
    parts = (b"text,label\na tea,1\n", b"an oil,2\n", b"a soup,3\n")
    path = made(tmp_path / "a.csv.gz", b"".join(map(gzip.compress, parts)))
    assert labels(path) == ["1", "2", "3"]
