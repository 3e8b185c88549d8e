"""A table of word vectors: how it is made, how it is read, and how much faster it is for what it loses."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="needs the extra static")

from rpsg import registry
from rpsg.errors import ModelError
from rpsg.models.download import locate
from rpsg.models.fake import FakeEmbedder
from rpsg.models.onnx.embedder import OnnxEmbedder
from rpsg.models.static import StaticEmbedder, distilled, on_principal_axes, ranks, weighed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

WORDS = ["[PAD]", "[UNK]", "é", "the", "tea", "green", "##s", "dog", "biscuit"]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A vocabulary of word pieces."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    known = Tokenizer(models.WordPiece({word: k for k, word in enumerate(WORDS)}, unk_token="[UNK]"))
    known.normalizer = normalizers.BertNormalizer(strip_accents=False)
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    known.add_special_tokens(["[PAD]", "[UNK]"])
    place = tmp_path / "tokenizer.json"
    known.save(str(place))
    return place


def table(folder: Path, tokenizer: Path, **tensors: npt.NDArray[np.generic]) -> Path:
    from safetensors.numpy import save_file

    folder.mkdir()
    save_file(dict(tensors), folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return folder


def test_a_row_is_the_unit_sum_of_its_known_tokens(tmp_path: Path, tokenizer: Path) -> None:
    vectors = np.eye(len(WORDS), dtype=np.float32)
    embedder = StaticEmbedder(table(tmp_path / "t", tokenizer, embeddings=vectors))
    rows = embedder.embed(["Green teas zzz", "zzz", "the the tea"])
    assert embedder.dim == len(WORDS)
    assert np.allclose(rows[0, [5, 4, 6]], 3**-0.5)
    assert not rows[1].any()
    assert np.allclose(rows[2, [3, 4]], np.array([2, 1]) / 5**0.5)


def test_the_forms_of_model2vec_are_read(tmp_path: Path, tokenizer: Path) -> None:
    """Fewer rows than tokens, and a weight for each token."""
    embedder = StaticEmbedder(
        table(
            tmp_path / "t",
            tokenizer,
            embeddings=np.eye(2, dtype=np.float16),
            mapping=np.array([0, 0, 0, 0, 1, 1, 0, 0, 0]),
            weights=np.array([0, 0, 0, 3, 4, 1, 1, 1, 1], dtype=np.float32),
        )
    )
    assert np.allclose(embedder.embed(["the tea"]), [[0.6, 0.8]])


@pytest.mark.parametrize("tensors", [{"other": np.ones((2, 2))}, {"embeddings": np.full((9, 2), np.nan)}])
def test_a_damaged_table_is_told(
    tmp_path: Path, tokenizer: Path, tensors: Mapping[str, npt.NDArray[np.float64]]
) -> None:
    with pytest.raises(ModelError, match="damaged"):
        StaticEmbedder(table(tmp_path / "t", tokenizer, **tensors))
    with pytest.raises(ModelError, match="not in"):
        StaticEmbedder(tmp_path)


def test_a_table_is_made_once_and_again_for_another_embedder(tmp_path: Path, tokenizer: Path) -> None:
    calls: list[int] = []

    class Counting(FakeEmbedder):
        def embed(self, texts: object) -> npt.NDArray[np.float32]:
            calls.append(1)
            return super().embed(texts)  # type: ignore[arg-type]  # passed on as it came

    folder = distilled(Counting(), tokenizer, tmp_path / "models")
    assert distilled(Counting(), tokenizer, tmp_path / "models") == folder
    assert len(calls) == 1
    assert distilled(Counting(name="other"), tokenizer, tmp_path / "models") != folder
    assert json.loads((folder / "config.json").read_text())["distilled_from"] == "fake-embedder"
    assert [entry.name for entry in (tmp_path / "models").iterdir() if entry.name.startswith(".")] == []
    embedder = StaticEmbedder(folder)
    assert embedder.embed(["green teas"]).any()
    assert not embedder.embed(["[PAD]"]).any()


def test_axes_are_centred_sorted_and_shrunk() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    rows = (random.standard_normal((500, 4)) * [8, 4, 2, 0] + 5).astype(np.float32)
    rows[7] = 0
    turned = on_principal_axes(rows, 256)
    full = np.arange(500) != 7
    assert turned.shape == (500, 3)
    assert not turned[7].any()
    assert np.abs(turned[full].mean(axis=0)).max() < 1e-6
    deviations = turned[full].std(axis=0)
    assert deviations / deviations[0] == pytest.approx([1, 2**-0.5, 0.5], rel=0.1)


def test_frequent_tokens_weigh_less_and_foreign_characters_are_ranked_last() -> None:
    assert ranks(["é", "the", "a", "", "tea"]).tolist() == [3, 1, 0, 4, 2]
    weights = weighed(np.ones((1000, 1)), np.arange(1000))[:, 0].astype(float)
    assert (np.diff(weights) >= 0).all()
    assert weights[0] < 0.01
    assert weights[-1] > 0.1


@pytest.mark.weights
@pytest.mark.slow
def test_the_default_table_is_fast_and_keeps_the_order_of_likeness(
    pulled_models: Path, few_words: Path
) -> None:
    """Made from the default embedder on this machine once; ten times faster even on a busy machine."""
    static = registry.embedder("static")
    assert any(few_words.glob("static-*"))
    lines = (locate("amazon-reviews") / "test.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines][:100]
    slow = OnnxEmbedder(pulled_models / "minilm-onnx")
    began = time.perf_counter()
    reference = slow.embed(texts)
    slow_seconds = time.perf_counter() - began
    quickest = slow_seconds
    for _ in range(5):  # the first one loads the table
        began = time.perf_counter()
        rows = static.embed(texts)
        quickest = min(quickest, time.perf_counter() - began)
    assert quickest * 10 < slow_seconds
    pairs = np.triu_indices(100, 1)
    one, two = ((r @ r.T)[pairs].argsort().argsort() for r in (rows, reference))
    assert np.corrcoef(one, two)[0, 1] > 0.4
