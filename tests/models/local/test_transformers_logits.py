"""Logits by transformers: bit for bit those of the prompt alone, and those that the model has."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.models.local.tiny import causal_folder

import rpsg
from rpsg.errors import ModelError, RunError
from rpsg.models.fake import FakeLogits
from rpsg.protocols import LogitSource
from rpsg.testing.lab import Lab

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("transformers", reason="needs the extra hf")
import torch

from rpsg.models.transformers import logits as module
from rpsg.models.transformers.logits import ROWS, TransformersLogits, pieces_of
from rpsg.models.transformers.weights import load_model

TEXTS = [f"Number {i}: the tea was {'very ' * (i % 5)}good." for i in range(ROWS + 3)]
BOUNDS = {"most": 30, "room": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return causal_folder(tmp_path_factory.mktemp("tiny") / "model", chat=False)


@pytest.fixture(scope="module")
def source(folder: Path) -> TransformersLogits:
    return TransformersLogits(str(folder), threads=1)


def scores(source: LogitSource, texts: list[str], tokens: list[int], least: int = 1) -> Any:
    contexts = source.begin("Before: ", texts, " After:", least=least, **BOUNDS)
    for token in tokens:
        contexts.append(token)
    return contexts.scores(list(range(30, 60)) if len(source.pieces) > 60 else None)


def test_both_sources_have_the_protocol(source: TransformersLogits) -> None:
    assert isinstance(source, LogitSource)
    assert isinstance(FakeLogits(), LogitSource)


@pytest.mark.parametrize("least", [1, 5, ROWS, 40])
@pytest.mark.parametrize("fake", [False, True])
def test_the_logits_of_a_text_are_the_same_bits_alone_and_anywhere_in_any_company(
    source: TransformersLogits, fake: bool, least: int
) -> None:
    made: LogitSource = FakeLogits() if fake else source
    tokens = [3, 4] if fake else [40, 41]
    together = scores(made, TEXTS, tokens, least)
    for place in (0, 1, ROWS - 1, ROWS, ROWS + 2):
        alone = scores(made, [TEXTS[place]], tokens, least)
        assert np.array_equal(alone[0], together[place])
    assert np.array_equal(scores(made, TEXTS[::-1], tokens, least)[::-1], together)
    assert np.array_equal(scores(made, TEXTS[:2], tokens, least), together[:2])


def test_one_prompt_is_one_row_and_what_all_begin_with_is_computed_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public prompt is alone, and would otherwise cost as much as a step of ``ROWS`` private ones."""
    source, widths = TransformersLogits(str(folder), threads=1), []
    loaded = source._load()
    plain = loaded.body.forward

    def counted(*args: Any, **more: Any) -> Any:
        widths.append(tuple(more["input_ids"].shape))
        return plain(*args, **more)

    scores(source, TEXTS[:1], [])
    scores(source, TEXTS, [], least=ROWS)
    monkeypatch.setattr(loaded.body, "forward", counted)
    scores(source, TEXTS[:1], [40])
    scores(source, TEXTS, [40], least=ROWS)
    rest = BOUNDS["most"] + len(loaded.ids(" After:"))
    steps = [(1, rest), (1, 1), (ROWS, rest), (ROWS, rest), (ROWS, 1), (ROWS, 1)]
    assert widths == steps


def test_nobody_gives_no_rows(source: TransformersLogits) -> None:
    assert scores(source, [], [40], least=20).shape == (0, 30)


def test_they_are_what_the_model_says_for_the_same_tokens(source: TransformersLogits) -> None:
    loaded = source._load()
    prompt = [1, *loaded.ids("Before: "), *loaded.ids(TEXTS[3])[:30], *loaded.ids(" After:"), 40, 41]
    with torch.inference_mode():
        plain = loaded.model(input_ids=torch.tensor([prompt])).logits[0, -1, 30:60].numpy()
    assert scores(source, [TEXTS[3]], [40, 41])[0] == pytest.approx(plain, abs=1e-4)
    assert scores(source, TEXTS, [40, 41], least=ROWS)[3] == pytest.approx(plain, abs=1e-4)


def test_a_long_text_is_cut_and_the_words_after_it_are_not(source: TransformersLogits) -> None:
    long, cut = "x" * 500, "x" * 30
    assert np.array_equal(scores(source, [long], []), scores(source, [cut], []))
    assert not np.array_equal(scores(source, ["x" * 29], []), scores(source, [cut], []))


