"""What one person, or one row, adds to the sketch has length w at most, however strange it is.

Seen at the kernel of whole runs: the clean sum with somebody and the clean sum without them differ by a
vector of length w at most, and everything else about the question is the same. The writer's texts, to which
the features of the sketch are fitted, follow from noisy answers, which are the same here for all data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.attacks.worlds import fixed_random_names, public_histogram

from rpsg.models.fake import FakeEmbedder
from rpsg.privacy.mechanisms import clean_answer
from rpsg.stages.sketch import LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from tests.conftest import Lab, Rows

    from rpsg.privacy.histogram import IntArray, Query

    Asked = tuple[Query, IntArray]

#: What the embedder of these tests makes of the row of a text that holds the word.
ODD: dict[str, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]] = {
    "nothing": lambda row: row * np.float32(np.nan),
    "endless": lambda row: np.full_like(row, np.inf),
    "halfendless": lambda row: np.where(np.arange(len(row)) == 1, -np.inf, row).astype(np.float32),
    "gigantic": lambda row: row * np.float32(1e38),
    "threefold": lambda row: row * np.float32(3),
    "tiny": lambda row: row * np.float32(1e-30),
}


class OddEmbedder(FakeEmbedder):
    """Gives rows that no embedder should give, and fails on every batch that holds the word "failing"."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = super().embed(texts)
        for i, text in enumerate(texts):
            if "failing" in text:
                raise ValueError(text)
            for word in ODD.keys() & set(text.split()):
                rows[i] = ODD[word](rows[i])
        return rows


SETTINGS: dict[str, dict[str, Any]] = {
    "a row a person": {},
    "three rows a person": {"privacy": {"max_records_per_user": 3}},
    "labels": {
        "data": {"label": "label", "labels": ("food", "drink")},
        "privacy": {"max_records_per_user": 3},
    },
    "passages": {"data": {"passage_words": 4}, "privacy": {"max_records_per_user": 3}},
    "rows of nobody": {"data": {"user": None, "passage_words": 4}},
}
TEXTS: dict[str, list[Any]] = {
    "an ordinary text": ["green tea in spring and a falcon over the harbour"],
    "a text unlike all others": ["xylophone quicksand umbrella"],
    "many texts": [f"dark coffee number {word}" for word in ("one", "two", "three", "four", "five")],
    "the same text over and over": ["olive oil and bread"] * 5,
    "a very long text": ["dog biscuits and a lantern " * 300],
    "an empty text": [""],
    "a text without a word": ["12345 !!!"],
    "no text": [None],
    "a text that the embedder fails on": ["a failing text about tea"],
    **{f"rows that are {word}": [f"{word} tea", "dark coffee"] for word in ODD},
}


def people(lab: Lab) -> Rows:
    """Thirty people with two rows each, who have odd rows among them too."""
    rows = lab.rows(60, people=30)
    for place, word in enumerate((*ODD, "failing")):
        rows[7 * place]["text"] += f" {word}"
    return rows


def asked(lab: Lab, rows: Rows, name: str, sections: dict[str, Any]) -> Asked:
    """The question of a run, and the clean sum."""
    found: list[Asked] = []

    def histogram(query: Query, vectors: Any, noise: Any) -> IntArray:
        if query.stage == "sketch":
            found.append((query, clean_answer(query, vectors)))
        return public_histogram(query, vectors, noise)

    path = lab.file(rows, f"{name}.jsonl")
    with (
        pytest.MonkeyPatch.context() as patch,
        fixed_random_names(),
    ):  # the same rows of each person are drawn
        patch.setattr("rpsg.privacy.kernel.noisy_histogram", histogram)
        patch.setattr("rpsg.pipeline.progress.time.monotonic", lambda: 0.0)
        lab.run(lab.plan(path, corpus={"size": 6}, **sections), name, embedder=OddEmbedder())
    (one,) = found
    return one


@pytest.mark.parametrize("sections", SETTINGS.values(), ids=SETTINGS)
def test_a_person_more_moves_the_sketch_by_no_more_than_w(lab: Lab, sections: dict[str, Any]) -> None:
    by_row = sections.get("data", {}).get("user", "") is None
    query, without = asked(lab, people(lab), "without", sections)
    lengths: dict[str, int] = {}
    for number, (name, texts) in enumerate(TEXTS.items()):
        labels = ("food", "drink", "food", None, "unheard-of")
        newcomer = [
            {"text": text, "user": "newcomer", "label": label}
            for text, label in zip(texts, labels, strict=False)
        ]
        added = newcomer[:1] if by_row else newcomer
        again, whole = asked(lab, [*people(lab), *added], f"run-{number}", sections)
        assert again == query, name
        change = whole - without
        lengths[name] = int(change @ change)
    assert {name: square for name, square in lengths.items() if square > LENGTH**2} == {}
    # The test can fail: whoever says something moves the sketch, and by more than rounding.
    assert lengths["an ordinary text"] > 25
    assert lengths["many texts"] > 25
    assert lengths["a text that the embedder fails on"] == lengths["a text without a word"] == 0


def test_a_person_who_leaves_takes_no_more_than_w_along(lab: Lab) -> None:
    sections = SETTINGS["labels"]
    _, whole = asked(lab, people(lab), "whole", sections)
    for gone in ("person-0", "person-7", "person-21"):
        rest = [row for row in people(lab) if row["user"] != gone]
        _, fewer = asked(lab, rest, gone, sections)
        assert int(((whole - fewer) ** 2).sum()) <= LENGTH**2


def test_an_odd_row_leaves_what_others_add_as_it_is(lab: Lab) -> None:
    """One row that cannot be embedded is embedded alone, with all others of its batch, and adds nothing."""
    rows = lab.rows(40)
    _, plain = asked(lab, rows, "plain", {})
    for word in ("nothing", "endless", "gigantic", "failing"):
        odd = {"text": f"{word} tea", "user": "newcomer", "label": "food"}
        _, told = asked(lab, [*rows[:20], odd, *rows[20:]], word, {})
        assert np.array_equal(told, plain), word
