"""Prompts of the methods with private seeds: a pack's own, or those of the generic pack."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rpsg.domains import find_pack, pack_names, read_pack
from rpsg.domains.prompts import FIELD, SEED_PROMPTS

if TYPE_CHECKING:
    from pathlib import Path

#: What each prompt must hold, and all the fields there are for it.
NEEDED = {
    "abstract_system.txt": set(),
    "abstract.txt": {"record"},
    "rewrite_system.txt": set(),
    "first_rewrite.txt": {"text", "fewest", "most"},
    "second_rewrite.txt": {"text", "fewest", "most"},
}
SUMMARY = {"kind", "about", "tone", "words", "record"}
REWRITE = {"kind", "about", "sentiment", "words", "fewest", "most", "paragraphs", "text"}


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_has_all_prompts_with_known_fields(name: str) -> None:
    prompts = find_pack(name).prompts
    for file in SEED_PROMPTS:
        fields = set(FIELD.findall(prompts[file]))
        assert NEEDED[file] <= fields <= (SUMMARY if file.startswith("abstract") else REWRITE), file
    assert '{"summary": "..."}' in prompts["abstract_system.txt"]


@pytest.mark.parametrize(
    "name", ["self-disclosure", "abstracts", "reviews", "food-reviews", "clinical", "support"]
)
def test_each_domain_rewrites_in_its_own_words(name: str) -> None:
    generic, own = find_pack("generic").prompts, find_pack(name).prompts
    assert all(own[file] != generic[file] for file in ("first_rewrite.txt", "second_rewrite.txt"))


def test_a_pack_without_them_takes_those_of_the_generic_pack(pack_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(pack_folder, tmp_path / "mine")
    before = read_pack(tmp_path / "mine")
    generic = find_pack("generic")
    assert {file: before.prompts[file] for file in SEED_PROMPTS} == {
        file: generic.prompts[file] for file in SEED_PROMPTS
    }
    (tmp_path / "mine" / "abstract.txt").write_text("Sum up: {record}")
    after = read_pack(tmp_path / "mine")
    assert after.prompts["abstract.txt"] == "Sum up: {record}"
    assert after.prompts["first_rewrite.txt"] == generic.prompts["first_rewrite.txt"]
    assert after.sha256 != before.sha256
    assert after.prompts_sha256 != before.prompts_sha256
