"""The key that opens the private files of runs; it is never in a run folder.

By default it is a file in the state folder, made once. ``[vault] key`` selects another place: the environment
or the keyring of the desktop.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from typing import TYPE_CHECKING, Any, Literal

from rpsg.disk.files import hold_lock, private_dir, read_private, write_atomic
from rpsg.errors import RunError, UsageError, needed
from rpsg.privacy.odometer import state_folder

if TYPE_CHECKING:
    from pathlib import Path

KeySource = Literal["file", "env", "keyring"]
VARIABLE = "RPSG_VAULT_KEY"
KEY_FILE = "vault.key"
KEY_BYTES = 32
_SERVICE, _ENTRY = "rpsg", "vault"
_OTHERWISE = "Without it, this run cannot continue: start a new run in another folder with -o."


def vault_key(source: KeySource, *, make: bool) -> bytes:
    """The 32 bytes that wrap the data keys of runs; with ``make`` a new key if there is none yet.

    Raises:
        RunError: the key is missing and may not be made, or cannot be read.
        UsageError: the environment variable is not set or holds no key.
        MissingExtraError: the package keyring is not installed.
    """
    if source == "env":
        return _from_environment()
    return _from_keyring(make=make) if source == "keyring" else _from_file(make=make)


def _from_file(*, make: bool) -> bytes:
    file = private_dir(state_folder().resolve()) / KEY_FILE
    if make:
        _make(file)
    try:
        key = read_private(file)
    except FileNotFoundError:
        raise RunError(
            f"The key that opens the private files of this run is missing: {file}",
            hint=f"Restore it from a backup, or set RPSG_HOME to the state folder that has it. {_OTHERWISE}",
        ) from None
    if len(key) != KEY_BYTES:
        raise RunError(
            f"{file} is damaged.",
            hint="Restore it from a backup. Without it the private files of earlier runs cannot be read. If "
            "you can do without them, move the damaged file away and start a new run in another folder with "
            "-o.",
        )
    return key


def _make(file: Path) -> None:
    """Make a new key file atomically: if two runs begin at once, the second uses the key of the first."""
    lock = hold_lock(file.with_suffix(".lock"), wait=True)
    try:
        if not os.path.lexists(file):
            write_atomic(file, secrets.token_bytes(KEY_BYTES))
    finally:
        os.close(lock)


def _from_environment() -> bytes:
    told = os.environ.get(VARIABLE, "").strip()
    if not told:
        raise UsageError(
            f"The plan takes the key of private files from {VARIABLE}, but this variable is not set.",
            hint="Make a key once with `openssl rand -hex 32`, keep it safe, and set it with: "
            f"export {VARIABLE}=...",
        )
    return _read_key(told, VARIABLE)


def _from_keyring(*, make: bool) -> bytes:
    with needed("keyring", "keyring"):
        import keyring
    told = _asked(lambda: keyring.get_password(_SERVICE, _ENTRY))
    if told is None and make:
        fresh = secrets.token_hex(KEY_BYTES)
        _asked(lambda: keyring.set_password(_SERVICE, _ENTRY, fresh))
        told = _asked(lambda: keyring.get_password(_SERVICE, _ENTRY))
    if told is None:
        raise RunError(
            "The keyring holds no key for the private files of this run.",
            hint=f"Unlock the keyring of the user who began the run. {_OTHERWISE}",
        )
    return _read_key(told, "the keyring's entry")


def _asked(question: Any) -> Any:
    try:
        return question()
    except Exception as error:
        # Each backend of keyring has its own errors.
        raise RunError(
            f"The keyring cannot be used ({type(error).__name__}).",
            hint='Unlock it, or keep the key elsewhere: [vault] key = "file" in a new run.',
        ) from error


def _read_key(told: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(told) if len(told) == 2 * KEY_BYTES else base64.b64decode(told, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(
            f"{where} does not contain a key: 32 bytes are expected, in hexadecimal or base64.",
            hint="To make a key for new runs: openssl rand -hex 32",
        )
    return key
