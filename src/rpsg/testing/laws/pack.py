"""Laws for every domain pack. Subclass ``PackLaws`` and give it the pack's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.domains import read_pack
from rpsg.methods.floor import METHOD
from rpsg.models.fake import FakeClassifier, FakeWriter
from rpsg.stages.cosine_filter import COPIED_WORDS
from rpsg.testing.lab import Lab

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.domains import Pack


class PackLaws:
    @pytest.fixture
    def folder(self) -> Path:
        raise NotImplementedError

    @pytest.fixture
    def pack(self, folder: Path) -> Pack:
        return read_pack(folder)

    def test_it_can_be_read(self, pack: Pack) -> None:
        assert pack.name
        assert pack.about

    def test_it_counts_what_decides_about_a_text(self, pack: Pack) -> None:
        assert {"nearest", "sentiment", "words"} >= {a.kind for a in pack.attributes if a.counted}
        assert any(a.counted for a in pack.attributes)

    def test_the_values_of_a_sentiment_are_those_that_classifiers_give(self, pack: Pack) -> None:
        for attribute in pack.attributes:
            assert attribute.kind != "sentiment" or set(attribute.values) == set(FakeClassifier().values)

    def test_each_value_that_is_found_by_embedding_has_its_own_description(self, pack: Pack) -> None:
        for attribute in (a for a in pack.attributes if a.kind == "nearest"):
            told = attribute.descriptions or tuple(
                attribute.describe.format(value=v) for v in attribute.values
            )
            assert len(set(told)) == len(attribute.values)

    def test_its_examples_are_long_enough_for_copies_of_them_to_be_found(self, pack: Pack) -> None:
        assert [e.text for e in pack.examples if len(e.text.split()) < COPIED_WORDS] == []

    def test_every_card_becomes_a_prompt_without_a_hole(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run without private data writes from the pack alone, as ``rpsg run --method floor`` does."""
        monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
        lab, writer = Lab(tmp_path, folder), FakeWriter()
        run = lab.run(lab.plan(method={"name": METHOD.name}), writer=writer)
        assert run.texts
        asked = [message.content for request in writer.requests for message in request.messages]
        assert not [text for text in asked if "[[" in text or "]]" in text or "{" in text]
