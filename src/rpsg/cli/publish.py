"""``rpsg publish`` and ``rpsg keygen``: releases that say who made them."""

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
        typer.Option("--sign", metavar="KEY", help="The private key, a PEM file; rpsg keygen makes one."),
    ],
    as_json: AsJson = False,
) -> None:
    """Sign the release of a run, so that others can see who stands behind it.

    The release is checked first and then built again with the key's fingerprint in ledger, card and report.
    Hand the file KEY.pub to your readers in another way than the release: rpsg verify RELEASE --key KEY.pub
    """
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.verification import sign as publishing  # noqa: PLC0415  # only when it is needed: the help must be quick

    told = publishing.publish(run, sign)
    if as_json:
        print_json({"published": {"release": str(run / RELEASE), "fingerprint": told}})
    else:
        screen = Screen.stdout()
        screen.facts((("signed", str(run / RELEASE)), ("fingerprint", told)))
        screen.line("  Your readers check it with the public key of the pair:")
        screen.command("rpsg verify RELEASE --key KEY.pub")


def keygen(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="Where the pair goes: NAME and NAME.pub.")],
    as_json: AsJson = False,
) -> None:
    """Make a pair of keys: NAME signs and stays with you, NAME.pub is for your readers.

    With a passphrase in the variable RPSG_KEY_PASSPHRASE the private key is encrypted.
    """
    from rpsg.cli.console import Screen, print_json  # noqa: PLC0415  # only when it is needed: the help must be quick
    from rpsg.privacy.signing import make_pair  # noqa: PLC0415  # only when it is needed: the help must be quick

    if not name.name:
        raise UsageError("The pair of keys needs a name.", hint="For instance: rpsg keygen publisher")
    public = name.with_name(f"{name.name}.pub")
    told = make_pair(name, public)
    if as_json:
        print_json({"keys": {"private": str(name), "public": str(public), "fingerprint": told}})
    else:
        screen = Screen.stdout()
        screen.facts((("private key", str(name)), ("public key", str(public)), ("fingerprint", told)))
        screen.line("  Sign a release with it:")
        screen.command(f"rpsg publish RUN --sign {shlex.quote(str(name))}")
