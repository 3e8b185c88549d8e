"""One question over HTTP: sent whole, answered whole, within one deadline and one size.

What is not an answer is a ``LostError`` with a short reason. No message of the libraries below is passed on,
for it may hold what was sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from rpsg.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType, TracebackType

    from rpsg.models.openai.endpoint import Address
    from rpsg.models.openai.transport import Target, Wire

_CONNECT_SECONDS = 15.0


class LostError(Exception):
    """No answer came. ``overload``: the server may have too much to do; ``final``: asking again is no use."""

    def __init__(self, reason: str, *, overload: bool = False, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.overload = overload
        self.final = final


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``wait`` is how many seconds the server asked us to wait."""

    status: int
    body: bytes
    wait: float | None = None


class Client:
    """Connections to ``url``, open within ``async with``. ``timeout``: seconds for one whole question."""

    def __init__(self, url: str, headers: Mapping[str, str], address: Address, *, timeout: float) -> None:
        self._library = _wire()
        # A proxy of the environment must not see what stays on this machine.
        self._target: Target = self._library.target(url, headers, proxies=not address.is_local)
        self._host = address.host
        self._timeout = timeout
        self._wires: list[Wire] = []
        self._free: list[Wire] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for wire in self._wires:
            wire.close()
        await asyncio.sleep(0)  # the sockets are closed in the next turn of the loop

    async def post(self, body: bytes) -> Answer:
        """The answer to ``body``, whatever its status.

        Raises:
            LostError: none came whole.
            ModelError: the server could not show that it is who it should be.
        """
        wire = self._free.pop() if self._free else self._another()
        try:
            async with asyncio.timeout(self._timeout):
                status, headers, received = await wire.ask(body)
        except TimeoutError:
            raise LostError("no answer in time", overload=True) from None
        except self._library.UnreachableError as error:
            if error.distrusted:
                raise _distrusted(self._host) from None
            raise LostError("no connection", overload=True) from None
        except self._library.CutError:
            raise LostError("the connection was cut") from None
        except self._library.TooLongError:
            most = self._library.MOST_BYTES // 10**6
            raise LostError(f"the answer is longer than {most} MB", final=True) from None
        finally:
            self._free.append(wire)
        return Answer(status, received, _wait(headers))

    def _another(self) -> Wire:
        wire: Wire = self._library.Wire(self._target, min(_CONNECT_SECONDS, self._timeout))
        self._wires.append(wire)
        return wire


def _wire() -> ModuleType:
    try:
        from rpsg.models.openai import transport as wire  # noqa: PLC0415 - optional packages
    except ImportError:
        raise MissingExtraError("server", "h11") from None
    return wire


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server said it: milliseconds, seconds, or a date on its own clock."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name, "").strip()
        if said.isascii() and said.replace(".", "", 1).isdigit():
            return float(said) / unit
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _distrusted(host: str) -> ModelError:
    return ModelError(
        f"The certificate of {host} is not trusted by this machine.",
        hint="Check base_url; for a server with its own authority, point SSL_CERT_FILE to the certificate.",
    )
