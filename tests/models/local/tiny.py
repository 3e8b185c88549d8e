"""Tiny models with random weights, laid out as on a hub: all of the code runs, nothing is meant."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MARKS = ("<pad>", "<s>", "</s>", "<unk>")
CHAT = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)


def character_tokenizer(*, chat: bool = True, frame: bool = False) -> Any:
    """A token for each printable character; others are unknown. ``frame`` puts marks around a text."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = [*MARKS, *string.printable]
    known = Tokenizer(models.WordLevel({name: k for k, name in enumerate(names)}, unk_token="<unk>"))
    known.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    known.decoder = decoders.Fuse()
    if frame:
        known.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=known,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template=CHAT if chat else None,
        model_max_length=512,
    )


def causal_folder(folder: Path, *, chat: bool = True, context: int = 1024) -> Path:
    """A language model of two layers and 32 numbers a token."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(MARKS) + len(string.printable),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    character_tokenizer(chat=chat).save_pretrained(folder)
    return folder


def _bert(**more: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(MARKS) + len(string.printable),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        initializer_range=0.5,
        **more,
    )


def classifier_folder(folder: Path, labels: tuple[str, ...] = ("NEGATIVE", "POSITIVE")) -> Path:
    """A text classifier with the given labels."""
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(1)
    config = _bert(id2label=dict(enumerate(labels)), label2id={name: k for k, name in enumerate(labels)})
    BertForSequenceClassification(config).save_pretrained(folder)
    character_tokenizer(chat=False, frame=True).save_pretrained(folder)
    return folder


def encoder_folder(folder: Path) -> Path:
    """An encoder whose mean over tokens is a sentence's row."""
    import torch
    from transformers import BertModel

    torch.manual_seed(1)
    BertModel(_bert()).save_pretrained(folder)
    character_tokenizer(chat=False, frame=True).save_pretrained(folder)
    return folder
