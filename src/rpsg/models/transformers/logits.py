"""Logits of weights by transformers, for many prompts that are continued by the same tokens.

The logits of a prompt must not depend, even in their last bits, on the other prompts of its batch. The sums
of a matrix product depend on its shape and not on the content of other rows. So every step has the same
number of rows and the same width, whatever the prompts are: texts are padded on the left to the longest that
the caller's bounds allow, and unused rows hold empty texts. ``_require_alone`` checks this on this machine
before the first text of a shape is read. The words before all texts are computed once, in one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rpsg.errors import ModelError, RunError
from rpsg.models.hardware import cores
from rpsg.models.transformers.batching import in_lanes
from rpsg.models.transformers.weights import (
    BYTES,
    find_weights,
    import_torch,
    import_transformers,
    load_model,
    load_tokenizer,
    refuse_too_large,
    state_name,
)
from rpsg.models.transformers.writer import ends_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from rpsg.protocols import Endpoint, OnReply, Reply, Request

#: The maximum number of rows in a step. Not a setting: the last bits may depend on it.
ROWS = 16
#: A public text, for the check that no row depends on another.
_PROBE = "It was a quiet morning, and the kettle had just begun to sing."
#: The largest difference allowed between two ways to compute logits, as a share of the largest logit.
_CLOSE = {"float32": 1e-4, "bfloat16": 2e-2}


class TransformersLogits:
    """Logits from weights: a name as for ``find_weights``, or ``transformers:NAME``.

    It replaces the writer, but writes nothing itself. The weights are loaded at the first use.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ModelError: weights are missing, damaged, in a form that could run code, or too large.
    """

    endpoint: Endpoint = "local_model"

    def __init__(
        self, name: str, *, threads: int | None = None, precision: Literal["float32", "bfloat16"] = "float32"
    ) -> None:
        import_transformers()
        self._weights = find_weights(name.removeprefix("transformers:"))
        self._precision = precision
        refuse_too_large(self._weights, BYTES[precision])
        self._lanes = threads or cores()
        self._loaded: _Loaded | None = None
        self._checked: set[tuple[int, ...]] = set()

    @property
    def name(self) -> str:
        return f"logits:{self._weights.identity}"

    @property
    def pieces(self) -> Sequence[str | None]:
        return self._load().pieces

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:  # noqa: ARG002  # refused
        raise RunError("This model gives logits and writes no texts.")

    def begin(
        self, before: str, texts: Sequence[str], after: str, *, most: int, room: int, least: int = 1
    ) -> BatchedContexts:
        """As ``LogitSource.begin``."""
        loaded = self._load()
        prompts = _Prompts(loaded, before, after, most, room, min(ROWS, least))
        if (shape := (prompts.count, prompts.width, prompts.length)) not in self._checked:
            _require_alone(loaded, prompts, self._lanes)
            self._checked.add(shape)
        return BatchedContexts(loaded, prompts, texts, least, self._lanes)

    def _load(self) -> _Loaded:
        if self._loaded is None:
            model = load_model(self._weights, "causal", self._precision, "cpu")
            loaded = _Loaded(model, load_tokenizer(self._weights))
            _require_plain(loaded)
            self._loaded = loaded
        return self._loaded


class _Loaded:
    """A model with its tokenizer, and how hidden states become logits."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.state = state_name(model)
        self.pieces = pieces_of(
            tokenizer, ends_of(model, tokenizer), model.config.get_text_config().vocab_size
        )
        self._head = model.get_output_embeddings().weight.float()
        self.body = model.get_decoder()
        self._beginnings: dict[tuple[int, ...], list[tuple[Any, Any]]] = {}

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found

    def beginning(self, ids: Sequence[int]) -> list[tuple[Any, Any]]:
        """The keys and values of each layer for the tokens that all prompts begin with, of one row."""
        torch, transformers = import_torch(), import_transformers()
        if (known := tuple(ids)) not in self._beginnings:
            cache = transformers.DynamicCache()
            with torch.inference_mode():
                self.body(input_ids=torch.tensor([list(ids)]), use_cache=True, **{self.state: cache})
            self._beginnings[known] = [(layer.keys, layer.values) for layer in cache.layers]
        return self._beginnings[known]

    def logits(self, hidden: Any, tokens: Any | None) -> Any:
        """Logits of hidden states, float32 of shape (rows, width): those of 16 bits would be too coarse."""
        return hidden.float() @ (self._head if tokens is None else self._head[tokens]).T


