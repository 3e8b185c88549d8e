"""``rpsg publish`` and ``rpsg keygen``: sign a release, and make the keys for it."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003  # typer reads it at run time
from typing import Annotated

import typer

from rpsg.cli.options import AsJson  # noqa: TC001  # typer reads it at run time
from rpsg.errors import UsageError
from rpsg.storage.layout import RELEASE


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    sign: Annotated[
        Path,
        typer.Option("--sign", metavar="KEY", help="The private key, a PEM file; `rpsg keygen` makes one."),
    ],
    audit: Annotated[
        Path | None,
        typer.Option(
            "--audit",
            metavar="FOLDER",
            help="Also publish the audit in this folder: RUN itself, or an audit run of the same plan.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="The path of the private texts, if --audit names an audit run.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the release of a run, so that others can see who vouches for it.

    The release is checked first and then rebuilt with the key's fingerprint in its ledger, card and report.
    Send KEY.pub to your readers by a different route from the release: rpsg verify RELEASE --key KEY.pub

    The figures of an audit are counted from private texts without noise, and no claim covers them. Once
    published they stay in the ledger, and the account of the data records this. An audit of another plan or
    of other private rows is refused, and so is one whose counts cannot belong to the release or whose
    verdicts do not follow from its figures.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.pipeline.verification.sign import publish as sign_release

    if data is not None and audit is None:
        raise UsageError(
            "--data can only be used with --audit.", hint="Leave it out: publish reads no private text."
        )
    fingerprint = sign_release(run, sign, audit=audit, data=data)
    if as_json:
        print_json({"published": {"release": str(run / RELEASE), "fingerprint": fingerprint}})
    else:
        screen = Screen.stdout()
        screen.facts((("signed", str(run / RELEASE)), ("fingerprint", fingerprint)))
        screen.line("  Your readers check it with the public key of the pair:")
        screen.command("rpsg verify RELEASE --key KEY.pub")


def keygen(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Name of the two files to write: NAME and NAME.pub.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a pair of keys: NAME signs and stays with you, NAME.pub is for your readers.

    The private key is encrypted if the environment variable RPSG_KEY_PASSPHRASE holds a passphrase.
    """
    from rpsg.cli.console import Screen, print_json
    from rpsg.privacy.signing import make_pair

    if not name.name:
        raise UsageError("The pair of keys needs a name.", hint="For instance: rpsg keygen publisher")
    public = name.with_name(f"{name.name}.pub")
    fingerprint = make_pair(name, public)
    if as_json:
        print_json({"keys": {"private": str(name), "public": str(public), "fingerprint": fingerprint}})
    else:
        screen = Screen.stdout()
        screen.facts((("private key", str(name)), ("public key", str(public)), ("fingerprint", fingerprint)))
        screen.line("  Sign a release with it:")
        screen.command(f"rpsg publish RUN --sign {shlex.quote(str(name))}")
