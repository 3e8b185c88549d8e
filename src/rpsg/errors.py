"""Every error that RPSG raises on purpose. Each has an exit code, and a hint that says what to do next.

    RpsgError                         1
    ├── LostProcessError              1   a worker process of a check was ended from outside
    ├── UsageError                    2   an option, a plan key or a name that is not known
    │   └── PlugInError               2   a plug-in of another package fails or lacks something
    ├── DataError                     3   the private input cannot be read (says where, never what)
    ├── InfeasibleError               4   the schema, size and budget cannot work together
    ├── BudgetError                   5   the account has too little budget left, or cannot be read
    ├── ModelError                    6   weights missing, damaged or too large for this machine
    ├── RunError                      7   the run folder belongs to another plan, or cannot be written
    ├── VerificationError             8   the claim of a release does not hold
    ├── MissingExtraError             9   an optional package is needed
    ├── PrivacyError                 10   something private was about to leave, and was stopped
    └── LimitError                   11   a limit of the plan is reached; a larger one resumes the run

Ctrl-C ends in exit code 130; the same command resumes the run. Messages contain positions in a file, declared
counts and options, but never private text.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


class RpsgError(Exception):
    """The base class of all errors: a sentence for the user, and in ``hint`` what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message as a user of Python sees it; the command line shows ``sentences``."""
        return in_python(self.sentences)

    @property
    def sentences(self) -> str:
        """The message and the hint."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(RpsgError):
    """An option, a setting, a keyword or a name is unknown, or its value is not allowed."""

    exit_code = 2


class PlugInError(UsageError):
    """A plug-in from another package fails. The message names it, its package, and how to remove the package.

    The message never quotes the plug-in's own error. A plug-in that fails on a private text may fail because
    of that text, so in that case this error is handled like any other failure.
    """


class DataError(RpsgError):
    """The private input cannot be read. The message says where in the file, but quotes nothing from it."""

    exit_code = 3


class InfeasibleError(RpsgError):
    """The schema, the size and the budget cannot work together."""

    exit_code = 4


class LostProcessError(RpsgError):
    """A worker process was ended from outside, or could not start, so the work is not finished."""


class BudgetError(RpsgError):
    """The privacy account of these data has too little budget left, or cannot be read."""

    exit_code = 5


class ModelError(RpsgError):
    """Weights are missing, damaged or too large, or a writer gives no text that can be used."""

    exit_code = 6


class RunError(RpsgError):
    """The run folder belongs to another plan, is not finished, or cannot be written."""

    exit_code = 7


class VerificationError(RpsgError):
    """There is no release, or its claim does not hold."""

    exit_code = 8


class MissingExtraError(RpsgError):
    """An optional package is missing. ``MissingExtraError("local", "xllamacpp")`` names extra and package."""

    exit_code = 9

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"The package {package} is needed here and is not installed.",
            hint=f"Install it with: pip install 'rpsg[{extra}]'",
        )


@contextmanager
def needed(extra: str, package: str) -> Iterator[None]:
    """For a block of imports: MissingExtraError if one of them fails."""
    try:
        yield
    except ImportError:
        raise MissingExtraError(extra, package) from None


class PrivacyError(RpsgError):
    """Something private was about to leave this machine; it was stopped."""

    exit_code = 10


class LimitError(RpsgError):
    """A limit of the plan is reached. Raise the limit to resume the run."""

    exit_code = 11


def in_one_clause(item: Mapping[str, Any]) -> str:
    """An error of pydantic in one clause: the key, and what is wrong with its value. Items of lists are
    counted from 1.
    """
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in item["loc"])
    said = in_plain_words(item["msg"])
    return f"{where}: {said}" if where else said


def in_plain_words(said: str) -> str:
    """The complaint of pydantic about a value, in everyday words and without the full stop."""
    said = said.removesuffix(".").replace("Value error, ", "").replace("Input should be", "must be")
    said = re.sub(r", (?:unable to parse|got a number with).*$", "", said)
    for theirs, ours in (
        ("integer", "whole number"),
        ("string", "text"),
        ("list", "list"),
        ("tuple", "list"),
        ("number", "number"),
    ):
        said = said.replace(f"a valid {theirs}", ours if ours == "text" else f"a {ours}")
    return said


# A command to be typed, up to the end of its sentence. A user of Python types the same command, so it is not
# changed.
_COMMAND = r"(?:rpsg|pip|python|zcat|file --) ?[^\n]*?(?=(?<!\.)[.,;:)](?:\s|$)|\n|$)"
# The value of an option: a placeholder in capitals, a number, a comma-separated list, or a name that is
# not an English word. ``_OPTION`` is an option with its value, or with the value of a role, as in --model
# embedder=PATH.
_NUMBER, _NAME = r"\d[\d.e-]*(?=[\s.,;:)]|$)", r"[\w./-]*[\d_:][\w:./-]*\w|(?:floor|minilm|static)\b"
_VALUE = rf"'[^']*'|\w+(?:\|\w+)+|[A-Z][A-Z_]+\b|{_NUMBER}|\w+(?:,\w+)+|{_NAME}"
_OPTION = (
    r"(?<![\w-])--(?P<name>[a-z][a-z-]*[a-z])"
    rf"(?: (?P<role>[a-z][\w-]*)=(?P<of>\S+\b)| (?P<value>{_VALUE}))?"
)
_SPOKEN = re.compile(
    rf"(?P<command>{_COMMAND})|--with-[a-z]+, or (?P<aids>`aids`) in Python|{_OPTION}|(?<![\w-])-(?P<out>o)\b"
)
_OTHER_NAMES = {"model": "models", "allow-plugin": "plugins", "no-floor": "write_floor=False"}
_LISTS = {"plugins"}
_FLAGS = {"regenerate", "second-opinion", "with-vault", "plain-http"}


def in_python(said: str) -> str:
    """A sentence for the command line as one for Python: ``--n-public 300`` is ``n_public=300``.

    A command within it, such as ``rpsg doctor``, is not changed.
    """
    return _SPOKEN.sub(_spoken, said.replace("he same command", "he same call"))


def _spoken(found: re.Match[str]) -> str:
    if kept := found["command"] or found["aids"]:
        return kept
    if found["out"]:
        return "`out`"
    option = found["name"]
    name = _OTHER_NAMES.get(option, option.replace("-", "_"))
    if found["role"]:
        return f'{name}={{"{found["role"]}": {found["of"]}}}'
    value = found["value"]
    if value is None:
        return f"{name}=True" if option in _FLAGS else name if "=" in name else f"`{name}`"
    if "," in value or name in _LISTS:
        value = "[" + ", ".join(f'"{part}"' for part in value.split(",")) + "]"
    elif (
        not value.isupper() and "'" not in value and "|" not in value and not re.fullmatch(r"[\d.e-]+", value)
    ):
        value = f'"{value}"'
    return f"{name}={value}"
