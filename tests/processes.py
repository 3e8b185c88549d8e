"""Processes for tests that kill them, each forked from one that has imported what scripts need.

A new interpreter would import that again, which takes most of a second, and some tests start fifty processes.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "rpsg.models.openai.writer",
        "rpsg.privacy.kernel",
        "rpsg.privacy.odometer",
        "rpsg.privacy.vector_sum",
        "rpsg.storage.cached_writer",
    ]
)


def started(script: str, *words: str, said: Path) -> ForkServerProcess:
    """A process that runs the script with these arguments, and writes what it prints to the file ``said``."""
    process = FORKS.Process(target=_run, args=(script, words, said), daemon=True)
    process.start()
    return process


def exit_code(script: str, *words: str, said: Path) -> int:
    """How such a process ended; minus the number of a signal that killed it."""
    process = started(script, *words, said=said)
    process.join(100)
    assert process.exitcode is not None, "it still runs"
    return process.exitcode


def _run(script: str, words: tuple[str, ...], said: Path) -> None:
    sys.argv = ["-c", *words]
    sys.stdout = sys.stderr = said.open("w", encoding="utf-8", buffering=1)
    exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
