"""Opening a ``tokenizer.json`` with the tokenizers package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpsg.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.errors import ModelError


def open_tokenizer(file: Path, *, extra: str, damaged: Callable[[Path], ModelError]) -> Any:
    """The tokenizer in ``file``, which neither pads nor cuts.

    Raises MissingExtraError naming ``extra`` without the package; what ``damaged`` gives for a bad file.
    """
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - optional package
    except ImportError:
        raise MissingExtraError(extra, "tokenizers") from None
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises bare Exception for a bad file
        raise damaged(file) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
