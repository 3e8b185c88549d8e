"""A stranger's metric can fail in every way, or say what is not so: the others are measured all the same."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.evaluation.conftest import GARDEN, HARBOUR, inputs_of, sentences

import rpsg
from rpsg import registry
from rpsg.errors import UsageError
from rpsg.evaluation.runner import measure, run_metric
from rpsg.measures import Line, Measure, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.evaluation.inputs import Inputs

REAL = ["the secret of the garden", "a rose", "a tulip"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in sentences(20, GARDEN)))
    return file


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declares metrics of a stranger's package: names and the places of their functions."""

    def declare(**places: str) -> None:
        entries = [EntryPoint(name, place, "rpsg.metrics") for name, place in places.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: entries if "metrics" in group else [])

    return declare


def fair(inputs: Inputs) -> Measure:
    return inputs.measured("fair", len(inputs.corpus), better=True, real=False)


NO_FUNCTION = "not a function"


def number(_: Inputs) -> Any:
    return 0.5


UNLOADABLE = ["no_such_package:metric", f"{__name__}:no_such_metric", f"{__name__}:NO_FUNCTION"]


@pytest.mark.parametrize("place", UNLOADABLE)
def test_a_metric_that_cannot_be_loaded_leaves_the_others(
    place: str, plugged: Callable[..., None], corpus: Path
) -> None:
    plugged(broken=place, fair=f"{__name__}:fair")
    report = rpsg.evaluate(corpus, embedder="fake")
    assert report.line("broken").corpus.value is None
    assert f"The metric 'broken' ({place}, from the package" in report.line("broken").corpus.reason
    assert report.line("fair").corpus.value == 20
    assert report.line("self_bleu").corpus.value is not None


@pytest.mark.parametrize("place", UNLOADABLE)
def test_one_that_was_named_is_a_wrong_use(place: str, plugged: Callable[..., None], corpus: Path) -> None:
    plugged(broken=place)
    with pytest.raises(UsageError, match="The metric 'broken'"):
        rpsg.evaluate(corpus, embedder="fake", metrics=["broken"])


class Thing:
    """What no JSON can hold."""


