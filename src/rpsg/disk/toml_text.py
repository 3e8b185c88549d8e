"""A strict reader of TOML files; its errors name the kind of file that was expected."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from rpsg.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path


def read_toml_file(path: Path | Traversable, what: str, *, hint: str = "") -> dict[str, Any]:
    """The content of a TOML file in UTF-8, which may begin with a byte-order mark, as editors on Windows
    write it. ``what`` is its kind in messages, e.g. "plan file".

    Raises:
        UsageError: there is no such file, it cannot be read, or it is not TOML; the error has ``hint``.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problem = f"There is no {what} {path}."
    except OSError as error:
        problem = f"The {what} {path} cannot be read: {error.strerror}."
    except UnicodeDecodeError:
        problem, hint = f"The {what} {path} is not in UTF-8.", "Open it in an editor and save it as UTF-8."
    except tomllib.TOMLDecodeError as error:
        problem = f"The {what} {path} is not valid TOML: {error}."
        if any(words in str(error) for words in ("Invalid hex value", "Unescaped '\\'")):
            hint = r"Write paths of Windows in single quotes: 'C:\Users\me\notes.csv'"
    except RecursionError:
        problem = f"The {what} {path} is nested too deeply."
    raise UsageError(problem, hint=hint)
