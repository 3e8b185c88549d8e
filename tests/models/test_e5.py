"""The multilingual embedder reads its file right: a small one, computed here a second time in another way."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rpsg.errors import ModelError
from rpsg.models.download import locate
from rpsg.models.e5 import TOKENIZER, WEIGHTS, E5Embedder

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

DIM, LAYERS, HEADS, WIDE, WORDS = 32, 2, 4, 64, 12
VOCABULARY = ("<s>", "</s>", "<unk>", "query", ":", "tea", "coffee", "cold")


def tensors() -> dict[str, npt.NDArray[np.float32]]:
    """Weights whose blocks have a scale of 1/16, so that four bits hold them exactly."""
    rng = np.random.default_rng(1)

    def matrix(rows: int, columns: int) -> npt.NDArray[np.float32]:
        return (rng.integers(-8, 8, (rows, columns)) / 16).astype(np.float32)

    def vector(size: int) -> npt.NDArray[np.float32]:
        return rng.normal(size=size).astype(np.float32)

    made = {"emb.word": matrix(WORDS, DIM), "emb.pos": vector(20 * DIM), "emb.type": vector(2 * DIM)}
    for name in ("emb.ln", *(f"l{i}.{part}" for i in range(LAYERS) for part in ("aln", "oln"))):
        made |= {f"{name}.w": vector(DIM), f"{name}.b": vector(DIM)}
    for i in range(LAYERS):
        shapes = {**dict.fromkeys(("q", "k", "v", "ao"), (DIM, DIM)), "fi": (WIDE, DIM), "fo": (DIM, WIDE)}
        for part, (rows, columns) in shapes.items():
            made |= {f"l{i}.{part}.w": matrix(rows, columns), f"l{i}.{part}.b": vector(rows)}
    return made


def packed(values: npt.NDArray[np.float32]) -> bytes:
    """Blocks of 32 weights: the scale, and two weights a byte."""
    codes = (values.reshape(-1, 32) * 16 + 8).astype(np.uint8)
    scale = np.float16(1 / 16).tobytes()
    return b"".join(scale + (block[:16] | (block[16:] << 4)).tobytes() for block in codes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of weights with a vocabulary of one piece, and a tokenizer of whole words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    head = struct.pack("<4s8ifi", b"E5S1", 1, DIM, LAYERS, HEADS, WIDE, WORDS, 20, 2, 1e-12, 32)
    head += struct.pack("<5iQ", 1, 0, 2, 1, 3, 3) + struct.pack("<2If", 0, 3, -1.0) + b"tea"
    head += struct.pack("<iI", 0, 0)
    kinds = {name: int(values.ndim == 2) for name, values in tensors().items()}
    parts = {name: packed(v) if kinds[name] else v.tobytes() for name, v in tensors().items()}
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in parts)
    directory = struct.pack("<i", len(parts))
    for name, part in parts.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kinds[name], tensors()[name].size, offset, len(part))
        offset += len(part)
    (tmp_path / WEIGHTS).write_bytes(head + directory + b"".join(parts.values()))

    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer.save(str(tmp_path / TOKENIZER))
    return tmp_path


def by_hand(*words: str) -> npt.NDArray[np.float64]:
    """The row of some words, one token and one head after the other."""
    w: dict[str, Any] = {name: values.astype(np.float64) for name, values in tensors().items()}

    def normed(name: str, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        centred = (row - row.mean()) / np.sqrt(row.var() + 1e-12)
        return np.asarray(centred * w[f"{name}.w"] + w[f"{name}.b"])

    def dense(name: str, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(w[f"{name}.w"] @ row + w[f"{name}.b"])

    ids = [VOCABULARY.index(word) for word in ("<s>", "query", ":", *words, "</s>")]
    places = w["emb.pos"].reshape(-1, DIM)[: len(ids)] + w["emb.type"][:DIM]
    states = [normed("emb.ln", row) for row in w["emb.word"][ids] + places]
    size = DIM // HEADS
    for layer in (f"l{i}." for i in range(LAYERS)):
        seen = []
        for state in states:
            heads = []
            for h in (slice(k * size, (k + 1) * size) for k in range(HEADS)):
                asked = dense(layer + "q", state)[h]
                powers = np.exp([asked @ dense(layer + "k", s)[h] / math.sqrt(size) for s in states])
                values = [dense(layer + "v", s)[h] for s in states]
                heads.append(sum(p * v for p, v in zip(powers / powers.sum(), values, strict=True)))
            seen.append(normed(layer + "aln", state + dense(layer + "ao", np.concatenate(heads))))
        states = []
        for state in seen:
            wide = [x / 2 * (1 + math.erf(x / math.sqrt(2))) for x in dense(layer + "fi", state)]
            states.append(normed(layer + "oln", state + dense(layer + "fo", np.array(wide))))
    mean = np.mean(states, axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_a_row_is_the_mean_of_the_last_states_of_its_tokens(folder: Path) -> None:
    rows = E5Embedder(folder).embed(["tea cold", "coffee"])
    assert rows[0] == pytest.approx(by_hand("tea", "cold"), abs=1e-4)
    assert rows[1] == pytest.approx(by_hand("coffee"), abs=1e-4)


def test_a_text_without_tokens_is_a_row_of_zeros(folder: Path) -> None:
    assert not E5Embedder(folder).embed(["", "  \n"]).any()


def test_missing_and_damaged_files_are_named_with_what_to_type(folder: Path) -> None:
    weights = (folder / WEIGHTS).read_bytes()
    far = weights.index(b"emb.word") + len("emb.word") + 5  # the place of a tensor, which is now beyond all
    beyond = weights[:far] + b"\xff" * 8 + weights[far + 8 :]
    for damaged in (b"", weights[:100], b"other" + weights[5:], weights[:-10], beyond):
        (folder / WEIGHTS).write_bytes(damaged)
        with pytest.raises(ModelError, match="is damaged") as caught:
            E5Embedder(folder)
        assert "rpsg models check e5-small" in caught.value.hint
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="is not in") as caught:
        E5Embedder(folder)
    assert "rpsg models pull e5-small" in caught.value.hint


@pytest.mark.weights
def test_a_sentence_is_nearer_to_its_translation_than_to_another_one() -> None:
    rows = E5Embedder(locate("e5-small")).embed(
        [
            *("Das Knie tut beim Treppensteigen weh.", "Der Zug hatte eine Stunde Verspätung."),
            *("The knee hurts when climbing stairs.", "The train was an hour late."),
            *("Le genou fait mal dans l'escalier.", "Le train avait une heure de retard."),
        ]
    )
    cosines = rows @ rows.T
    for one in (0, 2, 4):
        for other in {0, 2, 4} - {one}:
            assert cosines[one, other] > cosines[one, other + 1] + 0.01
            assert cosines[one + 1, other + 1] > cosines[one + 1, other] + 0.01
