"""Public data out of packages, without running what is in them."""

from __future__ import annotations

import io
import json
import lzma
import pickle
import tarfile

import pytest

from rpsg.errors import ModelError
from rpsg.models.package_archive import fine_foods, rated_snippets

PRODUCTS = ["B000000001", "B000000002", "B000000002"]
TEXTS = ["Fresh & good.", "Stale.", "Zoë liked it 🙂"]
LABELS = ["great", "other", "great"]


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was run",))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_frame_is_read_column_by_column_and_never_run(protocol: int) -> None:
    packed = lzma.compress(pickle.dumps([Trap(), [*PRODUCTS], [*TEXTS], [*LABELS], "rest"], protocol))
    rows = [json.loads(line) for line in fine_foods(packed).decode().splitlines()]
    assert [row["product"] for row in rows] == PRODUCTS
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == LABELS


@pytest.mark.parametrize("columns", [[], [PRODUCTS, TEXTS], [PRODUCTS, TEXTS, ["a", "b", "c"]]])
def test_another_layout_is_refused(columns: list[list[str]]) -> None:
    with pytest.raises(ModelError, match="not laid out as expected"):
        fine_foods(lzma.compress(pickle.dumps(columns)))


def test_rated_sentences_keep_their_source_and_score() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, table in (
            ("set/tweets_GroundTruth.txt", "1\t2.5\tso &amp; so\n2\t-1\t it broke \nbad line\n"),
            ("set/_README_.txt", "1\t1\tnot a rating\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(table)
            archive.addfile(entry, io.BytesIO(table.encode()))
    rows = [json.loads(line) for line in rated_snippets(packed.getvalue()).decode().splitlines()]
    assert rows == [
        {"source": "tweets", "text": "so & so", "score": 2.5},
        {"source": "tweets", "text": "it broke", "score": -1.0},
    ]
