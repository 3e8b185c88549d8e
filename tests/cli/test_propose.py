"""``rpsg propose``: a schema from one public line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.models.openai.faulty import FaultyServer, answer

from rpsg.domains import find_pack, pack_folder, pack_names, read_pack
from rpsg.errors import ModelError, RunError, UsageError
from rpsg.models.fake import FakeEmbedder, FakeWriter
from rpsg.stages.propose_schema import headings, propose_topics, similar_pack, write_pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Rpsg

    from rpsg.domains import Pack
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


GENERIC = find_pack("generic")


def proposed(about: str, writer: FakeWriter, like: Pack = GENERIC) -> list[str]:
    """The topics of a proposal that are not the pack's own."""
    topics = propose_topics(about, like, writer, FakeEmbedder(512), size=200)
    return [topic for topic in topics if topic not in like.attribute("topic").values]


@pytest.mark.parametrize("style", [lists, in_one_line])
def test_topics_are_taken_from_lists_of_any_style_and_each_only_once(style: Callable[[Request], str]) -> None:
    assert sorted(proposed("messages to a railway", FakeWriter(style))) == sorted(NAMES)


def test_topics_that_have_to_do_with_the_public_line_come_first() -> None:
    assert proposed("the seats of a railway", FakeWriter(lists))[0] == "dirty seats"


def test_a_topic_that_only_repeats_the_public_line_is_none() -> None:
    assert "late trains" not in proposed("complaints about late trains", FakeWriter(lists))


@pytest.mark.parametrize("size", [9, 20])
def test_no_more_topics_are_taken_than_asked(size: int) -> None:
    assert len(propose_topics("bicycles", GENERIC, FakeWriter(lists), FakeEmbedder(512), size=size)) == size


def test_the_old_pack_s_topics_are_taken_if_they_fit_better_than_half_of_the_proposed_ones() -> None:
    embedder, about = FakeEmbedder(512), "cars and cycling"
    topics = propose_topics(about, GENERIC, FakeWriter(lists), embedder, size=200)
    assert topics["cycling"] == "A text about bicycles and cycling"
    line = embedder.embed([about])[0]
    taken = embedder.embed([name for name in topics if name not in NAMES]) @ line
    assert 0 < len(taken) < len(GENERIC.attribute("topic").values)
    assert min(taken) >= sorted(embedder.embed(NAMES) @ line)[len(NAMES) // 2]


def test_the_writer_sees_public_lines_and_nothing_else() -> None:
    writer = FakeWriter(lists)
    clinical = find_pack("clinical")
    propose_topics("messages to a railway", clinical, writer, FakeEmbedder(512), size=9)
    assert {request.messages[-1].content for request in writer.requests} == {
        "Texts: messages to a railway\nTopics:"
    }
    for request in writer.requests:
        assert request.messages[-3].content == f"Texts: {clinical.about}\nTopics:"
        assert set(request.messages[-2].content.split("; ")) <= set(clinical.attribute("topic").values)


def test_a_writer_that_lists_nothing_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ModelError, match="too few") as caught:
        proposed("anything", FakeWriter(lambda _: "!"))
    assert "rpsg list domains" in caught.value.hint


def test_it_starts_from_the_pack_for_the_most_similar_texts_if_there_is_one() -> None:
    packs = [find_pack(name) for name in pack_names()]
    embedder = FakeEmbedder(512)
    found = similar_pack(
        "messages that customers and users send to a support desk of a bank", packs, embedder
    )
    assert found is not None
    assert found.name == "support"
    assert similar_pack("qwerty", packs, embedder) is None


