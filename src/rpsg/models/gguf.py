"""The header of a GGUF file: enough to refuse a damaged one and to predict its memory use.

Layout (GGUF version 2 and 3, little-endian): magic, version, number of tensors, number of metadata entries;
these as key, type, value; for each tensor name, shape, type, offset; then the aligned tensor data.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rpsg.errors import ModelError, needed

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_KEPT_ARRAY = 1024
_MOST_VALUES = 1 << 32

Fact = int | float | bool | str | list[int] | None


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The metadata of a file of weights, without long arrays (the vocabulary).

    ``block_types``: the number formats of the tensors inside the layers, in ggml's numbering.
    """

    facts: dict[str, Fact]
    block_types: frozenset[int]
    data_start: int
    last_offset: int

    @property
    def architecture(self) -> str:
        return str(self.facts.get("general.architecture", ""))

    @property
    def has_chat_template(self) -> bool:
        return bool(self.facts.get("tokenizer.chat_template"))

    def number(self, key: str, default: int) -> int:
        """A metadata number of this architecture; if it is a list with one number per layer, the largest."""
        value = self.facts.get(f"{self.architecture}.{key}")
        if isinstance(value, list):
            return max(value, default=default)
        return int(value) if isinstance(value, int | float) else default

    def cache_bytes_per_token(self, bytes_per_value: float) -> int:
        """The size of one token's keys and values over all layers."""
        heads = self.number("attention.head_count", 1)
        width = self.number("embedding_length", 0) // max(heads, 1)
        key = self.number("attention.key_length", width)
        value = self.number("attention.value_length", width)
        layers, kept = self.number("block_count", 1), self.number("attention.head_count_kv", heads)
        return int(layers * kept * (key + value) * bytes_per_value)


def is_gguf(path: str | Path) -> bool:
    """Whether the file starts as a GGUF file does."""
    try:
        with Path(path).open("rb") as source:
            return source.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_header(path: str | Path) -> GgufHeader:
    """The header of the GGUF file at ``path``. Raises ModelError if it is missing, truncated or not GGUF."""
    file = Path(path)
    if not file.is_file():
        raise ModelError(
            f"There is no file of weights at {file}.",
            hint="Download the default writer with: rpsg models pull gemma-3-270m",
        )
    if not is_gguf(file):
        raise ModelError(
            f"{file.name} is not a GGUF file.",
            hint="Local writers read GGUF. Download one with: rpsg models pull gemma-3-270m",
        )
    try:
        with file.open("rb") as source:
            header = _read(source)
    except (struct.error, EOFError, KeyError, RecursionError) as error:
        raise _damaged(file) from error
    if file.stat().st_size <= header.data_start + header.last_offset:
        raise _damaged(file)
    return header


def _damaged(file: Path) -> ModelError:
    return ModelError(
        f"{file.name} is damaged or was cut off.",
        hint="Delete it and download it again, e.g. with: rpsg models pull gemma-3-270m",
    )


def _read(source: BinaryIO) -> GgufHeader:
    source.seek(len(MAGIC))
    version, tensors, count = _unpack(source, "<IQQ")
    if version not in {2, 3}:
        raise EOFError
    facts: dict[str, Fact] = {}
    for _ in range(count):
        key = _text(source)
        facts[key] = _value(source, _unpack(source, "<I")[0])
    found = [_tensor(source) for _ in range(tensors)]
    last = max((offset for _, _, offset in found), default=0)
    block_types = frozenset(kind for name, kind, _ in found if name.startswith("blk."))
    alignment = facts.get("general.alignment", 32)
    step = alignment if isinstance(alignment, int) and alignment > 0 else 32
    start = -(-source.tell() // step) * step
    return GgufHeader(facts, block_types, start, last)


def _tensor(source: BinaryIO) -> tuple[str, int, int]:
    """(name, number format, offset) of one tensor."""
    name = _text(source)
    (dimensions,) = _unpack(source, "<I")
    *_, kind, offset = _unpack(source, f"<{_bounded(dimensions, 8)}QIQ")
    return name, kind, offset


def _value(source: BinaryIO, kind: int) -> Fact:
    if kind == _STRING:
        return _text(source)
    if kind != _ARRAY:
        value: Fact = _unpack(source, "<" + _NUMBERS[kind])[0]
        return value
    inner, length = _unpack(source, "<IQ")
    if inner in {_STRING, _ARRAY}:
        for _ in range(length):
            _value(source, inner)
        return None
    code = _NUMBERS[inner]
    if length > _KEPT_ARRAY:
        source.seek(_bounded(length, _MOST_VALUES) * struct.calcsize("<" + code), 1)
        return None
    return [int(number) for number in _unpack(source, f"<{length}{code}")]


def _text(source: BinaryIO) -> str:
    (length,) = _unpack(source, "<Q")
    return _take(source, _bounded(length, 1 << 26)).decode("utf-8", errors="replace")


def _bounded(number: int, limit: int) -> int:
    if number > limit:
        raise EOFError
    return number


def _unpack(source: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _take(source, struct.calcsize(layout)))


def _take(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError
    return data


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within this context transformers parses a GGUF file only once, for settings and tensors together, and
    without a progress bar.

    Parsing takes seconds, and transformers has no setting that hides this bar.
    """
    with needed("hf", "gguf"):
        import gguf
    from transformers import modeling_gguf_pytorch_utils as reading

    reader, bar = gguf.GGUFReader, reading.tqdm
    gguf.GGUFReader, reading.tqdm = cache(reader), partial(bar, disable=True)
    try:
        yield
    finally:
        gguf.GGUFReader, reading.tqdm = reader, bar
