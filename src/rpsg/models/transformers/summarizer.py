"""Summaries by any seq2seq model of transformers; the paper's is facebook/bart-large-cnn.

Texts are processed one at a time, so the summaries of a text depend on that text alone.
"""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rpsg.models.transformers.batching import one_thread_each
from rpsg.models.transformers.beams import Decoder, Search, diverse_beams, samples
from rpsg.models.transformers.weights import (
    BYTES,
    best_device,
    find_weights,
    import_torch,
    import_transformers,
    load_model,
    load_tokenizer,
    refuse_too_large,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rpsg.protocols import Endpoint

SOURCE_TOKENS = 512


class Seq2SeqSummarizer:
    """Several different summaries of each text, as a function of that text and of the seed alone.

    name: a folder of weights, or OWNER/REPO of a hub that was downloaded before.
    search: the settings of the search (default: the paper's, with the model's rules on length and repeats).

    Texts are truncated to 512 tokens, as in the paper. The weights are loaded at the first use. Raises
    MissingExtraError without the packages; ModelError when weights are missing, damaged, in a form that could
    run code, or too large for this machine.
    """

    endpoint: Endpoint = "local_model"

    def __init__(self, name: str | Path, *, search: Search | None = None) -> None:
        import_transformers()
        self._weights = find_weights(str(name))
        refuse_too_large(self._weights, BYTES["float32"])
        self._search = search
        self._loaded: tuple[Any, Any] | None = None
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        return f"summariser:{self._weights.identity}"

    def summarize(
        self, texts: Sequence[str], *, count: int, least: int, most: int, sampled: bool, seed: int
    ) -> list[list[str]]:
        """``count`` summaries of each text (fewer when fewer different ones are found).

        By diverse beam search, or by sampling if ``sampled``; of ``least`` to ``most`` tokens.
        """
        with import_torch().inference_mode(), one_thread_each():
            return [
                self._one(text, count=count, least=least, most=most, seed=seed if sampled else None)
                for text in texts
            ]

    def _one(self, text: str, *, count: int, least: int, most: int, seed: int | None) -> list[str]:
        model, tokenizer = self._load()
        ids = tokenizer(text, truncation=True, max_length=SOURCE_TOKENS, verbose=False)["input_ids"]
        if not ids:
            return []
        own = model.generation_config  # the paper's search, with the model's own rules
        penalty = own.length_penalty if own.length_penalty is not None else 1.0
        search = self._search or Search(
            length_penalty=float(penalty), no_repeat=int(own.no_repeat_ngram_size or 0)
        )
        rows = count if seed is not None else search.beams_for(count)
        decoder = Decoder(model, ids, rows, least=least, most=most, no_repeat=search.no_repeat)
        if seed is None:
            found = diverse_beams(decoder, search, count)
        else:
            torch = import_torch()
            digest = sha256(f"{seed}\0{text}".encode(errors="surrogatepass")).digest()
            generator = torch.Generator(device=model.device)
            found = samples(decoder, search, generator.manual_seed(int.from_bytes(digest[:7], "big")))
        return [tokenizer.decode(one, skip_special_tokens=True).strip() for one in found]

    def _load(self) -> tuple[Any, Any]:
        with self._loading:
            if self._loaded is None:
                model = load_model(self._weights, "seq2seq", "float32", best_device())
                self._loaded = model, load_tokenizer(self._weights)
            return self._loaded
