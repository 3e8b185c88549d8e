"""Names become things; a wrong name is answered with the right ones."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, get_args

import pytest

from rpsg import registry
from rpsg.errors import ModelError, UsageError
from rpsg.methods.base import Method
from rpsg.methods.named import find_method
from rpsg.models.fake import FakeEmbedder, FakeScorer, FakeWriter
from rpsg.models.llamacpp.writer import LlamaCppWriter
from rpsg.models.sentiment import NearestSentiment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.models.conftest import MakeGguf


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in get_args(registry.Kind) for name in registry.built_in(kind)]
)
def test_every_built_in_name_leads_to_something(kind: registry.Kind, name: str) -> None:
    found = registry.find(kind, name)
    assert isinstance(found, Method) if kind == "methods" else callable(found)


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(UsageError, match=r"no writer 'gpt'[\s\S]*smollm2-135m"):
        registry.writer("gpt")
    with pytest.raises(UsageError, match="strict, floor"):
        find_method("stric")


def test_fakes_are_had_by_name() -> None:
    assert isinstance(registry.writer("fake"), FakeWriter)
    assert isinstance(registry.embedder("fake", threads=2), FakeEmbedder)
    assert isinstance(registry.sentiment(FakeEmbedder()), NearestSentiment)
    assert registry.scorer("fake").score(["a"])


def test_the_path_of_a_file_is_a_writer(make_gguf: MakeGguf) -> None:
    writer = registry.writer(str(make_gguf()), slots=3, threads=1)
    assert isinstance(writer, LlamaCppWriter)
    assert writer.slots == 3


def test_weights_that_are_not_here_are_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path))
    for ask in (lambda: registry.writer("smollm2-135m"), lambda: registry.embedder("minilm")):
        with pytest.raises(ModelError, match="rpsg models pull"):
            ask()


def test_a_strangers_entry_point_is_a_name_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "rpsg.models.build:fake_writer", "rpsg.writers")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    assert "theirs" in registry.names("writers")
    assert registry.writer("theirs").name == "theirs-writer"


def test_an_attack_of_another_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "rpsg.models.fake:FakeScorer", "rpsg.attacks")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    assert registry.names("attacks")["theirs"] == "from rpsg.models.fake"
    assert registry.find("attacks", "theirs") is FakeScorer
