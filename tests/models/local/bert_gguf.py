"""A GGUF file of a BERT sentence embedder, from its folder: what a converter would have made of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_WHOLE = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}


def write_bert_gguf(folder: Path, file: Path) -> Path:
    """Writes ``file`` with the float32 weights of ``folder`` (safetensors, config.json, tokenizer.json)."""
    from gguf import GGUFWriter, PoolingType
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = GGUFWriter(str(file), "bert")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_file_type(0)
    _add_vocabulary(writer, folder)
    for name, tensor in load_file(folder / "model.safetensors").items():
        if (known := _name(name)) is not None:
            writer.add_tensor(known, np.ascontiguousarray(tensor, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _name(name: str) -> str | None:
    stem, _, end = name.removeprefix("bert.").rpartition(".")
    if stem in _WHOLE:
        return f"{_WHOLE[stem]}.{end}"
    head, _, rest = stem.removeprefix("encoder.layer.").partition(".")
    return f"blk.{head}.{_LAYER[rest]}.{end}" if stem.startswith("encoder") and rest in _LAYER else None


def _add_vocabulary(writer: Any, folder: Path) -> None:
    """Word pieces as llama.cpp has them: a word's start is marked, its continuations are not."""
    from tokenizers import Tokenizer

    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = [known.id_to_token(number) or "" for number in range(known.get_vocab_size())]
    special = {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}
    written = [n if n.startswith("[") and n.endswith("]") else _piece(n) for n in names]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([name.encode() for name in written])
    writer.add_token_types([3 if n in special else 2 if n == "[UNK]" else 1 for n in names])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(names.index("[CLS]"))
    writer.add_eos_token_id(names.index("[SEP]"))
    writer.add_unk_token_id(names.index("[UNK]"))
    writer.add_sep_token_id(names.index("[SEP]"))
    writer.add_pad_token_id(names.index("[PAD]"))
    writer.add_mask_token_id(names.index("[MASK]"))


def _piece(name: str) -> str:
    return name[2:] if name.startswith("##") else f"\u2581{name}"
