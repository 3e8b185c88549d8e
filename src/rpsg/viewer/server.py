"""The server of the viewer: only on 127.0.0.1, until it is stopped."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from rpsg.errors import RunError, needed
from rpsg.viewer.app import make_app
from rpsg.viewer.folder import folder_to_show
from rpsg.viewer.guard import TOKEN, GuardedApp, new_home
from rpsg.viewer.pages import Pages
from rpsg.viewer.render import render

if TYPE_CHECKING:
    from pathlib import Path

#: The only address. A viewer for other machines would need accounts and encryption.
HOST = "127.0.0.1"
PORT = 8765
#: Seconds that open connections get when the viewer is stopped.
PATIENCE = 1


class Viewer:
    """A server that shows one folder. It listens as soon as it is made, and answers while ``serve`` runs."""

    def __init__(self, folder: Path, port: int = PORT) -> None:
        """Listen on ``port``, or on another one if that is taken.

        Raises:
            UsageError: ``folder`` is not a folder, or is private.
            MissingExtraError: a package of the extra is not installed.
            RunError: no port is free.
        """
        with needed("view", "uvicorn"):
            import uvicorn
        self.folder = folder_to_show(folder)
        home = new_home()
        self._pages = Pages(self.folder, home)
        app = make_app(self._pages)
        render(
            "problem.html", title="", home=home, tabs=(), message="", hint=""
        )  # so that a missing package is an error now
        self._socket = _listening(port)
        self.port = int(self._socket.getsockname()[1])
        guard = GuardedApp(app, f"{HOST}:{self.port}", home)
        #: The address to open, with the token.
        self.address = f"http://{HOST}:{self.port}{home}/?{TOKEN}={guard.token}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                guard,
                # Nothing is logged by the server: its log of requests would have the token in it.
                log_config=None,
                access_log=False,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=PATIENCE,
            )
        )

    def serve(self) -> None:
        """Answer until ``stop`` is called or the program is told to end (KeyboardInterrupt)."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()

    def stop(self) -> None:
        """Let ``serve`` return; from any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Stop listening, and delete the copies of releases. A second call does nothing."""
        self._socket.close()
        self._pages.close()


def _listening(port: int) -> socket.socket:
    for wanted in dict.fromkeys((port, 0)):
        try:
            return socket.create_server((HOST, wanted))
        except (OSError, OverflowError):
            continue
    raise RunError(
        f"The viewer cannot listen on any port of {HOST}.",
        hint="Check whether this is a container without a network.",
    )
