"""The examples run as their pages say, with models that need no weights."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

import rpsg
from rpsg.compare import compare, read_matrix
from rpsg.compare.matrix import ComparedWriter
from rpsg.plan import Plan, read_toml, resolve

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("health", "finance", "social_science")
#: What marks a private row of each example: a record number, a customer's number, an account.
MARKS = {"health": r"R11-\d{5}", "finance": r"KD-\d+", "social_science": r"quokka\d+"}


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an example whose private data were invented in the folder the test is in."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / request.param / "invent.py"), run_name="__main__")
    return str(request.param)


def plan_of(name: str) -> Plan:
    quick = {"models": {"writer": "fake", "embedder": "fake"}, "corpus": {"size": 20}}
    return resolve(read_toml(EXAMPLES / name / "rpsg.toml"), quick)


def test_each_example_becomes_a_corpus_that_holds(example: str) -> None:
    run = rpsg.run(plan_of(example), "run")
    assert len(run.texts) == 20
    found = rpsg.verify("run")
    assert found.ok, [check for check in found.checks if not check.ok]


def test_no_mark_of_a_private_row_is_released(example: str) -> None:
    plan = plan_of(example)
    private = Path(plan.data.path).read_text(encoding="utf-8")
    assert len(re.findall(MARKS[example], private)) > 200
    release = rpsg.run(plan, "run").release
    for file in release.rglob("*"):
        if file.is_file() and file.suffix != ".parquet":
            # Rounded embeddings are numbers: byte for byte, so that a mark within them would be found too.
            assert not re.search(MARKS[example], file.read_bytes().decode("latin-1")), file.name


def test_invented_data_are_always_the_same(example: str) -> None:
    path = Path(plan_of(example).data.path)
    first = path.read_bytes()
    runpy.run_path(str(EXAMPLES / example / "invent.py"), run_name="__main__")
    assert path.read_bytes() == first


def test_the_columns_of_a_plan_are_in_the_data(example: str) -> None:
    data = plan_of(example).data
    with Path(data.path).open(encoding="utf-8") as rows:
        row = json.loads(next(rows))
    assert {data.text, data.user} | ({data.label} if data.label else set()) <= set(row)


@pytest.mark.parametrize(
    ("writer", "accepted"),
    [("", "gemma-3-270m --accept-licence"), ("smollm2-135m", "smollm2-135m")],
)
def test_the_demo_says_that_it_accepts_terms_before_it_does_and_has_a_way_round_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], writer: str, accepted: str
) -> None:
    monkeypatch.setenv("WRITER", writer)
    demo = runpy.run_path(str(EXAMPLES / "demo" / "demo.py"))
    bring, typed = demo["bring"], []
    bring.__globals__["rpsg"] = lambda *words: typed.append((" ".join(words), capsys.readouterr().out))
    bring()
    first, said = typed[0]
    assert first == f"models pull {accepted}"
    assert ("continuing accepts them" in said) == (not writer)
    assert not any("--accept-licence" in command for command, _ in typed[1:])


def test_the_demo_types_the_command_it_is_said_to_type() -> None:
    demo = runpy.run_path(str(EXAMPLES / "demo" / "demo.py"))
    words = demo["run_command"]()
    assert words[:2] == ["run", "runs/demo-reviews.jsonl"]
    assert words[words.index("--epsilon") + 1] == "2"
    assert words[words.index("--size") + 1] == "60"


def test_the_comparison_of_the_examples_runs_as_its_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "social_science" / "invent.py"), run_name="__main__")
    fakes = read_matrix(EXAMPLES / "compare" / "compare.toml", {"posts": "posts.jsonl"})
    settings = {**fakes.settings, "models": {"embedder": "fake"}}
    writer = ComparedWriter(name="fake", settings={"models": {"writer": "fake"}})
    measured_by = fakes.evaluation.model_copy(update={"embedder": "fake"})
    quick = {"settings": settings, "writers": (writer,), "evaluation": measured_by, "seeds": (0,)}
    found = compare(fakes.model_copy(update=quick), "comparison", apart=False)
    states = {cell.key.method: cell.state for cell in found.cells if cell.key.epsilon in {4.0, None}}
    assert states == dict.fromkeys(["floor", "strict", "strict by votes", "augpe", "ceiling"], "done")
    beyond = [cell.state for cell in found.cells if cell.key.epsilon == float("inf")]
    assert beyond == ["not supported"] * 3
