"""``--log-level`` and ``--log-json``: the log of a command on standard error, in place of its progress.

No line has the time of day, because times of lines would show how long each step took, and some steps read
private texts. A log collector that adds its own times makes its log private.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Literal

from rpsg.display import FIELDS, LOGGER

if TYPE_CHECKING:
    from collections.abc import Sequence

Level = Literal["debug", "info", "warning", "error"]


class AsText(logging.Formatter):
    """A line such as "info rpsg.run: counting cards ..."; text of others cannot control the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        from rpsg.display import printable

        message = " ".join(printable(record.getMessage()).split())
        return f"{record.levelname.lower()} {record.name}: {message}"


class AsJson(logging.Formatter):
    """One JSON object per line, in ASCII: level, logger, message, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        from rpsg.cli.console import plain

        fields: dict[str, Any] = getattr(record, FIELDS, {})
        said = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(plain({**said, **fields}), allow_nan=False, default=str)


class ToStderr(logging.Handler):
    """Writes to whatever ``sys.stderr`` is when a line is written."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


def start(level: Level | None, *, as_json: bool) -> None:
    """Log ``level`` and above: "info" if only ``--log-json`` was given, nothing if neither option was."""
    stop()
    if level is None and not as_json:
        return
    handler = ToStderr()
    handler.setFormatter(AsJson() if as_json else AsText())
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel((level or "info").upper())


def stop() -> None:
    """Stop logging."""
    logger = logging.getLogger(LOGGER)
    for handler in _ours():
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def is_on() -> bool:
    """Whether this command logs."""
    return bool(_ours())


def is_json() -> bool:
    """Whether every line on standard error is a JSON object."""
    return any(isinstance(handler.formatter, AsJson) for handler in _ours())


def _ours() -> list[ToStderr]:
    return [handler for handler in logging.getLogger(LOGGER).handlers if isinstance(handler, ToStderr)]


def from_command(arguments: Sequence[str]) -> list[str]:
    """The words that were typed, beginning with the command: without the log options before it."""
    words = list(arguments)
    while words and words[0].startswith("--log-"):
        del words[: 2 if words[0] == "--log-level" else 1]
    return words


def command_of(arguments: Sequence[str]) -> str:
    """The command among the words that were typed; "" if there is none."""
    return next(iter(from_command(arguments)), "")
