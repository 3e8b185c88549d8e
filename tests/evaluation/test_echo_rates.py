"""Echoes and repetition as metrics: shares of texts, public, with the kinds in their details."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.evaluation.conftest import Measured, inputs_of, sentences

import rpsg
from rpsg.domains import find_pack
from rpsg.evaluation.inputs import Inputs, Texts
from rpsg.evaluation.metrics.echoes import echo_rate
from rpsg.evaluation.models import EvaluationModels
from rpsg.models.fake import FakeEmbedder
from rpsg.textstats.echoes import form_of

if TYPE_CHECKING:
    from pathlib import Path


def test_the_echo_rate_is_a_share_of_texts_and_placeholders_are_apart(measured: Measured) -> None:
    texts = [*sentences(7), "Topic: tea. Length: 18 words.", "Tea, 20 words, was cold.", "See [LINK]."]
    found = measured("echo_rate", texts)
    assert found.value == pytest.approx(0.2)
    assert found.details == {"texts by kind": {"header": 1, "instruction": 2}, "placeholders": 1}
    assert not found.internal
    assert found.higher_is_better is False


def test_no_echo_has_an_interval_above_none(measured: Measured) -> None:
    found = measured("echo_rate", sentences(50))
    assert found.value == 0
    assert found.interval is not None
    assert found.interval[0] == 0
    assert found.interval[1] == pytest.approx(0.0714, abs=1e-3)


def test_of_a_run_the_pack_s_words_and_the_cards_are_known_too() -> None:
    pack, models = find_pack("food-reviews"), EvaluationModels(FakeEmbedder())
    angle = next(v for v in pack.attribute("angle").values if len(v.split()) >= 4)
    copied = " ".join(pack.examples[0].text.split()[:10])
    texts = (f"We thought of {angle} a lot.", f"Now: {copied} indeed", "The tea was as cold as the cup.")
    cards = [{"angle": angle}, {}, {}]
    inputs = Inputs(Texts(texts, models, cards=cards), None, models, form=form_of(pack))
    assert echo_rate(inputs).value == pytest.approx(2 / 3)
    assert echo_rate(inputs_of(texts, cards=cards)).value == 0


def test_the_repetition_rate_counts_both_kinds(measured: Measured) -> None:
    twin = "We had the very best tea of all our lives there"
    found = measured("repetition_rate", [twin, f"Oh! {twin}", "so it was " * 5, "Nothing of that kind."])
    assert found.value == pytest.approx(0.75)
    assert found.details == {"repeat themselves": 1, "repeat another": 2}
    assert not found.internal


@pytest.mark.parametrize("name", ["echo_rate", "repetition_rate"])
def test_without_texts_there_is_a_reason(name: str, measured: Measured) -> None:
    with pytest.raises(Exception, match="no text"):
        measured(name, [])


def test_an_evaluated_run_brings_its_form(finished: Path) -> None:
    report = rpsg.evaluate(finished, metrics=["echo_rate"], embedder="fake", write_floor=False)
    assert report.line("echo_rate").corpus.model.endswith("the prompts of the pack")
