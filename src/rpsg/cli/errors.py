"""How a failure is shown: one sentence, what to type next, and the exit code of the error's class.

The message of an unexpected error is never shown, in any mode, because it could quote a private text; only
its class and its location in the program are.
"""

from __future__ import annotations

import logging
import os
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from typer import Abort, TyperException

from rpsg.arguments import is_text
from rpsg.cli import logs
from rpsg.cli.console import Screen, print_json
from rpsg.cli.options import SETTINGS
from rpsg.display import FIELDS, LOGGER
from rpsg.errors import RpsgError, in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STOPPED = 130
_PACKAGE = Path(__file__).parents[1]
_LONGEST_QUOTE = 60
_SECRETS = ("key", "token", "secret", "password")


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is shown."""

    type: str
    message: str
    hint: str
    exit_code: int


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what failed, as JSON on stdout if ``--json`` was given, and return the exit code."""
    failure = describe(error, arguments)
    if logs.is_json():
        told = {"event": "failed", **{name: v for name, v in asdict(failure).items() if name != "message"}}
        logging.getLogger(LOGGER).error(failure.message, extra={FIELDS: told})
    if "--json" in arguments:
        print_json({"error": asdict(failure)})
    elif not logs.is_json():
        screen = Screen.stderr()
        screen.line(failure.message, style="red")
        if failure.hint:
            screen.line(failure.hint)
    if os.environ.get("RPSG_DEBUG") and failure.exit_code != STOPPED:
        for line in _trace(error):
            Screen.stderr().line(line, style="dim")
    return failure.exit_code


def describe(error: BaseException, arguments: Sequence[str] = ()) -> Failure:
    """``error`` as it is shown to the user who typed these arguments."""
    kind = type(error).__name__
    if isinstance(error, RpsgError):
        texts = [typed for typed in arguments if is_text(typed)]
        return Failure(kind, _unquoted(error.message, texts), _unquoted(error.hint, texts), error.exit_code)
    if isinstance(error, (KeyboardInterrupt, Abort)):
        resumes = logs.command_of(arguments) in {"run", "embed", "compare"}
        message = "Stopped. Run the same command again to resume." if resumes else "Stopped."
        return Failure("Stopped", message, "", STOPPED)
    if isinstance(error, TyperException):
        return Failure("UsageError", _without_text(error, arguments), _hint(error), error.exit_code)
    message = f"Something went wrong inside RPSG: {kind} at {_location(error)}."
    hint = (
        "This is a bug. Please report the line above. RPSG_DEBUG=1 shows the traceback, without any text of "
        "yours."
    )
    return Failure(kind, message, hint, 1)


def _without_text(error: TyperException, arguments: Sequence[str]) -> str:
    """The parser's message without what was typed, which may be private text."""
    message = error.format_message()
    if "unexpected extra argument" in message:
        return "There are more arguments than this command takes."
    if _is_setting(error):  # options of this command with a similar spelling are not what was meant
        return f"No such option: {getattr(error, 'option_name', '')}."
    message = in_plain_words(message).removesuffix("?")
    message += "?" if "Did you mean" in message else "."
    return _unquoted(message, [t for t in arguments if len(t) > _LONGEST_QUOTE or len(t.split()) > 1])


def _unquoted(message: str, texts: Sequence[str]) -> str:
    """``message`` without any of ``texts``."""
    for text in sorted(texts, key=len, reverse=True):
        message = message.replace(repr(text), "what was typed").replace(text, "what was typed")
    return message


def _hint(error: TyperException) -> str:
    """What to type after a mistyped command."""
    option = str(getattr(error, "option_name", ""))
    if any(word in option.lower() for word in _SECRETS):
        return (
            "A key is never typed as an option, because process lists and shell histories would show it. "
            "The key of a server is read from the environment variable OPENAI_API_KEY, or from the one that "
            "server.key_env names."
        )
    path = getattr(getattr(error, "ctx", None), "command_path", "rpsg")
    if option.startswith("--log-"):
        level = " info" if option == "--log-level" else ""
        typed = path.replace("rpsg", f"rpsg {option}{level}", 1)
        return f"Log options come before the command: {typed} ..."
    if "unexpected extra argument" in error.format_message():
        return _without_option(error, path)
    if _is_setting(error):
        return f"{option} is an option of rpsg run, and {path} does not need it: leave it out."
    parameter = getattr(error, "param", None)
    if parameter is not None and "issing" in error.format_message() and parameter.help:
        name = parameter.opts[-1]
        typed = f"{name} {parameter.metavar}" if name.startswith("-") else parameter.metavar
        return f"Add {typed}: {parameter.help[0].lower()}{parameter.help[1:]} See: {path} --help"
    return f"See: {path} --help"


def _without_option(error: TyperException, path: str) -> str:
    """What a command takes, for somebody who gave it more."""
    if path == "rpsg preview":
        return "rpsg preview reads no private data: leave the file out."
    command = getattr(getattr(error, "ctx", None), "command", None)
    named = [
        str(parameter.metavar or parameter.name).upper()
        for parameter in getattr(command, "params", ())
        if parameter.param_type_name == "argument"
    ]
    takes = (
        f"{path} takes only {' and '.join(named)} without the name of an option."
        if named
        else f"Everything that {path} takes is an option."
    )
    return f"{takes} See: {path} --help"


def _is_setting(error: TyperException) -> bool:
    """Whether the command does not take an option that rpsg run takes."""
    known = {setting.option for setting in SETTINGS}
    return type(error).__name__ == "NoSuchOption" and getattr(error, "option_name", "") in known


def _location(error: BaseException) -> str:
    """File and line of the innermost frame inside RPSG, or of the innermost one if none is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(_PACKAGE)]
    if not frames:
        return "an unknown place"
    frame = (own or frames)[-1]
    return f"{_short(frame.filename)}:{frame.lineno}"


def _short(file: str) -> str:
    """A file's path within the package: the rest describes the machine, not the error."""
    path = Path(file)
    return path.relative_to(_PACKAGE.parent).as_posix() if path.is_relative_to(_PACKAGE) else path.name


def _trace(error: BaseException | None) -> Iterator[str]:
    """Frames and classes of the error and its causes; no messages, no values of variables."""
    if error is None:
        return
    yield from _trace(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}"
    yield type(error).__name__
