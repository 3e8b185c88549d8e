"""Text that comes where a path is wanted is neither written into a plan nor repeated in an error.

A data frame turns into a string as willingly as a path does, and that string holds its first rows.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.arguments import is_text, path_of
from rpsg.cli import main
from rpsg.errors import DataError, RpsgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "Zaphod told the nurse about Betelgeuse"
LINES = f"{SECRET}\nand slept badly\n"


class Frame:
    """What a data frame does that matters here."""

    def __str__(self) -> str:
        return LINES

    __repr__ = __str__

    def to_csv(self, path: str) -> None:
        Path(path).write_text(LINES)


Frame.__name__ = "DataFrame"


class Arrow:
    """An Arrow table, by its shape."""

    def __str__(self) -> str:
        return LINES

    def to_pandas(self) -> Frame:
        return Frame()


Arrow.__name__ = "Table"


def texts() -> Iterator[str]:
    yield SECRET


IN_MEMORY: dict[str, Callable[[], Any]] = {
    "DataFrame": Frame,
    "Table": Arrow,
    "list": lambda: [SECRET, SECRET],
    "dict": lambda: {"text": [SECRET]},
    "generator": texts,
    "bytes": LINES.encode,
    "NoneType": lambda: None,
}
#: Strings that can only be text, and one that leads nowhere.
AS_TEXT = {
    "with lines": LINES,
    "with a line's end": f"{SECRET}\n",
    "longer than a name": SECRET * 8,
    "longer than a path": f"{SECRET}/" * 120,
    "short, on one line": SECRET,
}


def everything_told(error: BaseException) -> str:
    """The error with all that it was raised from, as any tool may print it."""
    told, left = [], [error]
    while left:
        one = left.pop()
        told += ["".join(traceback.format_exception_only(one)), repr(one), repr(getattr(one, "hint", ""))]
        left += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
    return "".join(told)


def refused(call: Callable[[], object], tmp_path: Path) -> RpsgError:
    """The error of a call that must leave no trace of the text."""
    with pytest.raises(RpsgError) as caught:
        call()
    assert "Zaphod" not in everything_told(caught.value)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"Zaphod" in file.read_bytes()]
    return caught.value


@pytest.mark.parametrize("name", IN_MEMORY)
def test_data_in_memory_are_refused_by_their_type_before_there_is_a_folder(name: str, tmp_path: Path) -> None:
    error = refused(lambda: rpsg.synthesize(IN_MEMORY[name](), out=tmp_path / "out"), tmp_path)
    assert isinstance(error, UsageError)
    assert name.removesuffix("Type") in error.message or name == "bytes"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "command"), [(Frame(), "to_csv"), (Arrow(), "write_table"), ([SECRET], "json.dumps")]
)
def test_the_hint_says_how_to_save_them(given: object, command: str) -> None:
    with pytest.raises(UsageError) as caught:
        path_of(given, "data")
    assert command in caught.value.hint


@pytest.mark.parametrize("given", AS_TEXT.values(), ids=AS_TEXT)
def test_a_text_in_place_of_a_path_is_refused_before_there_is_a_folder(given: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings: dict[str, Any] = {"models": {"writer": "fake", "embedder": "fake"}}
    error = refused(lambda: rpsg.synthesize(given, out=out, **settings), tmp_path)
    assert isinstance(error, UsageError | DataError)
    assert not out.exists()


@pytest.mark.parametrize("given", AS_TEXT.values(), ids=AS_TEXT)
def test_the_command_line_does_not_repeat_a_text_either(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    models = ["--writer", "fake", "--embedder", "fake"]
    ways = [
        ["run", given, "-o", "out", *models],
        ["run", given, "-o", "out", "--json", *models],
        ["run", *given.split(), "-o", "out", *models],
        ["run", "data.csv", "--size", given, "-o", "out"],
        ["run", "data.csv", "--text", LINES, "-o", "out"],
        ["run", "data.csv", "--label", "label", "--labels", f"{LINES},{LINES}", "-o", "out"],
        ["evaluate", "--synthetic", given],
        ["verify", given],
        ["report", given],
        ["calls", given],
        ["doctor", given],
    ]
    for way in ways[: 11 if "\n" in given or len(given) > 255 else 4]:
        assert main(way) != 0, way
        assert "Zaphod" not in "".join(capfd.readouterr()), way
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", IN_MEMORY)
def test_no_other_function_takes_data_in_memory_for_a_path(name: str, tmp_path: Path) -> None:
    for call in (rpsg.verify, rpsg.read_run, lambda given: rpsg.run(rpsg.make_plan(), given)):
        refused(lambda call=call: call(IN_MEMORY[name]()), tmp_path)  # type: ignore[misc]  # bound at once


@pytest.mark.parametrize(
    "given", [Frame(), {"text": SECRET}, LINES, SECRET * 8], ids=["frame", "dict", "lines", "long"]
)
def test_an_evaluation_says_nothing_of_what_it_cannot_read(given: Any, tmp_path: Path) -> None:
    refused(lambda: rpsg.evaluate(given), tmp_path)
    refused(lambda: rpsg.evaluate(["fine"], given), tmp_path)


@pytest.mark.parametrize("name", ["text", "label", "user", "synthetic_text", "synthetic_label"])
@pytest.mark.parametrize("given", [Frame(), [SECRET], LINES], ids=["frame", "list", "lines"])
def test_a_column_s_values_are_not_taken_for_its_name(name: str, given: Any, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {name: given}
    assert name in refused(lambda: rpsg.evaluate(["fine"], ["fine too"], **wrong), tmp_path).message


SECTIONS = (
    {"data.path", "data.text", "data.label", "data.labels", "data.user", "corpus.about", "corpus.size"}
    | {"privacy.epsilon", "privacy.adjacency", "method.name", "models.writer", "models.slots", "server.api"}
    | {"limits.cost", "paper.filters", "split.donor_list", "generation.seed", "privacy.shares", "data.format"}
)


@pytest.mark.parametrize("key", sorted(SECTIONS))
@pytest.mark.parametrize("given", [Frame(), {SECRET: SECRET}, [LINES, LINES]], ids=["frame", "dict", "list"])
def test_a_setting_of_a_wrong_type_is_named_and_its_value_is_not(
    key: str, given: Any, tmp_path: Path
) -> None:
    section, _, name = key.partition(".")
    error = refused(lambda: rpsg.make_plan({section: {name: given}}), tmp_path)
    assert key in error.message


@pytest.mark.parametrize(
    "layer", [Frame(), [SECRET], LINES, {SECRET: SECRET}, {"data": Frame()}, {"data": LINES}]
)
def test_settings_that_are_no_settings_are_not_repeated(layer: Any, tmp_path: Path) -> None:
    refused(lambda: rpsg.make_plan(layer), tmp_path)


def test_a_column_of_labels_is_no_declaration_of_labels(tmp_path: Path) -> None:
    column = ["Zaphod", "Trillian", "Zaphod"]
    refused(lambda: rpsg.make_plan({"data": {"label": "who", "labels": column}}), tmp_path)


@pytest.mark.parametrize(
    "path", ["a.csv", "/data/my notes/a b.csv", "../x/y.jsonl", "ü/日本.txt", "a\u3000b.csv", ""]
)
def test_paths_are_still_paths(path: str) -> None:
    assert not is_text(path)
    assert path_of(path, "data") == Path(path)


def test_a_path_that_leads_nowhere_is_still_named(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"models": {"writer": "fake", "embedder": "fake"}}
    with pytest.raises(DataError, match=r"my notes\.csv does not exist"):
        rpsg.synthesize(tmp_path / "my notes.csv", out=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()
