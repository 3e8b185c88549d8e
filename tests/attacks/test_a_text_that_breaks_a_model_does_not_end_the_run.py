"""The hole: an embedder or a classifier that failed on one strange text ended the run, which told of it.

A panic of a library in Rust is not even an Exception: it came out as a traceback, with its message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rpsg.errors import ModelError, PrivacyError
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.privacy.private import Private

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from tests.conftest import Lab

STRANGE = "a strange text that breaks things"


class Panic(BaseException):
    """As libraries in Rust raise it."""


class BrokenBy(FakeEmbedder):
    """An embedder to which something happens where the strange text is."""

    def __init__(self, happens: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]) -> None:
        super().__init__()
        self._happens = happens

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = super().embed(texts)
        return self._happens(rows) if STRANGE in texts else rows


def raises(error: BaseException) -> Callable[[object], npt.NDArray[np.float32]]:
    def happens(_: object) -> npt.NDArray[np.float32]:
        raise error

    return happens


HAPPENS = {
    "an error": raises(ValueError(STRANGE)),
    "no memory": raises(MemoryError()),
    "a panic": raises(Panic(STRANGE)),
    "a row too few": lambda rows: rows[:-1],
    "rows of another length": lambda rows: rows[:, :-1],
    "no number": lambda rows: np.full_like(rows, np.nan) if len(rows) == 1 else rows * np.nan,
}


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS)
def test_a_text_that_the_embedder_fails_on_counts_as_an_empty_one(
    lab: Lab, happens: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
) -> None:
    rows = lab.rows(150)
    rows[70] = {**rows[70], "text": STRANGE}
    run = lab.run(lab.plan(lab.file(rows)), embedder=BrokenBy(happens))
    assert len(run.texts) == 20


@pytest.mark.parametrize("error", [ValueError(STRANGE), Panic(STRANGE)], ids=["an error", "a panic"])
def test_a_text_that_the_classifier_fails_on_has_no_sentiment(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    said = FakeClassifier.classify

    def classify(self: FakeClassifier, texts: Sequence[str], rows: npt.NDArray[np.float32]) -> list[str]:
        if STRANGE in texts:
            raise error
        return said(self, texts, rows)

    monkeypatch.setattr(FakeClassifier, "classify", classify)
    rows = lab.rows(150)
    rows[70] = {**rows[70], "text": STRANGE}
    assert len(lab.run(lab.plan(lab.file(rows))).texts) == 20


def test_an_embedder_that_says_that_it_cannot_work_ends_the_run(lab: Lab) -> None:
    broken = BrokenBy(raises(ModelError("The server is out of order.")))
    rows = [{**row, "text": STRANGE} for row in lab.rows(150)]
    with pytest.raises(ModelError, match="out of order"):
        lab.run(lab.plan(lab.file(rows)), embedder=broken)


def test_a_panic_inside_the_box_is_told_without_its_message() -> None:
    with pytest.raises(PrivacyError) as told:
        Private(STRANGE).map(lambda text: raises(Panic(text))(text))
    assert STRANGE not in str(told.value)
    assert told.value.__context__ is None


def test_an_error_that_no_reader_foresaw_is_told_without_its_message(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpsg.storage.readers.rows.clean", lambda text: raises(ValueError(text))(text))
    with pytest.raises(PrivacyError, match="its message is withheld"):
        lab.run(lab.plan(lab.file([{**row, "text": f"tea\0 {row['text']}"} for row in lab.rows(150)])))


def test_an_embedder_whose_rows_are_too_long_is_found_before_a_private_text_is_read(lab: Lab) -> None:
    """With them no count would be exact; that all private rows count as empty ones would tell nobody."""
    long = BrokenBy(lambda rows: rows)
    long.embed = lambda texts: 3 * FakeEmbedder().embed(texts)  # type: ignore[method-assign]  # every row
    with pytest.raises(ModelError, match="not give rows of unit length"):
        lab.run(lab.plan(lab.file(lab.rows(150))), embedder=long)
    assert not (lab.folder / "run" / "private" / "rows.json").exists()
