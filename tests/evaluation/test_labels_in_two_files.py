"""A label of the corpus and one of the real texts are compared as values, whatever the two files are.

The same value in two spellings of a format is one label. Spellings that a reader cannot know to be the same
give a reason and no score: an accuracy of 0 would blame the corpus.
"""

from __future__ import annotations

import csv
import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, sentences

from rpsg.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Cells = tuple[Any, Any]

#: The two labels in the corpus with the format of its file, then in the real texts.
ONE_LABEL: dict[str, tuple[str, Cells, str, Cells]] = {
    "a number and the same with a decimal point": ("jsonl", (1, 0), "csv", ("1.0", "0.0")),
    "a number of JSON and a float of Parquet": ("jsonl", (1, 0), "parquet", (1.0, 0.0)),
    "a text of digits and a number": ("csv", ("5", "12"), "parquet", (5, 12)),
    "a boolean and a word in capitals": ("jsonl", (True, False), "csv", ("TRUE", "False")),
    "an accent in one character and in two": (
        "jsonl",
        ("caf\u00e9", "t\u00e9"),
        "csv",
        ("cafe\u0301", "te\u0301"),
    ),
    "blanks around a label": ("jsonl", ("food", "drink"), "csv", (" food ", "drink\t")),
    "a blank that does not break": ("csv", ("food", "drink"), "jsonl", ("\u00a0food", "drink\u00a0")),
    "bytes and text": ("jsonl", ("food", "drink"), "parquet", (b"food", b"drink")),
}
CASE = "only in case, blanks or punctuation"
REASONS: dict[str, tuple[str, Cells, str, Cells, str]] = {
    "capitals": ("jsonl", ("food", "drink"), "csv", ("FOOD", "Drink"), CASE),
    "quotes around a label": ("jsonl", ("food", "drink"), "csv", ("'food'", "\u201cdrink\u201d"), CASE),
    "a hyphen": ("csv", ("follow up", "drink"), "jsonl", ("follow-up", "drink "), CASE),
    "an invisible character": ("csv", ("food", "drink"), "jsonl", ("\u200bfood", "drink\u200b"), CASE),
    "digits of full width": ("jsonl", (1, 0), "csv", ("\uff11", "\uff10"), CASE),
    "a ligature": ("jsonl", ("office", "drink"), "parquet", ("o\ufb03ce", "drink"), CASE),
    "a number and a boolean": ("jsonl", (1, 0), "csv", ("TRUE", "FALSE"), "for example, 0 and false"),
    "a boolean and a word": ("jsonl", (True, False), "parquet", ("yes", "no"), "for example, false and no"),
    "a word without its accent": ("csv", ("p\u00e2te", "t\u00e9"), "jsonl", ("pate", "te"), "for example"),
}  # fmt: skip


def write(file: Path, labels: Sequence[Any], seed: int) -> None:
    """Texts about two things; which of them is told by the label."""
    texts = [
        t
        for pair in zip(*(sentences(30, w, seed=seed) for w in (GARDEN, HARBOUR)), strict=True)
        for t in pair
    ]
    rows = list(zip(texts, list(labels) * 30, strict=True))
    random.Random(seed).shuffle(rows)
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    elif file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([("text", "label"), *rows])
    else:
        pq.write_table(pa.table({"text": [t for t, _ in rows], "label": [label for _, label in rows]}), file)


def accuracy(
    folder: Path, capsys: pytest.CaptureFixture[str], ours: tuple[str, Cells], theirs: tuple[str, Cells]
) -> dict[str, Any]:
    synthetic, real = (folder / f"{name}.{kind[0]}" for name, kind in (("synthetic", ours), ("real", theirs)))
    write(synthetic, ours[1], 1)
    write(real, theirs[1], 2)
    command = ("evaluate", f"--synthetic={synthetic}", f"--real={real}", "--label=label", "--embedder=fake")
    assert main([*command, "--metrics=downstream_accuracy", "--json", "--quiet"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)["evaluation"]["metrics"][0]
    return told


@pytest.mark.parametrize("case", ONE_LABEL)
def test_the_same_value_is_one_label_in_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    kind, ours, other, theirs = ONE_LABEL[case]
    measure = accuracy(tmp_path, capsys, (kind, ours), (other, theirs))
    assert measure["corpus"]["value"] > 0.9


@pytest.mark.parametrize("case", REASONS)
def test_two_spellings_of_a_label_give_a_reason_and_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    kind, ours, other, theirs, says = REASONS[case]
    measure = accuracy(tmp_path, capsys, (kind, ours), (other, theirs))
    assert measure["corpus"]["value"] is None
    assert says in measure["corpus"]["reason"]
