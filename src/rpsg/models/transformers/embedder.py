"""The embedder that runs weights with sentence-transformers, e.g. sentence-t5-base as in the papers.

As with the ONNX embedder, each text is computed alone, so that a record's row is a function of that record:
no padding, no batches, one core for each text.
"""

from __future__ import annotations

import re
import threading
import warnings
from typing import TYPE_CHECKING, Any

from rpsg.errors import ModelError, needed
from rpsg.models.hardware import cores
from rpsg.models.transformers.batching import in_lanes
from rpsg.models.transformers.weights import (
    BYTES,
    as_model_errors,
    best_device,
    find_weights,
    import_transformers,
    quietly,
    refuse_too_large,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from rpsg.protocols import Endpoint


#: A family of models that was trained with this prompt before each text to compare. Their settings do not
#: name the prompt.
E5 = re.compile(
    r"(?:^|/|--)(?:multilingual-)?e5-(?:small|base|large)(?:-v2)?(?:/snapshots/\w+)?/?$", re.IGNORECASE
)
E5_PROMPT = "query: "


class SentenceTransformersEmbedder:
    """Unit-length rows by sentence-transformers. A row depends on its own text only and is bit-identical on
    one machine.

    name: a folder of weights, or OWNER/REPO of a hub that was downloaded before; a plain name is looked for
        under ``sentence-transformers/``. A folder without modules.json gives the mean over tokens.
    max_tokens: where a text is truncated (default: by the settings of the model, else 256).

    A text whose only tokens are the special ones is a zero row. Raises MissingExtraError without the
    packages; ModelError when weights are missing, damaged, in a form that could run code, or too large.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self, name: str | Path, *, threads: int | None = None, max_tokens: int | None = None
    ) -> None:
        plain = "/" not in str(name) and not str(name).startswith(("hf:", "."))
        self._weights = find_weights(f"sentence-transformers/{name}" if plain else str(name))
        refuse_too_large(self._weights, BYTES["float32"])
        self._max_tokens = max_tokens
        self._device = best_device()
        self._lanes = (threads or cores()) if self._device == "cpu" else 1
        self._model = self._open()
        # Some models were trained with a prompt before each text. All but one family name it in their
        # settings.
        told = (self._model.prompts or {}).get(self._model.default_prompt_name or "") or ""
        self._prompt: str = told or (E5_PROMPT if E5.search(str(name)) else "")
        self._tokenizing = threading.Lock()

    @property
    def name(self) -> str:
        prompt = ":query" if self._prompt == E5_PROMPT else ""
        return f"sentence-transformers:{self._weights.identity}:{self._model.max_seq_length}{prompt}"

    @property
    def dim(self) -> int:
        return int(self._model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit-length float32 rows, shape (len(texts), dim); each a function of its own text only."""
        import numpy as np

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        if texts:
            rows[:] = in_lanes(self._row, texts, self._lanes)
        return rows

    def _row(self, text: str) -> npt.NDArray[np.float32]:
        import numpy as np

        row = np.zeros(self.dim, dtype=np.float32)
        with self._tokenizing:  # a tokenizer is not thread-safe
            if not self._model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]:
                return row
            features = self._model.preprocess([self._prompt + text])
        inputs = {key: value.to(self._device) for key, value in features.items() if hasattr(value, "to")}
        state = self._model({**features, **inputs})["sentence_embedding"][0]
        mean = state.cpu().numpy().astype(np.float64)
        norm = float(np.linalg.norm(mean))
        if np.isfinite(norm) and norm > 0:
            row[:] = mean / norm
        return row

    def _open(self) -> Any:
        transformers = import_transformers()
        with needed("hf", "sentence-transformers"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about optional packages that are not needed here
            from sentence_transformers import SentenceTransformer
        if self._weights.gguf:
            raise ModelError(
                f"{self._weights.label} is a GGUF file.",
                hint="Name it as gguf:FILE instead: llama.cpp can embed with it.",
            )
        with quietly(transformers), as_model_errors(self._weights):
            model = SentenceTransformer(
                str(self._weights.folder),
                device=self._device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            ).eval()
            settings = [self._weights.folder / name for name in ("sentence_bert_config.json", "modules.json")]
            given = self._max_tokens or (None if any(file.is_file() for file in settings) else 256)
            if given:
                model.max_seq_length = min(given, model.max_seq_length or given)
        return model
