"""The seal of a ledger, a hash within it, and its signature, in a separate file.

The seal only detects accidental edits, since anybody can compute it.

Signatures are Ed25519 (RFC 8032), with keys as PEM files and the public key in the ledger. They sign the
exact bytes of ``ledger.json``, which holds the hash of every other file of the release. Anybody can sign with
some key: readers must know from elsewhere whose key it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import TYPE_CHECKING, Any

from rpsg.disk.files import create_private, read_private
from rpsg.disk.json_text import canonical_ascii_json
from rpsg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM = "Ed25519"
SIGNATURE = "ledger.sig"
#: The variable with the passphrase of a private key, if it has one.
PASSPHRASE = "RPSG_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable
_MAKE = "Make a pair with: rpsg keygen NAME"
_LARGEST_KEY = 1 << 16


def entry_sha256(ledger: Mapping[str, Any]) -> str:
    """The hash of a ledger without its chain, but with the hash of the previous ledger if there is one."""
    body = {k: v for k, v in ledger.items() if k != "chain"}
    previous = ledger.get("chain", {}).get("prev_sha256")
    if previous is not None:
        body["prev_sha256"] = previous
    return hashlib.sha256(canonical_ascii_json(body)).hexdigest()


def seal(body: Mapping[str, Any], previous_sha256: str | None = None) -> dict[str, Any]:
    """The ledger with its chain."""
    open_ledger = {**body, "chain": {"prev_sha256": previous_sha256}}
    sealed = {"prev_sha256": previous_sha256, "entry_sha256": entry_sha256(open_ledger)}
    return {**body, "chain": sealed}


def make_pair(private: Path, public: Path) -> str:
    """Make a pair of keys as PEM files, the private one of mode 0600; returns the fingerprint.

    The private key is encrypted when ``RPSG_KEY_PASSPHRASE`` is set.

    Raises:
        UsageError: one of the files exists already.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, secret = Ed25519PrivateKey.generate(), os.environ.get(PASSPHRASE, "")
    closed = form.BestAvailableEncryption(secret.encode()) if secret else form.NoEncryption()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, closed)
    told = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    for file in (private, public):
        if os.path.lexists(file):
            raise UsageError(
                f"{file} exists already.", hint="Choose another name; a lost key cannot be made again."
            )
    try:
        create_private(private, pem)
        try:
            create_private(public, told)
        except OSError:
            private.unlink()
            raise
    except OSError as error:
        raise UsageError(
            f"The keys cannot be written: {error.strerror}.",
            hint="Name files in another folder: rpsg keygen FOLDER/NAME",
        ) from None
    public.chmod(0o644)
    return fingerprint(_raw(key.public_key()))


def private_key(file: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file.

    Raises:
        UsageError: there is none, or its passphrase is not the one in ``RPSG_KEY_PASSPHRASE``.
        PrivacyError: others may read the file.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if file.suffix == ".pub":
        raise UsageError(
            f"{file} is a public key, and only a private key can sign.",
            hint=f"Name the private key of the pair: {file.with_suffix('')}",
        )
    secret = os.environ.get(PASSPHRASE, "")
    try:
        content = read_private(file)
        try:
            key = load_pem_private_key(content, secret.encode() or None)
        except TypeError:  # a passphrase is set and the key has none
            key = load_pem_private_key(content, None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(
            f"{file} holds no private key that can be read.",
            hint=f"If the key has a passphrase, put it into {PASSPHRASE}. {_MAKE}",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{file} holds a key that is not for {ALGORITHM}.", hint=_MAKE)
    return key


def public_key(file: Path) -> bytes:
    """The 32 bytes of the public key in a PEM file; UsageError when it holds none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        with file.open("rb") as opened:
            key = load_pem_public_key(opened.read(_LARGEST_KEY))
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(
            f"{file} holds no public {ALGORITHM} key.",
            hint="Name the file that ends in .pub, which rpsg keygen made and which you get from the "
            "publisher.",
        )
    return _raw(key)


def signer_of(key: Ed25519PrivateKey) -> dict[str, str]:
    """The block ``signer`` of a ledger that this key will sign."""
    raw = _raw(key.public_key())
    return {"algorithm": ALGORITHM, "public_key": raw.hex(), "fingerprint": fingerprint(raw)}


def fingerprint(raw: bytes) -> str:
    """The first 128 bits of the SHA-256 of a public key, in groups of four letters."""
    digest = hashlib.sha256(raw).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, 32, 4))


def signature_of(key: Ed25519PrivateKey, ledger: bytes) -> bytes:
    """The content of ``ledger.sig`` for a ledger of these bytes."""
    return base64.b64encode(key.sign(ledger)) + b"\n"


def is_signed(signer: Mapping[str, Any], ledger: bytes, signature: bytes) -> bool:
    """Whether the signature of these bytes is the signer's, and the signer's block is consistent."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        raw = bytes.fromhex(signer["public_key"])
        if (signer["algorithm"], signer["fingerprint"]) != (ALGORITHM, fingerprint(raw)):
            return False
        content = base64.b64decode(signature.removesuffix(b"\n"), validate=True)
        if base64.b64encode(content) + b"\n" != signature:  # the file holds nothing else
            return False
        Ed25519PublicKey.from_public_bytes(raw).verify(content, ledger)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()
