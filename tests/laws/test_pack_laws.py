"""The packs that ship keep the laws of packs, and a pack that breaks one is found."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import pack_folder as folder_of
from rpsg.domains import pack_names, read_pack
from rpsg.testing.lab import TINY
from rpsg.testing.laws import PackLaws

if TYPE_CHECKING:
    from pathlib import Path


class TestTiny(PackLaws):
    @pytest.fixture
    def folder(self) -> Path:
        return TINY


class TestPacksThatShip(PackLaws):
    @pytest.fixture(params=pack_names())
    def folder(self, request: pytest.FixtureRequest) -> Path:
        return folder_of(request.param)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return shutil.copytree(TINY, tmp_path / "broken")


def test_an_example_too_short_to_be_recognised_is_found(broken: Path) -> None:
    text = (broken / "pack.toml").read_text(encoding="utf-8")
    long = "I bought green tea in spring and every cup of it tastes of meadows and rain."
    (broken / "pack.toml").write_text(text.replace(long, "I bought it."), encoding="utf-8")
    with pytest.raises(AssertionError):
        PackLaws().test_its_examples_are_long_enough_for_copies_of_them_to_be_found(read_pack(broken))


def test_two_values_that_are_described_alike_are_found(broken: Path) -> None:
    text = (broken / "pack.toml").read_text(encoding="utf-8")
    (broken / "pack.toml").write_text(text.replace("a review of {value}", "a review"), encoding="utf-8")
    with pytest.raises(AssertionError):
        PackLaws().test_each_value_that_is_found_by_embedding_has_its_own_description(read_pack(broken))
