"""Where RPSG keeps accounts, keys and models, as the environment says."""

from __future__ import annotations

import os
from pathlib import Path

from rpsg.errors import UsageError


def home_folder(variable: str, default: str) -> Path:
    """``$RPSG_HOME``, else the folder ``rpsg`` in that of the XDG ``variable``, else in ``default``.

    ``default`` is relative to the user's home folder.

    Raises:
        UsageError: a variable holds a relative path, or begins with ``~`` where no home folder is known. A
            relative path depends on where a command is started, so that there would be several account books,
            each of which knows only a part of what was spent. The XDG base directory specification says that
            a relative path is ignored; but earlier versions used it, and the account book that is there must
            not be forgotten.
    """
    if home := os.environ.get("RPSG_HOME"):
        return _absolute("RPSG_HOME", home)
    if base := os.environ.get(variable):
        return _absolute(variable, base) / "rpsg"
    return _absolute("HOME", "~") / default / "rpsg"


def _absolute(variable: str, value: str) -> Path:
    try:
        folder = Path(value).expanduser()
    except RuntimeError:
        raise UsageError(
            f"The environment variable {variable} must hold an absolute path. The home folder "
            f"{Path(value).parts[0]} is not known.",
            hint=f"Write the whole path: export {variable}=/FOLDER",
        ) from None
    if not folder.is_absolute():
        raise UsageError(
            f"The environment variable {variable} must hold an absolute path. With a relative one, each "
            "folder in which RPSG is started would have its own account book.",
            hint=f'For the folder below this one: export {variable}="$PWD/{folder}"',
        )
    return folder
