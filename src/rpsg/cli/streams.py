"""Streams for output that may be closed or full, so that a command still finishes its work."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


#: The exit code when the page of a command could not be written.
UNWRITTEN = 14


class Stream:
    """A stream that drops everything after its first failed write. ``failure`` is the error of that write."""

    def __init__(self, stream: IO[str] | None) -> None:
        self.failure: OSError | None = None
        if stream is None:  # whoever started the program has closed it
            self.failure = OSError(errno.EBADF, os.strerror(errno.EBADF))
            stream = io.StringIO()
        self._stream = stream

    def write(self, text: str) -> int:
        if self.failure is None:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError) -> None:
        """Drop what is still buffered, so that writing it does not fail again when the process ends."""
        self.failure = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    @property
    def is_full(self) -> bool:
        """Whether writing failed, other than because a reader such as ``head`` closed the pipe."""
        return self.failure is not None and not isinstance(self.failure, BrokenPipeError)


@contextmanager
def tolerant() -> Iterator[tuple[Stream, Stream]]:
    """Standard output and standard error as such streams, within the block.

    A character that the terminal lacks becomes "?" instead of an error.
    """
    before = sys.stdout, sys.stderr
    for stream in before:
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    out, err = Stream(before[0]), Stream(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before
