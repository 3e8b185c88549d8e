"""An evaluation from files: three rows of the same size, reasons instead of failures, the same every time."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, inputs_of, sentences

import rpsg
from rpsg import registry
from rpsg.errors import RpsgError, UsageError
from rpsg.evaluation import runner as asking
from rpsg.measures import INTERNAL, Line, Measure, Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.evaluation.inputs import Inputs


def write(path: Path, texts: Sequence[str], **columns: Sequence[str]) -> Path:
    rows = [
        {"text": text, **{name: values[i] for name, values in columns.items()}}
        for i, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A corpus half-way between a floor and real texts."""
    real = sentences(200, GARDEN, seed=1)
    floor = sentences(90, HARBOUR, seed=2)
    corpus = [*sentences(40, GARDEN, seed=3), *sentences(40, HARBOUR, seed=4)]
    people = [f"p{i % 50}" for i in range(200)]
    return {
        "real": write(tmp_path / "real.jsonl", real, who=people, kind=["a", "b"] * 100),
        "floor": write(tmp_path / "floor.jsonl", floor, kind=["a", "b"] * 45),
        "corpus": write(tmp_path / "corpus.jsonl", corpus, kind=["a", "b"] * 40),
    }


def evaluated(files: dict[str, Path], **how: Any) -> Report:
    settings = {"embedder": "fake", "floor": files["floor"], "user": "who", "label": "kind", **how}
    return rpsg.evaluate(files["corpus"], files["real"], **settings)


def test_every_metric_has_a_line_with_a_value_or_a_reason(files: dict[str, Path]) -> None:
    report = evaluated(files)
    assert [line.name for line in report.lines] == list(registry.names("metrics"))
    for line in report.lines:
        assert (line.corpus.value is None) == bool(line.corpus.reason)
        assert line.corpus.name == line.name
    assert {line.name for line in report.lines if line.corpus.value is None} == {
        "sentiment_agreement",
        "coherence",
        "word_order",
        "column_distance",
        "attribute_coverage",
        "attribute_distance",
    }


def test_all_rows_have_the_same_number_of_texts(files: dict[str, Path]) -> None:
    report = evaluated(files)
    assert report.n == 80
    assert report.sizes == {"corpus": 80, "ceiling": 100, "floor": 90, "real": 100}
    for line in report.lines:
        rows = [m for m in (line.corpus, line.floor, line.ceiling) if m is not None]
        assert {m.n_synthetic for m in rows} == {80}
        assert {m.n_real for m in rows} <= {None, 100}


def test_a_scarce_row_is_told_of(files: dict[str, Path], tmp_path: Path) -> None:
    files["floor"] = write(tmp_path / "few.jsonl", sentences(30, HARBOUR), kind=["a", "b"] * 15)
    report = evaluated(files, metrics=["length_mean"])
    assert report.n == 30
    assert any("because the floor row has no more" in note for note in report.notes)


@pytest.mark.parametrize("name", ["fid", "mauve", "word_distance", "perplexity", "coverage"])
def test_a_corpus_half_way_has_a_score_between_floor_and_ceiling(name: str, files: dict[str, Path]) -> None:
    line = evaluated(files, metrics=[name]).lines[0]
    assert line.score is not None
    assert 0.1 < line.score < 1.1
    assert line.informative


def test_the_same_question_has_the_same_answer(files: dict[str, Path]) -> None:
    first, again, other = (evaluated(files, seed=seed) for seed in (5, 5, 6))
    assert first.table() == again.table()
    assert first.table() != other.table()


def test_the_table_is_ready_for_a_data_frame(files: dict[str, Path]) -> None:
    rows = evaluated(files, metrics=["fid", "self_bleu"]).table()
    assert [row["metric"] for row in rows] == ["fid", "self_bleu"]
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    assert all(isinstance(v, str | int | float | bool | None) for row in rows for v in row.values())
    assert rows[0]["low"] <= rows[0]["value"] <= rows[0]["high"]


def test_the_json_holds_every_measure_with_what_one_needs_to_read_it(files: dict[str, Path]) -> None:
    content = json.loads(evaluated(files, metrics=["fid", "length_distance"]).to_json())
    assert content["internal"] == INTERNAL
    corpus = content["metrics"][0]["corpus"]
    assert {"value", "interval", "n_synthetic", "n_real", "model", "seed", "reason"} <= set(corpus)
    assert "fake" in corpus["model"]
    assert len(content["metrics"][1]["corpus"]["details"]["corpus"]) == 18


def test_without_real_texts_only_public_figures_come_out(files: dict[str, Path]) -> None:
    report = rpsg.evaluate(files["corpus"], embedder="fake")
    assert not report.internal
    assert report.line("self_bleu").corpus.value is not None
    assert "No real texts" in report.line("fid").corpus.reason
    assert report.to_dict()["internal"] is False


