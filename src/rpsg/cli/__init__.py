"""The command line. ``main`` is what ``rpsg`` runs; each import waits until it is needed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rpsg.hardening import forbid_core_dumps

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Failures are printed as sentences, never as tracebacks."""
    forbid_core_dumps()
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(
                errors="replace"
            )  # a character that the terminal lacks becomes "?" instead of an error
    try:
        code = _call(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe is gone: what is still buffered is dropped, without a complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # the last stop before a traceback; a panic in a Rust library is not an Exception
        from rpsg.cli.errors import report

        return report(error, given)
    return code


def _call(arguments: list[str]) -> int:
    from rpsg.cli.app import app

    result = app(args=arguments, prog_name="rpsg", standalone_mode=False)
    code = result if isinstance(result, int) else 0
    if code == 130:  # the parser turns Ctrl-C into this number
        raise KeyboardInterrupt
    return code
