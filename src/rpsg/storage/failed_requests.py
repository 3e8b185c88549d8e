"""A writer whose failures are final: a request that failed once in a run is not sent again.

Failed candidates take no part in the vote. If a resume or a replay sent the request again and got a text, the
list of candidates would differ from the one that was voted on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rpsg.disk.files import write_atomic
from rpsg.errors import ModelError, VerificationError
from rpsg.protocols import OnReply, Reply, Request, Writer
from rpsg.storage.call_store import request_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: If this many requests fail and none succeeds, the writer is down, and the failures are not final.
ALL_OF = 10


class SettledWriter:
    """Passes requests to ``writer``. Requests whose keys are listed in ``file`` fail without being sent.

    ``key_of`` is the function of the call store, because a plain hash of a private prompt would let others
    test a guess. With ``later`` failures become final only when ``settle`` is called.

    Raises:
        ModelError: ten requests or more failed and none succeeded; they are sent again next time.
        VerificationError: the list cannot be read.
    """

    def __init__(
        self,
        writer: Writer,
        file: Path,
        key_of: Callable[[str, Request], str] = request_key,
        *,
        later: bool = False,
    ) -> None:
        self._writer = writer
        self._file = file
        self._key_of = key_of
        self._failed = _read(file)
        self._later = later
        self._asked: set[str] = set()

    @property
    def asked(self) -> frozenset[str]:
        """The keys of all requests so far, including those that failed before."""
        return frozenset(self._asked)

    @property
    def failed(self) -> frozenset[str]:
        """The keys of all texts that failed, in this process and before it."""
        return frozenset(self._failed)

    @property
    def name(self) -> str:
        return self._writer.name

    @property
    def endpoint(self) -> Literal["local_model", "remote_llm"]:
        return self._writer.endpoint

    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        keys = [self._key_of(self.name, request) for request in requests]
        self._asked |= set(keys)
        settled = [i for i, key in enumerate(keys) if key in self._failed]
        replies = {i: Reply("", "error", error="failed before") for i in settled}
        tell = on_reply or (lambda _index, _reply: None)
        for index, reply in replies.items():
            tell(index, reply)
        asked = [i for i in range(len(keys)) if i not in replies]
        new = self._writer.write([requests[i] for i in asked], lambda i, r: tell(asked[i], r))
        replies |= dict(zip(asked, new, strict=True))
        self._settle([keys[i] for i in asked if replies[i].finish == "error"], len(asked))
        return [replies[i] for i in range(len(keys))]

    def _settle(self, failed: Sequence[str], asked: int) -> None:
        if not failed:
            return
        if self._later:
            self._failed |= set(failed)
            return
        if len(failed) == asked >= ALL_OF:
            raise ModelError(
                f"The writer {self.name} failed on every text.",
                hint="Check that it works, and run the same command again; it resumes where it stopped.",
            )
        self._failed |= set(failed)
        self.settle()

    def settle(self) -> None:
        """Make all failures so far final."""
        if self._failed:
            write_atomic(self._file, "".join(f"{key}\n" for key in sorted(self._failed)).encode())


def _read(file: Path) -> set[str]:
    try:
        return set(file.read_text(encoding="utf-8").split()) if file.exists() else set()
    except (OSError, UnicodeDecodeError):
        raise VerificationError(f"{file.name} cannot be read.") from None
