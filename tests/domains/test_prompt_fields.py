"""All fields of a pack's prompts are known and none is missing, or it is refused with file and field."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg.domains import find_pack, pack_names, read_pack
from rpsg.domains.prompts import KNOWN, SEED_PROMPTS
from rpsg.errors import UsageError
from rpsg.plan import resolve
from rpsg.records import Card
from rpsg.stages.abstraction import Passes, Seed, abstract_request
from rpsg.stages.prompts import candidate_request
from rpsg.stages.rewriting import rewrite_request

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.domains import Pack
    from rpsg.protocols import Request
    from rpsg.stages.rewriting import Rewrite

OF_CARDS = {"candidate.txt"}


@pytest.fixture
def folder(pack_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny pack with all prompts of its own, to be changed."""
    mine = tmp_path / "mine"
    shutil.copytree(pack_folder, mine)
    for name in SEED_PROMPTS:
        (mine / name).write_text(find_pack("generic").prompts[name])
    return mine


def refused(folder: Path, file: str, prompt: str) -> UsageError:
    (folder / file).write_text(prompt)
    with pytest.raises(UsageError) as caught:
        read_pack(folder)
    return caught.value


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_that_ships_is_read(name: str) -> None:
    assert set(find_pack(name).prompts) == set(KNOWN)


@pytest.mark.parametrize("file", sorted(KNOWN))
@pytest.mark.parametrize("field", ["recrod", "knd", " kind ", "re-cord", "Text"])
def test_a_field_that_nobody_fills_is_told_with_its_file_and_all_fields_there_are(
    folder: Path, file: str, field: str
) -> None:
    error = refused(folder, file, f"{(folder / file).read_text()} {{{field}}}")
    assert error.message.startswith(f"{folder / file} has the field {{{field}}}")
    told = set(error.hint.removeprefix("The known fields are ").rstrip(".").split(", "))
    assert {f"{{{name}}}" for name in KNOWN[file]} <= told
    assert ("{topic}" in told) == (file in OF_CARDS)


@pytest.mark.parametrize(
    ("file", "prompt", "field"),
    [
        ("abstract.txt", "Sum up this {kind}, please.", "record"),
        ("first_rewrite.txt", "Write something nice.", "text"),
        ("second_rewrite.txt", "Write something {sentiment}.", "text"),
        ("candidate.txt", "{sentiment} {words}", "topic"),
        ("candidate.txt", "{topic} {words}", "sentiment"),
        ("candidate.txt", "{topic} {sentiment}", "length"),
    ],
)
def test_a_prompt_without_what_it_is_about_is_refused(
    folder: Path, file: str, prompt: str, field: str
) -> None:
    error = refused(folder, file, prompt)
    assert error.message.startswith(f"{folder / file} has no field {{{field}}}")
    assert f"{{{field}}}" in error.hint


def test_the_record_may_not_stand_where_it_may_go(folder: Path) -> None:
    error = refused(folder, "abstract.txt", "Sum up:[[ {record} {tone}]]")
    assert "outside of [[ ]]" in error.message


@pytest.mark.parametrize(
    ("file", "field"), [("abstract_system.txt", "record"), ("rewrite_system.txt", "text")]
)
def test_no_record_and_no_text_stands_in_a_system_prompt(folder: Path, file: str, field: str) -> None:
    assert f"has the field {{{field}}}" in refused(folder, file, f"Read {{{field}}}").message


def test_what_is_counted_may_be_asked_for_by_the_beginning(folder: Path) -> None:
    toml = folder / "pack.toml"
    toml.write_text('begins = "{topic}"\n' + toml.read_text())
    (folder / "candidate.txt").write_text("A review, {sentiment}, {length}")
    assert read_pack(folder).begins == "{topic}"


def test_a_misspelt_field_of_the_beginning_is_told(folder: Path) -> None:
    toml = folder / "pack.toml"
    toml.write_text('begins = "{topc}"\n' + toml.read_text())
    with pytest.raises(UsageError, match=r"pack.toml: begins has the field \{topc\}"):
        read_pack(folder)


def with_openings(folder: Path, *openings: str) -> Path:
    toml = folder / "pack.toml"
    free = f'\n[[attributes]]\nname = "first"\nkind = "free"\nvalues = {json.dumps(openings)}\n'
    toml.write_text('begins = "{first}"\n' + toml.read_text() + free)
    return folder


def test_an_opening_may_name_the_topic_itself(folder: Path) -> None:
    pack = read_pack(with_openings(folder, "I love this {topic}", "These are"))
    begun = {}
    for opening in pack.attribute("first").values:
        card = Card({a.name: a.values[0] for a in pack.attributes} | {"first": opening})
        begun[opening] = candidate_request(pack, resolve({}), card, 0).begins
    topic = pack.attribute("topic").values[0]
    assert begun == {"I love this {topic}": f"I love this {topic}", "These are": "These are"}


def test_a_misspelt_field_of_an_opening_is_told(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"pack.toml: first has the field \{topc\}"):
        read_pack(with_openings(folder, "I love this {topc}", "These are"))


def test_the_json_of_a_prompt_is_no_field(folder: Path) -> None:
    (folder / "abstract_system.txt").write_text('Answer with {"summary": "..."} or {}.')
    assert read_pack(folder).prompts["abstract_system.txt"].endswith("{}.")


def shown(pack: Pack, file: str) -> Request:
    """The request that the stages make with this prompt, everything given that can be."""
    plan = resolve({"corpus": {"about": "told"}})
    values = {a.name: a.values[0] for a in pack.attributes} | {"label": "food"}
    pack = pack.with_label(("food", "drink")).with_columns([("size", ("small", "large"))])
    card = Card(values={**values, "column size": "large"}, phrases=("sweet", "warm"))
    if file in {"system.txt", "candidate.txt"}:
        return candidate_request(pack, plan, card, 0)
    if file.startswith("abstract"):
        seed = Seed(0, "a record", "positive", 300)
        return abstract_request(pack, plan, Passes(), seed, "mark", 0, second=False)
    which: Rewrite = "second" if file.startswith("second") else "first"
    return rewrite_request(pack, plan, which, "a text", "positive", 300, 0, 0)


@pytest.mark.parametrize("file", sorted(KNOWN))
def test_each_field_that_is_known_is_filled_by_the_stage_that_asks(folder: Path, file: str) -> None:
    attributes = ("topic", "sentiment", "length", "opening") if file in OF_CARDS else ()
    names = dict.fromkeys((*KNOWN[file], *attributes))
    (folder / file).write_text("".join(f"<{name}={{{name}}}>" for name in names))
    messages = shown(read_pack(folder), file).messages
    told = "".join(message.content for message in messages[-1 if file in OF_CARDS else 0 :])
    for name in names:
        assert f"<{name}=" in told
        assert f"<{name}=>" not in told


def test_a_run_with_prompts_that_ask_for_nothing_of_the_records_does_not_begin(
    folder: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"text": "the tea number {i} was good"}}\n' for i in range(30)))
    (folder / "abstract.txt").write_text("Sum up this {knd}: {recrod}")
    (folder / "first_rewrite.txt").write_text("Write something nice.")
    plan = resolve(
        {
            "data": {"path": str(rows)},
            "corpus": {"domain": str(folder), "size": 5},
            "method": {"name": "paper"},
            "models": {"writer": "fake", "embedder": "fake"},
        }
    )
    with pytest.raises(UsageError, match=r"abstract.txt has the field \{knd\}"):
        rpsg.run(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()
