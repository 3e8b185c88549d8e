"""Where RPSG keeps accounts, keys and models, as the environment says."""

from __future__ import annotations

import os
from pathlib import Path

from rpsg.errors import UsageError


def home_folder(variable: str, default: str) -> Path:
    """``$RPSG_HOME``, else the folder ``rpsg`` in that of the XDG ``variable``, else in ``default``.

    ``default`` is relative to the user's home folder. A relative path in ``variable`` is ignored, as the XDG
    base directory specification says.

    Raises:
        UsageError: the folder depends on where a command is started, so that there would be several account
            books, each of which knows only a part of what was spent.
    """
    if home := os.environ.get("RPSG_HOME"):
        folder, named = Path(home).expanduser(), "RPSG_HOME"
    else:
        base = Path(os.environ.get(variable, "")).expanduser()
        folder = (base if base.is_absolute() else Path.home() / default) / "rpsg"
        named = "HOME"
    if not folder.is_absolute():
        raise UsageError(
            f"The environment variable {named} must hold an absolute path. With a relative one, each folder "
            "in which RPSG is started would have its own account book.",
            hint=f'For the folder below this one: export RPSG_HOME="$PWD/{folder.name}"',
        )
    return folder
