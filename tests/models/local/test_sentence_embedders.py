"""Sentence embedders of every runtime: the same weights give the same cosines."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hf")

from tests.models.local.bert_gguf import write_bert_gguf
from tests.models.local.tiny import causal_folder, encoder_folder

from rpsg import registry
from rpsg.errors import ModelError
from rpsg.models.download import locate, models_folder
from rpsg.models.llamacpp.embedder import GgufEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.transformers.embedder import SentenceTransformersEmbedder

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder_folder(tmp_path_factory.mktemp("tiny"))


def test_a_row_is_the_unit_mean_over_the_tokens(folder: Path) -> None:
    import torch
    from tests.models.local.tiny import character_tokenizer
    from transformers import BertModel

    inputs = character_tokenizer(chat=False, frame=True)("green tea", return_tensors="pt")
    with torch.inference_mode():
        states = BertModel.from_pretrained(folder)(**inputs).last_hidden_state[0].double().numpy()
    mean = states.mean(axis=0)
    row = SentenceTransformersEmbedder(folder).embed(["green tea"])[0]
    assert np.abs(row - mean / np.linalg.norm(mean)).max() < 1e-5


def test_the_number_of_cores_does_not_change_a_row(folder: Path) -> None:
    texts = ["tea", "two cans were dented " * 5, "", "good"]
    one, two = (SentenceTransformersEmbedder(folder, threads=threads) for threads in (1, 2))
    assert np.array_equal(one.embed(texts), two.embed(texts))
    assert one.name == two.name


def test_a_text_is_cut_where_it_is_told(folder: Path) -> None:
    short = SentenceTransformersEmbedder(folder, max_tokens=10)
    first, second = short.embed(["green tea leaves", "green tea bags"])
    assert np.array_equal(first, second)
    assert short.name != SentenceTransformersEmbedder(folder).name


def test_it_is_had_by_name(folder: Path) -> None:
    assert registry.embedder(f"st:{folder}").name == SentenceTransformersEmbedder(folder).name
    with pytest.raises(ModelError, match="not on this machine") as caught:
        registry.embedder("st:no-such-model")
    assert "hf download sentence-transformers/no-such-model" in caught.value.hint


def test_a_model_of_the_family_e5_gets_the_prompt_that_it_was_trained_with(
    folder: Path, tmp_path: Path
) -> None:
    """The settings of these models name no prompt, so the name of the repository or folder decides."""
    named = tmp_path / "multilingual-e5-small"
    shutil.copytree(folder, named)
    plain, e5 = SentenceTransformersEmbedder(folder), registry.embedder(f"st:{named}")
    assert np.array_equal(e5.embed(["a dog"]), plain.embed(["query: a dog"]))
    assert not np.array_equal(e5.embed(["a dog"]), plain.embed(["a dog"]))
    assert e5.name.endswith(":query")
    assert not plain.name.endswith(":query")


def test_a_file_that_is_no_embedder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file of weights"):
        GgufEmbedder(tmp_path / "absent.gguf")


def test_a_language_model_s_folder_is_not_taken_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        GgufEmbedder(causal_folder(tmp_path) / "model.safetensors")


# -- real weights: all-MiniLM-L6-v2 in three forms ---------------------------------------------------------


@pytest.fixture
def torch_minilm() -> Path:
    place = models_folder() / "minilm-torch"
    if not place.is_dir():
        pytest.skip("all-MiniLM-L6-v2 as safetensors is not among the models of this machine")
    return place


@pytest.fixture
def reviews() -> list[str]:
    """Real reviews that no runtime cuts."""
    lines = (locate("amazon-reviews") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return [text for text in texts if len(text) < 600][:40]


def cosines(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return rows @ rows.T


@pytest.mark.weights
def test_sentence_transformers_and_onnx_agree_on_cosines(torch_minilm: Path, reviews: list[str]) -> None:
    """To a hundredth: the ONNX weights have 8 bits."""
    one = SentenceTransformersEmbedder(torch_minilm).embed(reviews)
    two = OnnxEmbedder(locate("minilm-onnx")).embed(reviews)
    assert np.abs(cosines(one) - cosines(two)).max() < 1e-2
    assert (one * two).sum(axis=1).min() > 0.998


@pytest.mark.weights
def test_llama_cpp_and_sentence_transformers_agree_on_cosines(
    torch_minilm: Path, reviews: list[str], tmp_path: Path
) -> None:
    """To a thousandth and a half: the same 32-bit weights, a cache of 16 bits."""
    file = write_bert_gguf(torch_minilm, tmp_path / "minilm.gguf")
    embedder = GgufEmbedder(file)
    try:
        one = embedder.embed(reviews)
        assert np.abs(embedder.embed(["word " * 2000])).max() > 0
    finally:
        embedder.close()
    two = SentenceTransformersEmbedder(torch_minilm).embed(reviews)
    assert np.abs(cosines(one) - cosines(two)).max() < 1.5e-3
