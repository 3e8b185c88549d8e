"""Step 3: a record's values come from that record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.privacy.private import Private, open_private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages.annotate import Landmarks, annotate, describe, fits_none, nearest
from rpsg.stages.contributions import People

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.stages.annotate import Codes

TEXTS = [
    "green tea in the morning",
    "",
    "corn crisps corn crisps corn crisps and then some more of these fine corn crisps today",
    "olive oil",
    "dog biscuits for the dog, ten words at the least here",
    "?!",
]


def codes(pack: Pack, texts: Sequence[str], labels: Sequence[str | None] = ()) -> dict[str, Codes]:
    documents = tuple(Document(i, text, label=labels[i] if labels else None) for i, text in enumerate(texts))
    people = People(
        lambda: Private(PrivateCorpus(documents)),
        max_records=1,
        key=b"k" * 32,
        embedder=FakeEmbedder(),
        progress=Silent(),
    )
    return dict(open_private(annotate(people, pack, describe(pack, FakeEmbedder()), FakeClassifier())))


def test_each_counted_attribute_has_a_value_for_every_row(tiny: Pack) -> None:
    found = codes(tiny, TEXTS)
    assert set(found) == {"topic", "sentiment", "length"}
    topics, lengths = tiny.attribute("topic").values, tiny.attribute("length").values
    assert [topics[i] for i in found["topic"][[0, 2, 3, 4]]] == [
        "green tea",
        "corn crisps",
        "olive oil",
        "dog biscuits",
    ]
    assert [lengths[i] for i in found["length"][[0, 2, 3, 4]]] == ["short", "long", "short", "medium"]


def test_a_text_without_a_direction_has_no_value_at_all(tiny: Pack) -> None:
    for values in codes(tiny, TEXTS).values():
        assert values[1] == values[5] == -1
        assert (np.delete(values, [1, 5]) >= 0).all()


@pytest.mark.parametrize("gone", range(len(TEXTS)))
def test_taking_a_row_away_changes_no_other_row(tiny: Pack, gone: int) -> None:
    pack = tiny.with_label(("food", "drink"))
    labels = ["drink", "food", "food", None, "food", "unheard-of"]
    whole = codes(pack, TEXTS, labels)
    fewer = codes(
        pack, [t for i, t in enumerate(TEXTS) if i != gone], [x for i, x in enumerate(labels) if i != gone]
    )
    for name, values in whole.items():
        assert np.array_equal(np.delete(values, gone), fewer[name])


def test_a_label_that_is_not_a_value_is_none(tiny: Pack) -> None:
    pack = tiny.with_label(("food", "drink"))
    labels = ["drink", "food", "unheard-of", None, "food", "food"]
    assert codes(pack, TEXTS, labels)["label"].tolist() == [1, -1, -1, -1, 0, -1]


def test_no_rows_have_no_values(tiny: Pack) -> None:
    assert {len(values) for values in codes(tiny, []).values()} == {0}


def test_nearest_is_the_same_in_one_block_and_in_many(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, rows, common = (
        np.asarray(rng.standard_normal(shape) / 4, np.float32) for shape in ((50, 8), (6, 8), (6,))
    )
    landmarks = Landmarks(rows, common)
    whole = nearest(vectors, landmarks)
    assert whole.tolist() == [int(np.argmax(rows @ v - common)) for v in vectors]
    monkeypatch.setattr("rpsg.stages.annotate.CHUNK", 7)
    assert np.array_equal(whole, nearest(vectors, landmarks))


def test_a_description_that_says_only_what_all_say_attracts_nothing(tiny: Pack) -> None:
    only = tiny.model_copy(update={"attributes": (tiny.attribute("topic"),)})
    landmarks = describe(only, FakeEmbedder())["topic"]
    assert landmarks.rows.shape == (5, 32)
    assert np.allclose(np.linalg.norm(landmarks.rows, axis=1), 1, atol=1e-5)
    shared = landmarks.rows.mean(axis=0)
    assert np.allclose(landmarks.common, landmarks.rows @ shared, atol=1e-6)
    # A text in the middle of all descriptions is no nearer to one than to another.
    assert np.ptp(landmarks.rows @ shared - landmarks.common) < 1e-6


def test_a_text_near_to_no_description_fits_none(rng: np.random.Generator) -> None:
    rows = np.eye(4, dtype=np.float32)[:2]
    marks = Landmarks(rows, np.zeros(2, np.float32))
    near, border, far, empty = [1.0, 0, 0, 0], [0.25, 0, 0.968, 0], [0.2, 0.1, 0.97, 0], [0.0, 0, 0, 0]
    vectors = np.array([near, border, far, empty], np.float32)
    assert fits_none(vectors, marks, 0.25).tolist() == [0, 0, 1, 0]
    assert fits_none(vectors, marks, 0.26).tolist() == [0, 1, 1, 0]
    assert fits_none(vectors[:0], marks, 0.25).shape == (0,)


def test_whether_a_text_fits_does_not_depend_on_those_beside_it(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(500, 24)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    marks = Landmarks(rows[:20], np.zeros(20, np.float32))
    alone = [fits_none(row[None], marks, 0.4)[0] for row in rows]
    assert fits_none(rows, marks, 0.4).tolist() == alone
    assert 0 < np.sum(alone) < 500