class _Prompts:
    """Texts as ``count`` rows of one width; both numbers depend on public numbers only."""

    def __init__(self, loaded: _Loaded, before: str, after: str, most: int, room: int, count: int) -> None:
        self._loaded, self._most, self.count = loaded, most, count
        self.before = loaded.ids(f"{loaded.tokenizer.bos_token or ''}{before}")
        self._after = loaded.ids(after)
        self.width = len(self.before) + most + len(self._after)
        self.length = self.width + room

    def rows(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """Tokens after the common beginning, and the mask of all, with padding between the two."""
        torch = import_torch()
        ids = torch.zeros((self.count, self.width - len(self.before)), dtype=torch.long)
        mask = torch.ones((self.count, self.length), dtype=torch.bool)
        for row in range(self.count):
            prompt = self._read(texts[row] if row < len(texts) else "")[: self._most] + self._after
            ids[row, ids.shape[1] - len(prompt) :] = torch.tensor(prompt)
            mask[row, len(self.before) : self.width - len(prompt)] = False
        return ids, mask

    def _read(self, text: str) -> list[int]:
        """The tokens of a text; none if the tokenizer cannot read it, because no text may end a run."""
        try:
            return self._loaded.ids(text)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001  # a panic of a Rust library is no Exception; messages quote the text
            return []


class BatchedContexts:
    """Prompts in steps of as many rows as ``prompts`` says."""

    def __init__(
        self, loaded: _Loaded, prompts: _Prompts, texts: Sequence[str], least: int, lanes: int
    ) -> None:
        self._count, self._lanes = len(texts), lanes
        rows = prompts.count
        tiles = -(-max(least, len(texts)) // rows)
        groups = [texts[i * rows : (i + 1) * rows] for i in range(tiles)]
        self._tiles = in_lanes(lambda group: _CachedPrompts(loaded, prompts, group), groups, lanes)

    def scores(self, tokens: Sequence[int] | None = None) -> npt.NDArray[np.float32]:
        found = in_lanes(lambda tile: tile.scores(tokens), self._tiles, self._lanes)
        together: npt.NDArray[np.float32] = np.concatenate(found)[: self._count]
        return together

    def append(self, token: int) -> None:
        in_lanes(lambda tile: tile.append(token), self._tiles, self._lanes)


class _CachedPrompts:
    """Prompts with their keys and values, in memory that does not grow."""

    def __init__(self, loaded: _Loaded, prompts: _Prompts, texts: Sequence[str]) -> None:
        torch, transformers = import_torch(), import_transformers()
        self._torch, self._loaded = torch, loaded
        ids, self._mask = prompts.rows(texts)
        self._positions = (self._mask.long().cumsum(1) - 1).clamp(min=0)
        self._cache = transformers.StaticCache(config=loaded.model.config, max_cache_len=prompts.length)
        self._rows, self._at = prompts.count, len(prompts.before)
        for layer, both in enumerate(loaded.beginning(prompts.before) if prompts.before else ()):
            keys, values = (each.expand(self._rows, -1, -1, -1) for each in both)
            self._cache.update(keys, values, layer, {"cache_position": torch.arange(self._at)})
        self._hidden = self._step(ids)

    def scores(self, tokens: Sequence[int] | None) -> npt.NDArray[np.float32]:
        chosen = None if tokens is None else self._torch.tensor(tokens)
        found: npt.NDArray[np.float32] = self._loaded.logits(self._hidden, chosen).float().numpy()
        return found

    def append(self, token: int) -> None:
        self._hidden = self._step(self._torch.full((self._rows, 1), token))

    def _step(self, ids: Any) -> Any:
        torch, start, stop = self._torch, self._at, self._at + ids.shape[1]
        self._at = stop
        # Position i attends to positions up to i that are not padding.
        causal = torch.arange(self._mask.shape[1])[None, :] <= torch.arange(start, stop)[:, None]
        seen = self._mask[:, None, None, :] & causal[None, None]
        # Padding attends to itself; otherwise its row of the attention would be NaN.
        seen = seen | (torch.arange(self._mask.shape[1])[None, :] == torch.arange(start, stop)[:, None])
        out = self._loaded.body(
            input_ids=ids,
            attention_mask=seen,
            position_ids=self._positions[:, start:stop],
            cache_position=torch.arange(start, stop),
            use_cache=True,
            **{self._loaded.state: self._cache},
        )
        return out.last_hidden_state[:, -1]


def pieces_of(tokenizer: Any, ends: frozenset[int], size: int) -> tuple[str | None, ...]:
    """The bytes of each token as ``LogitSource.pieces`` has them."""
    table = tokenizer.convert_ids_to_tokens(list(range(min(size, len(tokenizer)))))
    special = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
    spelt = _byte_level if any(piece and piece.startswith("\u0120") for piece in table) else _sentence_piece
    found = [
        "" if i in ends else None if piece is None or i in special else spelt(piece)
        for i, piece in enumerate(table)
    ]
    return (*found, *[None] * (size - len(found)))


def _byte_level(piece: str) -> str | None:
    """A token of a byte-level vocabulary: each character stands for a byte."""
    try:
        return "".join(chr(_BYTES[character]) for character in piece) or None
    except KeyError:
        return None


def _sentence_piece(piece: str) -> str | None:
    """A token with a mark for blanks, or a single byte as <0x0A>."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return chr(int(piece[3:5], 16))
    return piece.replace("\u2581", " ").encode().decode("latin-1") or None


def _byte_table() -> dict[str, int]:
    """The characters of byte-level vocabularies: printable bytes are themselves, the others follow U+0100."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTES = _byte_table()


def _require_alone(loaded: _Loaded, prompts: _Prompts, lanes: int) -> None:
    """Check that a public text has the same logits in every row, whatever texts are in the others.

    Raises:
        ModelError: the logits differ, so no privacy claim could rest on them.
    """
    some = [i for i, piece in enumerate(loaded.pieces) if piece][:100]
    seen: list[npt.NDArray[np.float32]] = []
    for index in sorted({0, prompts.count // 2, prompts.count - 1}):
        texts = [f"{i} {_PROBE[::-1]}" if seen else "" for i in range(prompts.count)]
        texts[index] = _PROBE
        tile = BatchedContexts(loaded, prompts, texts, prompts.count, lanes)
        tile.append(some[0])
        seen.append(tile.scores(some)[index])
    if not all(np.array_equal(seen[0], other) for other in seen):
        raise ModelError(
            "Here the logits of a text depend on the other texts of its batch, so nothing can be claimed.",
            hint="Use another machine or another build of PyTorch.",
        )


def _require_plain(loaded: _Loaded) -> None:
    """Check that the last layer is all that makes logits of hidden states.

    Raises:
        ModelError: the model scales or caps them, or adds something.
    """
    torch = import_torch()
    ids = torch.tensor([loaded.ids(_PROBE)])
    with torch.inference_mode():
        theirs = loaded.model(input_ids=ids).logits[0, -1].float()
        ours = loaded.logits(loaded.body(input_ids=ids).last_hidden_state[:, -1], None)[0]
    apart = float((theirs - ours).abs().max())
    if not apart <= _CLOSE[str(loaded.model.dtype).removeprefix("torch.")] * float(theirs.abs().max()):
        raise ModelError(
            "These weights change their logits after the last layer, in a way that RPSG does not know.",
            hint="Use another --writer, for instance smollm2-135m.",
        )
