"""``rpsg propose``: a schema from one public line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rpsg.domains import pack_folder, read_pack
from rpsg.errors import ModelError
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.stages.propose_schema import propose_topics, write_pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Rpsg

    from rpsg.protocols import Request

NAMES = [
    "late trains",
    "dirty seats",
    "lost tickets",
    "rude staff",
    "refunds",
    "wifi",
    "noise",
    "bicycles",
    "heating",
]


def lists(request: Request) -> str:
    return "Here you are\n" + "\n".join(f"{i}. {name.title()}." for i, name in enumerate(NAMES, 1))


def in_one_line(_: Request) -> str:
    return "; ".join([*NAMES, "Late trains.", "lost luggage"])  # the last stands in a list that was shown


@pytest.mark.parametrize("style", [lists, in_one_line])
def test_topics_are_taken_from_lists_of_any_style_and_each_only_once(style: Callable[[Request], str]) -> None:
    topics = propose_topics("messages to a railway", FakeWriter(style), FakeEmbedder(64), size=50)
    assert sorted(topics) == sorted(NAMES)


def test_topics_that_have_to_do_with_the_public_line_come_first() -> None:
    topics = propose_topics("bicycles", FakeWriter(lists), FakeEmbedder(64), size=9)
    assert topics[0] == "bicycles"


def test_the_writer_sees_the_public_line_and_nothing_else() -> None:
    writer = FakeWriter(lists)
    propose_topics("messages to a railway", writer, FakeEmbedder(64), size=9)
    assert {request.messages[-1].content for request in writer.requests} == {
        "Texts: messages to a railway\nTopics:"
    }


def test_a_writer_that_lists_nothing_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ModelError, match="too few") as caught:
        propose_topics("anything", FakeWriter(lambda _: "!"), FakeEmbedder(), size=9)
    assert "rpsg list domains" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_refused_before_the_writer_is_asked(
    rpsg: Rpsg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    seen = rpsg("propose", "--about", "letters", "--writer", "there is none", "-o", str(tmp_path / "new"))
    assert seen.code == 2
    assert "Choose another folder with -o." in seen.err


def test_with_another_embedder_the_default_s_weights_are_not_needed(
    rpsg: Rpsg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake writer proposes nothing, but it is asked."""
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "empty"))
    fakes = ["--writer", "fake", "--embedder", "fake", "-o", str(tmp_path / "new")]
    seen = rpsg("propose", "--about", "letters", *fakes)
    assert "0 usable topics" in seen.err


@pytest.mark.parametrize("about", ['what "guests" say \\ write', "what guests\nwrite\t\x7f"])
def test_the_pack_that_is_written_can_be_read_and_holds_the_topics(tmp_path: Path, about: str) -> None:
    write_pack(pack_folder("generic"), tmp_path / "mine", "mine", about, NAMES)
    pack = read_pack(tmp_path / "mine")
    assert (pack.name, pack.about) == ("mine", about)
    assert pack.attribute("topic").values == tuple(NAMES)