def test_a_figure_for_which_real_texts_were_read_is_internal(files: dict[str, Path]) -> None:
    report = evaluated(files)
    assert report.internal
    assert report.line("fid").corpus.internal
    assert not report.line("self_bleu").corpus.internal
    assert report.line("self_bleu").internal  # its ceiling is made of real texts


def test_train_real_is_the_ceiling_without_people_of_the_held_out_texts(
    files: dict[str, Path], tmp_path: Path
) -> None:
    more = write(
        tmp_path / "more.jsonl",
        sentences(120, GARDEN, seed=9),
        who=[f"p{i}" for i in range(120)],
        kind=["a", "b"] * 60,
    )
    report = evaluated(files, train_real=more, metrics=["length_mean"])
    assert report.sizes["real"] == 200
    assert report.sizes["ceiling"] == 70


def test_train_real_alone_is_a_wrong_use(files: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="`train_real` needs `real`"):
        rpsg.evaluate(files["corpus"], train_real=files["real"])


def test_an_unknown_metric_is_answered_with_the_known_ones(files: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"no metric 'blue'[\s\S]*self_bleu"):
        evaluated(files, metrics=["blue"])


def test_a_metric_that_breaks_has_a_reason_and_its_message_is_withheld() -> None:
    def breaks(inputs: Inputs) -> Measure:
        raise ValueError(inputs.real.texts[0])

    found = asking.measure("mine", breaks, inputs_of(["a"], ["the secret of the garden"]))
    assert found.value is None
    assert "ValueError in test_story.py" in found.reason
    assert "secret" not in found.reason


def test_our_own_errors_become_the_reason() -> None:
    def refuses(inputs: Inputs) -> Measure:
        raise RpsgError("It is not the season.")

    assert asking.measure("mine", refuses, inputs_of(["a"])).reason == "It is not the season."


def test_which_way_is_better_is_known_of_a_metric_that_has_no_value_in_any_row() -> None:
    for name, better in (("fid", False), ("mauve", True), ("self_similarity", None)):
        found = asking.run_metric(name, asking.find_metric(name), {"corpus": inputs_of([])}, {})
        assert found["corpus"].value is None
        assert found["corpus"].higher_is_better is better


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_none(value: float) -> None:
    found = asking.measure("mine", lambda i: i.measured("mine", value, better=None), inputs_of(["a"], ["b"]))
    assert found.value is None
    assert found.reason


def test_texts_are_not_embedded_for_metrics_of_words(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "no weights"))
    report = evaluated(files, embedder="minilm", metrics=["self_bleu", "word_distance", "fid"])
    assert report.line("word_distance").corpus.value is not None
    assert "is not on this machine yet." in report.line("fid").corpus.reason
    assert "rpsg models pull minilm-onnx" in report.line("fid").corpus.reason


class OnServer:
    """An embedder that must never be asked."""

    name, dim, endpoint = "far away", 8, "remote_llm"

    def embed(self, texts: Sequence[str]) -> Any:
        raise AssertionError(f"{len(texts)} texts were sent away")


def test_real_texts_are_not_sent_to_an_embedder_on_a_server(files: dict[str, Path]) -> None:
    report = evaluated(files, embedder=OnServer(), metrics=["fid", "self_bleu"])
    assert "on this machine only" in report.line("fid").corpus.reason
    assert report.line("self_bleu").corpus.value is not None


def measure_of(value: float | None, half: float = 0.0, *, better: bool | None = True) -> Measure:
    interval = None if value is None else (value - half, value + half)
    return Measure("m", value, interval, higher_is_better=better)


def test_a_score_is_how_far_from_floor_to_ceiling() -> None:
    assert Line("m", measure_of(0.6), measure_of(0.4), measure_of(0.8)).score == pytest.approx(0.5)
    assert Line("m", measure_of(3.0, better=False), measure_of(5.0), measure_of(1.0)).score == 0.5
    assert Line("m", measure_of(0.6), measure_of(0.4), measure_of(0.4)).score is None
    assert Line("m", measure_of(None), measure_of(0.4), measure_of(0.8)).score is None
    assert Line("m", measure_of(0.6)).score is None


def test_a_metric_whose_floor_reaches_its_ceiling_tells_nothing() -> None:
    def informative(floor: float, ceiling: float, half: float, better: bool | None = True) -> bool | None:
        corpus = measure_of(0.5, better=better)
        return Line("m", corpus, measure_of(floor, half), measure_of(ceiling, half)).informative

    assert informative(0.2, 0.8, 0.1) is True
    assert informative(0.7, 0.8, 0.1) is False
    assert informative(0.8, 0.2, 0.1) is False
    assert informative(0.8, 0.2, 0.1, better=False) is True
    assert informative(0.8, 0.2, 0.1, better=None) is True
    assert Line("m", measure_of(0.5)).informative is None
