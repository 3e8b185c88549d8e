"""A word that stands in every private row is nowhere outside the private folder, however the run ends."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.errors import ModelError
from rpsg.methods.base import Tools
from rpsg.models.fake import FakeClassifier, FakeEmbedder, FakeWriter
from rpsg.pipeline import execute as running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from tests.conftest import Lab, Rows

MARKER = "ZQXMARKER"


def marked(lab: Lab) -> Rows:
    """Marked rows; the labels keep their meaning, so that they can be found."""
    return [
        {
            "text": f"{row['text']} {MARKER} {i}",
            "user": f"{MARKER}-{i}",
            "label": f"{row['label']}-{MARKER}-{i}",
        }
        for i, row in enumerate(lab.rows(300))
    ]


def leaks(folder: Path) -> list[str]:
    """Files outside the private folder and the input itself that hold the marker, in whatever case."""
    found = []
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).parts
        if file.is_file() and "private" not in inside and file.name != "data.jsonl":
            content = file.read_bytes().lower()
            if MARKER.lower().encode() in content or MARKER.lower() in str(inside).lower():
                found.append(str(file))
    return found


def test_the_search_for_the_marker_would_find_it(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "log").write_bytes(b"\0\1zqxMarker")
    assert leaks(tmp_path) == [str(tmp_path / "evidence" / "log")]


@pytest.mark.parametrize("method", [{}, {"select": "votes", "rounds": 2, "votes_per_record": 2}], ids=str)
def test_a_whole_run_leaves_no_private_word_outside(
    lab: Lab,
    method: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    run = lab.run(lab.plan(lab.file(marked(lab)), method=method))
    assert len(run.texts) == 20
    assert leaks(lab.folder) == []
    assert MARKER not in caplog.text + "".join(capfd.readouterr())


def test_labels_that_one_person_each_carries_are_not_told_when_too_few_are_found(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.run(lab.plan(lab.file(marked(lab)), data={"label": "label"}))
    assert MARKER not in caplog.text
    assert leaks(lab.folder) == []


class BrokenEmbedder(FakeEmbedder):
    """Fails on a private text in the middle of its work, and says which."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        for text in texts:
            if f"{MARKER} 150" in text:
                raise ValueError(f"cannot embed {text!r}")
        return super().embed(texts)


class BrokenClassifier(FakeClassifier):
    """Cannot classify a private text, and shows it."""

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        if any(MARKER in text for text in texts):
            raise KeyError(texts[-1])
        return super().classify(texts, embeddings)


class NeverClassifies(FakeClassifier):
    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        raise KeyError(texts[-1])


@pytest.mark.parametrize("broken", ["embedder", "sentiment"])
def test_a_model_that_fails_on_a_private_text_tells_nothing_of_it(
    lab: Lab, broken: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    tools = Tools(
        FakeWriter(),
        BrokenEmbedder() if broken == "embedder" else FakeEmbedder(),
        BrokenClassifier() if broken == "sentiment" else FakeClassifier(),
    )
    plan = lab.plan(lab.file(marked(lab)))
    running.execute(plan, lab.folder / "run", tools=tools)  # an error would tell of the text
    assert MARKER not in caplog.text + "".join(capfd.readouterr())
    assert leaks(lab.folder) == []


def test_a_model_that_never_works_is_found_before_a_private_text_is_read(lab: Lab) -> None:
    tools = Tools(FakeWriter(), FakeEmbedder(), NeverClassifies())
    with pytest.raises(ModelError, match="failed on public texts"):
        running.execute(lab.plan(lab.file(marked(lab))), lab.folder / "run", tools=tools)
    assert not (lab.folder / "run" / "private" / "rows.json").exists()


def test_a_writer_that_fails_knows_no_private_word_to_tell(lab: Lab) -> None:
    def repeat(request: object) -> str:
        raise RuntimeError(f"the server says no to {request!r}")

    with pytest.raises(RuntimeError, match="server says no") as caught:
        lab.run(lab.plan(lab.file(marked(lab))), writer=FakeWriter(repeat))
    assert MARKER.lower() not in "".join(traceback.format_exception(caught.value)).lower()
    assert leaks(lab.folder) == []


def test_a_private_file_that_cannot_be_read_is_refused_without_a_word_of_it(lab: Lab) -> None:
    from rpsg.errors import DataError

    path = lab.file([])
    path.write_text(f'text,user\n{MARKER},{MARKER}\n"{MARKER},{MARKER}\n')
    with pytest.raises(DataError) as caught:
        lab.run(lab.plan(path, data={"format": "csv"}))
    assert MARKER not in "".join(traceback.format_exception(caught.value))
    assert leaks(lab.folder) == []
