"""The pipeline of a plan is run again on the texts that it is given, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.audit import again, shadow
from rpsg.audit.again import pipeline_of
from rpsg.audit.aids import Aids
from rpsg.audit.run import find_attacks
from rpsg.audit.subject import subject_of
from rpsg.errors import UsageError
from rpsg.models.fake import FakeWriter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Lab


def test_a_plan_is_run_again_on_some_texts_and_asks_no_request_twice(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer = FakeWriter()
    plan = lab.plan("no file is read", data={"audit_holdout": 0.5}, privacy={"epsilon": 8.0})
    pipeline = pipeline_of(plan, lab.tools(writer))
    given = [row["text"] for row in lab.rows(200)]
    first = pipeline(given, np.arange(200), 0)
    asked = len(writer.requests)
    second = pipeline(given, np.arange(200), 1)
    assert len(first) == len(second) == 20
    assert len(writer.requests) - asked < asked / 2
    assert os.environ["RPSG_HOME"] == str(tmp_path / "home")
    assert not (tmp_path / "home").exists()
    assert not list(tmp_path.glob("rpsg-shadow-*"))


def test_the_shadows_of_a_run_are_made_by_its_own_pipeline(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "SHADOWS", 4)
    plan = lab.plan("no file is read", privacy={"epsilon": 8.0})
    rows = [row["text"] for row in lab.rows(300)]
    pipeline = pipeline_of(plan, lab.tools())
    corpus = pipeline(rows[:150], np.arange(150), 9)
    case = subject_of(corpus, rows[:150], rows[150:], aids=Aids(pipeline=pipeline))
    found = find_attacks(["lira-shadow"])["lira-shadow"](case)
    assert found.epsilon_lower == 0.0


def test_a_pipeline_that_fails_leaves_nothing_behind(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("RPSG_HOME", raising=False)

    def broken(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(again, "execute", broken)
    with pytest.raises(OSError):
        pipeline_of(lab.plan(""), lab.tools())(["a text"], np.arange(1), 0)
    assert "RPSG_HOME" not in os.environ
    assert not list(tmp_path.glob("rpsg-shadow-*"))


@pytest.mark.parametrize(
    "data", [{"label": "label"}, {"columns": ["priority=low|high"]}], ids=["labels", "columns"]
)
def test_a_plan_with_labels_or_columns_cannot_be_run_again(lab: Lab, data: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="labels"):
        pipeline_of(lab.plan("", data=data), lab.tools())


def test_a_method_without_private_data_has_nothing_to_run_again(lab: Lab) -> None:
    with pytest.raises(UsageError, match="reads no private data"):
        pipeline_of(lab.plan("", method={"name": "floor"}), lab.tools())