UNCLEAN = {
    "a bare number": 0.5,
    "nothing": None,
    "a text for a value": Measure("mine", "0.5"),  # type: ignore[arg-type]
    "a truth for a value": Measure("mine", value=True),
    "an array for a value": Measure("mine", np.ones(3)),  # type: ignore[arg-type]
    "another's name": Measure("self_bleu", 0.5),
    "half an interval": Measure("mine", 0.5, (0.1,)),  # type: ignore[arg-type]
    "words for an interval": Measure("mine", 0.5, ("low", "high")),  # type: ignore[arg-type]
    "an interval from its end": Measure("mine", 0.5, (0.9, 0.1)),
    "a thing in its details": Measure("mine", 0.5, details={"thing": Thing()}),
    "a list for its details": Measure("mine", 0.5, details=[1, 2]),  # type: ignore[arg-type]
    "a number for a model": Measure("mine", 0.5, model=7),  # type: ignore[arg-type]
    "a word for the way": Measure("mine", 0.5, higher_is_better="yes"),  # type: ignore[arg-type]
    "a share of a text": Measure("mine", 0.5, n_synthetic=1.5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("answer", UNCLEAN.values(), ids=UNCLEAN.keys())
def test_what_is_no_clean_measure_has_no_value_but_a_reason(answer: Any) -> None:
    found = measure("mine", lambda _: answer, inputs_of(["a", "b"], REAL))
    assert (found.name, found.value, found.details) == ("mine", None, {})
    assert found.reason
    assert json.loads(report_of(found).to_json())


def test_numbers_of_numpy_become_plain_ones() -> None:
    given = Measure(
        "mine",
        np.float32(0.5),  # type: ignore[arg-type]
        np.array([0.25, 0.75]),  # type: ignore[arg-type]
        n_synthetic=np.int64(2),  # type: ignore[arg-type]
        higher_is_better=np.bool_(1),  # type: ignore[arg-type]
        details={"counts": np.arange(3), 7: {"is": np.bool_(0), "far": np.longdouble(2)}},  # type: ignore[dict-item]
    )
    found = measure("mine", lambda _: given, inputs_of(["a", "b"]))
    assert (found.value, found.interval, found.n_synthetic) == (0.5, (0.25, 0.75), 2)
    assert found.higher_is_better is True
    assert found.details == {"counts": [0, 1, 2], "7": {"is": False, "far": 2.0}}
    assert json.loads(report_of(found).to_json())["metrics"][0]["corpus"]["value"] == 0.5


def test_details_without_an_end_are_a_reason() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    found = measure("mine", lambda _: Measure("mine", 0.5, details=endless), inputs_of(["a", "b"]))
    assert "RecursionError" in found.reason


def fails(_: Inputs) -> Measure:
    raise ValueError("the secret of the garden")


@pytest.mark.parametrize(
    ("metric", "said"), [("fails", "failed (ValueError in"), ("number", "instead of a Measure")]
)
def test_a_metric_that_fails_is_named_with_its_package_and_what_to_do(
    metric: str, said: str, plugged: Callable[..., None], corpus: Path
) -> None:
    plugged(broken=f"{__name__}:{metric}")
    reason = rpsg.evaluate(corpus, embedder="fake", metrics=["broken"]).line("broken").corpus.reason
    assert f"The metric 'broken' ({__name__}:{metric}, from the package " in reason
    assert said in reason
    assert "pip uninstall" in reason
    assert "secret" not in reason


def test_no_value_and_no_reason_says_so() -> None:
    found = measure("mine", lambda _: Measure("mine", None), inputs_of(["a", "b"]))
    assert found.reason == "The metric gives neither a value nor a reason."


def test_what_reads_real_texts_is_internal_whatever_it_says() -> None:
    def quotes(inputs: Inputs) -> Measure:
        details = {"seen": inputs.real.texts[0]}
        return inputs.measured("mine", 1.0, better=None, real=False, details=details)

    found = measure("mine", quotes, inputs_of(["a", "b"], REAL))
    assert found.internal
    assert found.n_real == 3


def test_what_was_kept_of_real_texts_makes_a_later_metric_internal_too() -> None:
    def first(inputs: Inputs) -> Measure:
        return inputs.measured("first", inputs.once("length", lambda: len(inputs.real.texts[0])), better=None)

    def later(inputs: Inputs) -> Measure:
        kept: int = inputs.once("length", lambda: 0)
        return inputs.measured("later", kept, better=None, real=False)

    inputs = inputs_of(["a", "b"], REAL)
    assert measure("first", first, inputs).internal
    assert not measure("fair", fair, inputs).internal
    assert measure("later", later, inputs).n_real == 3


def test_a_metric_that_fails_after_it_read_real_texts_is_internal() -> None:
    def fails(inputs: Inputs) -> Measure:
        return Measure(inputs.real.texts[0], 1.0)

    found = measure("mine", fails, inputs_of(["a", "b"], REAL))
    assert found.internal
    assert "secret" not in found.reason


def test_our_metrics_of_the_corpus_alone_stay_public(corpus: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.jsonl"
    real.write_text("".join(json.dumps({"text": text}) + "\n" for text in sentences(30, HARBOUR)))
    both, alone = (rpsg.evaluate(corpus, texts, embedder="fake") for texts in (real, None))
    public = {line.name for line in both.lines if line.corpus.value is not None and not line.corpus.internal}
    assert public == {line.name for line in alone.lines if line.corpus.value is not None}
    assert {"self_bleu", "vocabulary", "self_similarity"} <= public
    assert all(line.corpus.internal for line in both.lines if line.name in {"fid", "perplexity", "tv"})


def report_of(found: Measure) -> Report:
    return Report((Line("mine", found),), 2, None, {}, "", "", 0)


def test_a_row_without_a_value_keeps_which_way_is_better() -> None:
    def only_long(inputs: Inputs) -> Measure:
        inputs.need(3, real=False)
        return inputs.measured("mine", len(inputs.corpus), better=False, real=False)

    rows = {"corpus": inputs_of(["a"]), "floor": inputs_of(["a"] * 5), "ceiling": inputs_of(["a"] * 9)}
    found = run_metric("mine", only_long, rows, {})
    assert found["corpus"].value is None
    assert found["corpus"].higher_is_better is False
    assert Line("mine", found["corpus"], found["floor"], found["ceiling"]).informative is not True