@pytest.mark.parametrize(("like", "fault"), [("support-es", "'fault'"), ("mine", "has no attribute topic")])
def test_a_pack_whose_topics_cannot_be_replaced_is_refused(
    rpsg: Rpsg, tmp_path: Path, like: str, fault: str
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(pack_folder("support"), mine)
    (mine / "topics.txt").rename(mine / "kinds.txt")
    pack = (mine / "pack.toml").read_text(encoding="utf-8").replace("topics.txt", "kinds.txt")
    (mine / "pack.toml").write_text(pack, encoding="utf-8")
    named = str(mine) if like == "mine" else like
    seen = rpsg("propose", "--about", "letters", "--like", named, "-o", str(tmp_path / "new"))
    assert seen.code == 2
    assert fault in seen.err
    assert "--like" in seen.err


def test_the_writer_may_be_on_a_server(rpsg: Rpsg, tmp_path: Path) -> None:
    out = tmp_path / "railway"
    with FaultyServer(lambda _: answer("; ".join(NAMES))) as server:
        models = ("--writer", "openai:m", "--embedder", "fake", "--base-url", server.url)
        seen = rpsg(
            "propose", "--about", "messages to a railway", "--like", "support", *models, "-o", str(out)
        )
    assert seen.code == 0, seen.err
    assert f"rpsg preview --domain {out}" in seen.out.replace("\n", "")
    assert "those of the pack support." in " ".join(seen.out.split())
    pack = read_pack(out)
    assert set(NAMES) & set(pack.attribute("topic").values)  # to the fake embedder most texts are alike
    assert len(pack.attribute("topic").groups) > 1
    assert pack.examples == find_pack("support").examples


def test_each_topic_has_one_heading_and_similar_topics_share_it() -> None:
    names = [f"{kind} {i}" for kind in ("winter tires", "school exams", "heart failure") for i in range(7)]
    found = headings(names, FakeEmbedder(512))
    assert sorted(topic for topics in found.values() for topic in topics) == sorted(names)
    assert len(found) == 3
    for heading, topics in found.items():
        assert len({topic.rsplit(" ", 1)[0] for topic in topics}) == 1
        assert set(heading.split(", ")) <= set(topics)


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
@pytest.mark.parametrize("like", ["generic", "clinical", "support"])
def test_the_pack_that_is_written_can_be_read_and_holds_the_topics(
    tmp_path: Path, about: str, like: str
) -> None:
    topics = {name: f"About {name}" for name in NAMES}
    write_pack(pack_folder(like), tmp_path / "mine", about, topics, {"trains": NAMES[:4], "rest": NAMES[4:]})
    pack, old = read_pack(tmp_path / "mine"), find_pack(like)
    assert (pack.name, pack.about) == ("mine", about)
    assert pack.attribute("topic").values == tuple(NAMES)
    assert pack.attribute("topic").descriptions[0] == "About late trains"
    assert pack.attribute("topic").groups == {"trains": tuple(NAMES[:4]), "rest": tuple(NAMES[4:])}
    assert (pack.examples, pack.attributes[1:]) == (old.examples, old.attributes[1:])


def written(folder: Path, about: str = "one line") -> Pack:
    """The pack like that in the folder ``mine``, as it is written to the folder ``new/trains``."""
    write_pack(folder / "mine", folder / "new" / "trains", about, dict.fromkeys(NAMES, ""), {"all": NAMES})
    return read_pack(folder / "new" / "trains")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return Path(shutil.copytree(pack_folder("generic"), tmp_path / "mine"))


@pytest.mark.parametrize(
    "line",
    ['\ufeffname = "x"', "name = 'x'", 'name = "x" # c', 'name="x"', "name = '''x'''", 'name = """\\\nx"""'],
)
def test_the_name_is_replaced_however_it_is_written(tmp_path: Path, mine: Path, line: str) -> None:
    body = (mine / "pack.toml").read_text(encoding="utf-8").replace('name = "generic"', line, 1)
    (mine / "pack.toml").write_text(body, encoding="utf-8")
    pack = written(tmp_path)
    assert (pack.name, pack.about) == ("trains", "one line")
    assert pack.attributes[1:] == GENERIC.attributes[1:]


def test_a_line_that_is_missing_is_added_and_a_list_may_have_several_lines(
    tmp_path: Path, mine: Path
) -> None:
    body = (mine / "pack.toml").read_text(encoding="utf-8").replace('title = "Any texts"\n', "", 1)
    body = body.replace("marginals = [[", "marginals = [\n[", 1).replace('name = "generic"\n', "", 1)
    body = body.replace("\n[[attributes]]", '\nname = "generic"\n[[attributes]] # first', 1)
    (mine / "pack.toml").write_text(body, encoding="utf-8")
    pack = written(tmp_path, about='a \\ "line"')
    assert (pack.name, pack.title, pack.marginals) == ("trains", 'a \\ "line"', GENERIC.marginals)


def test_other_files_are_copied_whatever_they_hold_and_folders_are_not(tmp_path: Path, mine: Path) -> None:
    (mine / "notes.txt").write_bytes("café".encode("latin-1"))
    (mine / "x.txt").mkdir()
    written(tmp_path)
    assert (tmp_path / "new" / "trains" / "notes.txt").read_bytes() == "café".encode("latin-1")
    assert not (tmp_path / "new" / "trains" / "x.txt").exists()


def test_a_pack_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (mine / "pack.toml").read_text(encoding="utf-8")
    say = body.replace('file = "topics.txt"', 'file = "topics.txt"\nsay = {cycling = "bikes"}', 1)
    (mine / "pack.toml").write_text(say, encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine cannot have other topics.*`say`"):
        written(tmp_path)
    (mine / "pack.toml").write_text(body, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no")))
        with pytest.raises(RunError, match="Cannot copy the pack"):
            written(tmp_path)
    assert list(tmp_path.rglob("*trains*")) == list(tmp_path.glob(".rpsg-*")) == []
    assert written(tmp_path).name == "trains"
