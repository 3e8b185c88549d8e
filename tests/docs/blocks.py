"""The blocks of the documents, and somebody who types them in a folder with files of their names."""

from __future__ import annotations

import csv
import json
import re
import runpy
import shlex
import shutil
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rpsg.cli import logs, main
from rpsg.errors import MissingExtraError
from rpsg.plan import Plan
from rpsg.testing.lab import APPLE, ZEBRA, invented

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/**/*.md")
BLOCK = re.compile(
    r"^(?:<!-- not executed: (?P<reason>[^\n]+) -->\n)?```(?P<language>console|python)\n(?P<content>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
#: A file that a page shows: its name, a colon, and a block.
SHOWN = re.compile(r"`([\w.-]+\.toml)`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Commands that end in another code than 0 when all is well: an audit of few texts has no verdict.
OTHER_CODES = {"audit": {0, 12}, "audit-run": {0, 12}}
#: What the blocks call their files, each with rows of this many people, from this one on.
FILES = {
    **dict.fromkeys(("notes.csv", "tickets.csv", "reviews.csv", "reviews.jsonl", "real.jsonl"), (0, 300)),
    **dict.fromkeys(("used.csv", "members.csv"), (0, 150)),
    **dict.fromkeys(("held-out.csv", "held_out.csv", "held-out.jsonl"), (150, 150)),
}
COMPARISON = """
title = "A floor alone"
methods = ["floor"]
writers = ["fake"]
epsilon = [2]
seeds = [0]
sizes = [10]

[[data]]
name = "reviews"
path = "reviews.jsonl"
public = true
held_out = 100
settings = {models = {embedder = "fake"}, data = {text = "review", user = "customer"}}

[evaluation]
metrics = ["fid"]
embedder = "fake"
"""
#: What they call synthetic texts.
SYNTHETIC = ("theirs.jsonl", "theirs.csv", "synthetic.jsonl", "public-only.jsonl")


@dataclass(frozen=True)
class Block:
    """Commands or Python of a page; ``reason`` says why a test does not execute them."""

    page: str
    line: int
    language: str
    content: str
    reason: str | None


def pages() -> Iterator[Path]:
    """Every page that shows something to type."""
    for pattern in PAGES:
        yield from (page for page in sorted(ROOT.glob(pattern)) if "run" not in page.parts)


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(name, text[: m.start("content")].count("\n"), m["language"], m["content"], m["reason"])
        for m in BLOCK.finditer(text)
    ]


def columns(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows under all names that the blocks give to a text, a person and a label."""
    names = {
        "text": ("text", "note", "message", "review"),
        "user": ("user", "patient", "customer"),
        "label": ("label", "stars"),
    }
    return [{alias: row[kind] for kind, aliases in names.items() for alias in aliases} for row in rows]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def furnish(folder: Path, page: str) -> None:
    """Put the files that the blocks of a page name into ``folder``, with invented rows."""
    people = invented(300, words=APPLE)
    for name, (first, count) in FILES.items():
        write_rows(folder / name, columns(people[first : first + count]))
    for name in SYNTHETIC:
        write_rows(folder / name, columns(invented(60, words=ZEBRA, seed=1)))
    (folder / "compare.toml").write_text(COMPARISON, encoding="utf-8")
    for name, content in SHOWN.findall((ROOT / page).read_text(encoding="utf-8")):
        (folder / name).write_text(content, encoding="utf-8")
    if page.startswith("examples/") and page.count("/") > 1:
        shutil.copytree((ROOT / page).parent, folder, dirs_exist_ok=True)


def names() -> dict[str, Any]:
    """What the blocks of Python take as given: imports of the reader, and texts of theirs."""
    import rpsg
    from rpsg.evaluation.inputs import Inputs

    pandas = pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    people = columns(invented(300, words=APPLE))
    texts = [row["text"] for row in people]
    synthetic = [row["text"] for row in invented(60, words=ZEBRA, seed=1)]
    return {
        "rpsg": rpsg,
        "pandas": pandas,
        "Inputs": Inputs,
        "Measure": rpsg.Measure,
        "frame": pandas.DataFrame(people),
        "synthetic": synthetic,
        "without_private_data": synthetic[:50],
        "members": texts[:150],
        "held_out": texts[150:],
        "real": texts,
        "patients": [row["patient"] for row in people[:150]],
        "other_patients": [row["patient"] for row in people[150:]],
    }


def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and functions use models that need no weights, for few texts, with budget for every try."""
    from rpsg import api
    from rpsg.compare import runner

    fakes = {"writer": "fake", "embedder": "fake"}
    run: dict[str, Any] = {**fakes, "size": 20, "lifetime_epsilon": 100.0}
    for name, settings in {
        "synthesize": run,
        "preview": run,
        "evaluate": {"embedder": "fake", "metrics": ["fid", "self_bleu"]},
    }.items():
        monkeypatch.setattr(api, name, partial(with_settings, getattr(api, name), settings))
    monkeypatch.setattr(runner, "compare", partial(runner.compare, apart=False))  # in this process
    for setting, value in {
        "MODELS__WRITER": "fake",
        "MODELS__EMBEDDER": "fake",
        "CORPUS__SIZE": "20",
        "PRIVACY__LIFETIME_EPSILON": "100",
    }.items():
        monkeypatch.setenv(f"RPSG_{setting}", value)


def with_settings(function: Any, settings: dict[str, Any], *given: Any, **named: Any) -> Any:
    """What the function returns with these settings, unless it is given a plan, which has all of them."""
    return function(*given, **named | ({} if isinstance(given[0], Plan) else settings))


def clear(block: Block) -> None:
    """A block that makes a run begins without one: pages show several ways to make the same."""
    if re.search(r"^rpsg (?:--log-\S+ (?:info )?)?run\b|\bsynthesize\(", block.content, re.MULTILINE):
        for name in ("run", "RUN", "AUDIT"):
            shutil.rmtree(name, ignore_errors=True)
    if "rpsg init" in block.content:
        Path("rpsg.toml").unlink(missing_ok=True)


def type_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Type one command. Models are those that need no weights."""
    program, *words = shlex.split(line, comments=True)
    if program == "python":
        runpy.run_path(words[0], run_name="__main__")
        return
    assert program == "rpsg", line
    if words[0] == "evaluate" and "--metrics" not in words:
        words += ["--metrics", "fid,self_bleu"]  # all of them take half a minute
    model = {"--writer", "--embedder"}
    words = ["fake" if before in model else word for before, word in pairwise(["", *words])]
    code = main(words)
    said = capsys.readouterr()
    if code == MissingExtraError.exit_code:
        pytest.skip(said.err)
    command = logs.command_of(words)
    assert code in OTHER_CODES.get(command, {0}), (line, code, said.out + said.err)


def execute(block: Block, given: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Do what a block says, in the folder that the test is in."""
    clear(block)
    if block.language == "python":
        source = compile("\n" * block.line + block.content, block.page, "exec")
        exec(source, given)  # our own page
        return
    for line in block.content.replace("\\\n", " ").splitlines():
        type_line(line, capsys)
