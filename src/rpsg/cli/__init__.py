"""The command line. ``main`` is what ``rpsg`` runs; each import waits until it is needed."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rpsg.cli import logs
from rpsg.cli.streams import UNWRITTEN, tolerant
from rpsg.hardening import forbid_core_dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from rpsg.cli.streams import Stream


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Failures are printed as sentences, never as tracebacks."""
    forbid_core_dumps()
    given = list(sys.argv[1:] if arguments is None else arguments)
    with tolerant() as (out, _), _told_to_end():
        try:
            code = _call(given)
        except (SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  # the last stop before a traceback; a panic in a Rust library is not an Exception
            from rpsg.cli.errors import report

            return report(error, given)
        finally:
            logs.stop()
        out.flush()
        return _unwritten(out, given) if out.is_full and not code else code


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Within this block SIGTERM and SIGHUP stop the command like Ctrl-C, so no temporary folder is left.

    A signal that is already ignored stays ignored: under nohup a command outlives its terminal.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    ours: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        ends = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        ours = [number for number in ends if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _unwritten(out: Stream, given: Sequence[str]) -> int:
    """Say that a command has done its work, but could not write its output.

    A run counts as finished all the same, because its results are in its folder.
    """
    from rpsg.cli.console import Screen

    reason = (out.failure and out.failure.strerror) or "the system refused"
    screen = Screen.stderr()
    screen.line(f"The command has done its work, but its output could not be written: {reason}.", style="red")
    is_run = logs.command_of(given) == "run" and "--help" not in given
    screen.line(
        "The run is finished and in its folder. To see its summary: rpsg report RUN --text"
        if is_run
        else "Repeat the command with an output that can be written, such as > FILE on a disk that has space."
    )
    return 0 if is_run and "--json" not in given else UNWRITTEN


def _call(arguments: list[str]) -> int:
    from rpsg.cli.app import parser

    result = parser.main(arguments, prog_name="rpsg", standalone_mode=False)
    code = result if isinstance(result, int) else 0
    if code == 130:  # the parser turns Ctrl-C into this number
        raise KeyboardInterrupt
    return code
