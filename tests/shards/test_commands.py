"""The three commands as people and scripts type them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.cli import main

if TYPE_CHECKING:
    from tests.conftest import Lab
    from tests.shards.work import Shards


@pytest.fixture
def typed(
    lab: Lab, shards: Shards, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Types a command in the folder of the test, and gives the exit code and what it printed."""
    monkeypatch.chdir(lab.folder)
    lab.file(lab.rows(200))

    def type_words(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_words


@pytest.fixture
def begin(lab: Lab) -> list[str]:
    models = ["--writer", "fake", "--embedder", "fake", "--size", "6", "--domain", str(lab.pack)]
    return ["shards", "--user", "user", "--account", "ward", *models, "-o", "run", "--quiet"]


def test_scripts_follow_a_run_by_json(typed: Any, begin: list[str]) -> None:
    code, said, _ = typed(*begin, "--shards", "2", "--json")
    waiting = json.loads(said)["waiting"]
    assert (code, waiting["number"], waiting["shards"]) == (0, 1, 2)
    for number in (1, 2):
        files = []
        for k in (1, 2):
            files.append(f"{number}-{k}.sum")
            words = [
                "count",
                f"run/question-{number}.json",
                "data.jsonl",
                "--shard",
                f"{k}/2",
                "-o",
                files[-1],
            ]
            code, said, _ = typed(*words, "--quiet", "--json")
            counted = json.loads(said)["counted"]
            assert (code, counted["question"], counted["fingerprint"]) == (0, number, waiting["fingerprint"])
        code, said, _ = typed("merge", *files, "-o", "run", "--quiet", "--json")
        assert code == 0
        waiting = json.loads(said).get("waiting")
    assert json.loads(said)["run"]["path"] == "run"
    assert typed("verify", "run")[0] == 0
    code, said, _ = typed(*begin, "--shards", "2")
    assert code == 0
    assert "synthetic texts" in said, "begun again, it shows the finished run"


def test_a_site_may_have_other_names_of_columns_and_another_encoding(
    typed: Any, begin: list[str], lab: Lab
) -> None:
    """The first thing that two sites find out is that their exports differ."""
    assert typed(*begin, "--shards", "2", "--by-site")[0] == 0
    lines = "Notiz;Fall\n" + "".join(f"Der Schlüssel {i} fehlt;{i}\n" for i in range(20))
    (lab.folder / "south.csv").write_bytes(lines.encode("cp1252"))
    count = ["count", "run/question-1.json", "south.csv", "--shard", "2/2", "-o", "b.sum", "--quiet"]
    assert typed(*count)[0] == 3
    names = ["--text", "Notiz", "--user", "Fall"]
    assert typed(*count, *names)[0] == 3  # the encoding is not the plan's
    assert typed(*count, *names, "--encoding", "cp1252")[0] == 0


@pytest.mark.parametrize("shard", ["3", "a/b", "1/", "1/2/3", "-1/2", "1/2 "])
def test_what_is_no_shard_is_not_counted(typed: Any, shard: str) -> None:
    code, _, said = typed("count", "question-1.json", "data.jsonl", f"--shard={shard}", "-o", "a.sum")
    assert code == 2
    assert "--shard 3/16" in said


def test_exit_codes_say_what_is_wrong(typed: Any, begin: list[str], lab: Lab) -> None:
    assert typed(*begin)[0] == 2  # how many shards there are was not said
    assert typed(*begin, "--shards", "1")[0] == 2
    assert typed(*begin, "--shards", "2")[0] == 0
    count = ["count", "run/question-1.json", "data.jsonl", "--quiet"]
    assert typed(*count, "--shard", "1/2", "-o", "a.sum")[0] == 0
    code, _, said = typed("merge", "a.sum", "-o", "run", "--quiet")
    assert code == 2
    assert "missing: 2" in said
    assert typed("merge", "data.jsonl", "-o", "run", "--quiet")[0] == 3
    assert typed("merge", "a.sum", "-o", "elsewhere", "--quiet")[0] == 2
    assert typed("count", "data.jsonl", "data.jsonl", "--shard", "1/2", "-o", "b.sum")[0] == 3
    assert typed("count", "run/question-1.json", "none.jsonl", "--shard", "1/2", "-o", "b.sum")[0] == 3
    changed = bytearray((lab.folder / "a.sum").read_bytes())
    changed[-1] ^= 1
    (lab.folder / "a.sum").write_bytes(changed)
    assert typed(*count, "--shard", "2/2", "-o", "b.sum")[0] == 0
    assert typed("merge", "a.sum", "b.sum", "-o", "run", "--quiet")[0] == 3
    assert typed("budget")[1].startswith("No account has spent anything")


@pytest.mark.parametrize("command", ["shards", "count", "merge"])
def test_the_help_teaches_the_way(command: str, typed: Any) -> None:
    code, said, _ = typed(command, "--help")
    assert code == 0
    flat = " ".join(said.split())
    for word in {
        "shards": ("rpsg count RUN/question-1.json DATA --shard K/N -o FILE", "No private text is read"),
        "count": ("No noise is added here", "Get this value by a different route from the file"),
        "merge": ("noise is drawn once", "nothing is drawn or charged again"),
    }[command]:
        assert word in flat