def test_a_text_that_the_tokenizer_cannot_read_is_a_text_without_tokens(
    source: TransformersLogits, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = source._load()
    plain = loaded.ids

    def reads(text: str) -> list[int]:
        if "poison" in text:
            raise TypeError(text)
        return plain(text)

    monkeypatch.setattr(loaded, "ids", reads)
    found = scores(source, [TEXTS[0], "poison"], [])
    assert np.array_equal(found[1], scores(source, [""], [])[0])
    assert np.array_equal(found[0], scores(source, [TEXTS[0]], [])[0])


def test_pieces_spell_what_the_tokenizer_reads(source: TransformersLogits) -> None:
    ids = source._load().ids("Good tea, 5 cups!")
    assert "".join(source.pieces[i] or "?" for i in ids) == "Good tea, 5 cups!"
    assert (source.pieces[2], source.pieces[0], source.pieces[1]) == ("", None, None)


class _Vocabulary:
    """What ``pieces_of`` asks of a tokenizer."""

    all_special_ids = (0,)

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens

    def __len__(self) -> int:
        return len(self.tokens)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [self.tokens[i] for i in ids]


def test_pieces_of_both_kinds_of_vocabularies_are_bytes() -> None:
    levels = _Vocabulary("<s>", "\u0120tea", "\u00c3\u00a9", "\u010a", "</s>")
    assert pieces_of(levels, frozenset({4}), 6) == (None, " tea", "\xc3\xa9", "\n", "", None)
    marks = _Vocabulary("<s>", "\u2581tea", "\u00e9", "<0xC3>")
    assert pieces_of(marks, frozenset(), 4) == (None, " tea", "\xc3\xa9", "\xc3")


def test_a_machine_on_which_rows_depend_on_each_other_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = module._CachedPrompts.scores

    def leaking(tile: Any, tokens: Any) -> Any:
        found = plain(tile, tokens)
        return found + found.mean() * 1e-7 * np.arange(len(found))[:, None]

    monkeypatch.setattr(module._CachedPrompts, "scores", leaking)
    with pytest.raises(ModelError, match="depend on its batch"):
        scores(TransformersLogits(str(folder), threads=1), TEXTS[:1], [], least=ROWS)


def test_a_model_that_caps_its_logits_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_model

    def capping(*args: Any) -> Any:
        model = plain(*args)
        forward = model.forward

        def capped(**more: Any) -> Any:
            out = forward(**more)
            out.logits = torch.tanh(out.logits / 30) * 30 + 0.01
            return out

        model.forward = capped
        return model

    monkeypatch.setattr(module, "load_model", capping)
    with pytest.raises(ModelError, match="after the last layer"):
        scores(TransformersLogits(str(folder), threads=1), TEXTS[:1], [])


def test_in_half_the_bits_a_text_has_the_logits_of_such_a_model_and_the_same_in_any_company(
    source: TransformersLogits, folder: Path
) -> None:
    """Rounded to 16 bits the logits themselves would be in steps of up to 1/32."""
    short = TransformersLogits(str(folder), threads=1, precision="bfloat16")
    found = scores(short, TEXTS, [40, 41], least=ROWS)
    loaded = short._load()
    prompt = [1, *loaded.ids("Before: "), *loaded.ids(TEXTS[3])[:30], *loaded.ids(" After:"), 40, 41]
    with torch.inference_mode():
        plain = loaded.model(input_ids=torch.tensor([prompt])).logits[0, -1, 30:60].float().numpy()
    assert found[3] == pytest.approx(plain, abs=0.1)
    assert not np.array_equal(found, scores(source, TEXTS, [40, 41], least=ROWS))
    assert np.array_equal(scores(short, TEXTS[::-1], [40, 41], least=ROWS)[::-1], found)


def test_it_writes_nothing_itself(source: TransformersLogits) -> None:
    with pytest.raises(RunError, match="gives logits"):
        source.write([])


def test_a_whole_run_draws_from_weights_and_verifies_without_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words of random weights mean nothing; every step from the file to the check is real."""
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    lab, weights = Lab(tmp_path), tmp_path / "weights"
    shutil.copytree(folder, weights)
    plan = lab.plan(
        lab.file(lab.rows(40)),
        method={"name": "private-prediction"},
        corpus={"size": 3},
        models={"writer": f"transformers:{weights}", "threads": 1},
        prediction={"batch": 14, "tokens": 8, "choices": 40, "reference_tokens": 24},
    )
    run = rpsg.run(plan, tmp_path / "run")
    assert run.texts
    assert any(line["name"].startswith("logits:") for line in run.ledger["public_inputs"])
    shutil.rmtree(weights)
    assert [check for check in rpsg.verify(run.release).checks if not check.ok] == []
